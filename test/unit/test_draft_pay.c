/*
 * test_draft_pay.c
 *	  A draft model runs where that was measured to pay, and is tried seldom where it was not.
 */
#include "unit.h"

#include "engine/draft_pay.h"

#define N_STEPS 4000

/* How many of N_STEPS steps ask for drafts, when a token takes so long without and with them. */
static int
count_asked(LlmDraftPay *pay, int32_t n_sequences, int64_t plain_us, int64_t drafted_us)
{
	int n_asked = 0;

	for (int i = 0; i < N_STEPS; i++)
	{
		bool asks = llm_draft_pay_asks(pay, n_sequences, true);
		int32_t n_tokens = asks ? 2 * n_sequences : n_sequences;

		n_asked += asks;
		llm_draft_pay_note(pay, n_sequences, asks, n_tokens,
						   n_tokens * (asks ? drafted_us : plain_us));
	}
	return n_asked;
}

/* Where each trial begins with steps that take fifty times as long, few trials are made. */
static void
check_share(void)
{
	LlmDraftPay pay;
	int64_t plain_us = 0, trial_us = 0;
	int n_in_row = 0;

	llm_draft_pay_init(&pay, false);
	for (int i = 0; i < 5 * N_STEPS; i++)
	{
		bool asks = llm_draft_pay_asks(&pay, 32, true);
		int64_t us = 3200;

		n_in_row = asks ? n_in_row + 1 : 0;
		if (asks)
			us *= n_in_row <= 2 ? 50 : 2;
		*(asks ? &trial_us : &plain_us) += us;
		llm_draft_pay_note(&pay, 32, asks, 32, us);
	}
	CHECK_MSG(trial_us > 0 && (double) trial_us < 0.06 * (double) plain_us,
			  "trials took %f of the time", (double) trial_us / (double) plain_us);
}

int
main(void)
{
	LlmDraftPay pay;
	int n_asked;

	llm_draft_pay_init(&pay, false);
	CHECK(!llm_draft_pay_asks(&pay, 1, true));
	for (int i = 0; i < 4; i++)
		llm_draft_pay_note(&pay, 1, false, 1, 1000);
	CHECK(llm_draft_pay_asks(&pay, 1, true) && !llm_draft_pay_asks(&pay, 1, false));
	n_asked = count_asked(&pay, 1, 1000, 500);
	CHECK(llm_draft_pay_asks(&pay, 1, false));
	CHECK_MSG(n_asked > N_STEPS * 9 / 10, "asked %d times where it pays", n_asked);
	n_asked = count_asked(&pay, 32, 100, 150);
	CHECK_MSG(n_asked > 0 && n_asked < N_STEPS / 40, "asked %d times where it does not", n_asked);

	/* Each size learns for itself, and what was learned changes when times do. */
	CHECK(llm_draft_pay_asks(&pay, 1, true) || count_asked(&pay, 1, 1000, 500) > N_STEPS / 2);
	n_asked = count_asked(&pay, 32, 100, 50);
	CHECK_MSG(n_asked > N_STEPS / 2, "asked %d times after times have changed", n_asked);
	n_asked = count_asked(&pay, 32, 100, 150);
	CHECK_MSG(n_asked < N_STEPS / 2, "asked %d times after they have changed back", n_asked);

	/* A little better is not enough, and steps of the other kind teach nothing. */
	llm_draft_pay_init(&pay, false);
	n_asked = count_asked(&pay, 1, 1000, 990);
	CHECK_MSG(n_asked < N_STEPS / 40, "asked %d times for nothing", n_asked);
	llm_draft_pay_init(&pay, false);
	for (int i = 0; i < 100; i++)
		llm_draft_pay_note(&pay, 1, true, 4, 1);
	CHECK(!llm_draft_pay_asks(&pay, 1, true));

	llm_draft_pay_init(&pay, true);
	CHECK(count_asked(&pay, 1152, 100, 500) == N_STEPS);
	pay.never = true;
	CHECK(count_asked(&pay, 1, 100, 10) == 0);
	check_share();
	return unit_done("draft_pay");
}
