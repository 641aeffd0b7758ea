/*
 * draft_pay.c
 *	  Whether it pays to let the draft model run; see draft_pay.h.
 */
#include "engine/draft_pay.h"

#include "base/assert.h"

#include <string.h>

/* Steps that try the other way; the first of them are not counted: shadows have to catch up. */
#define N_TRIED 10
#define N_SETTLE 2

/* Where it is worse by more than this, after two steps that count, no more are wasted on it. */
#define CLEARLY_WORSE 1.3
#define N_CLEAR (N_SETTLE + 2)

/* Steps between two trials. */
#define FIRST_INTERVAL 4
#define MIN_INTERVAL 32
#define MAX_INTERVAL 1024

/* What trials that fail may cost, of all time; a trial waits this long at most to be paid for. */
#define TRIAL_SHARE 0.05
#define MAX_PAYBACK 16384

/* The weight of a new step in what is known. */
#define NEWS 0.1

/* Times are noisy: the other way must be better by more than this. */
#define LEAST_GAIN 0.97

static int
class_of(int32_t n_sequences)
{
	int class = 0;

	LLM_ASSERT(n_sequences >= 1);
	while (n_sequences > 1 && class < LLM_DRAFT_PAY_CLASSES - 1)
	{
		n_sequences /= 2;
		class ++;
	}
	return class;
}

void
llm_draft_pay_init(LlmDraftPay *pay, bool always)
{
	memset(pay, 0, sizeof(*pay));
	pay->always = always;
	for (int i = 0; i < LLM_DRAFT_PAY_CLASSES; i++)
	{
		pay->classes[i].n_until = FIRST_INTERVAL;
		pay->classes[i].interval = MIN_INTERVAL / 2;
	}
}

bool
llm_draft_pay_asks(const LlmDraftPay *pay, int32_t n_sequences, bool decodes)
{
	const LlmDraftPayClass *class = &pay->classes[class_of(n_sequences)];
	bool tries = decodes && class->n_until == 0;

	return !pay->never && (pay->always || class->drafts != tries);
}

static void
learn(double *average, double value)
{
	*average = *average == 0 ? value : *average + NEWS * (value - *average);
}

static bool
is_clearly_worse(const LlmDraftPayClass *class)
{
	return (double) class->tried_us >
		   CLEARLY_WORSE * class->us_per_token * (double) class->tried_tokens;
}

/* Steps in which what the trial cost more than the known way is no more than its share. */
static int32_t
steps_to_pay_back(const LlmDraftPayClass *class)
{
	double lost_us = (double) class->trial_us - class->us_per_token * (double) class->trial_tokens;
	double n_steps = lost_us / (TRIAL_SHARE * class->step_us);

	return n_steps < MAX_PAYBACK ? (int32_t) n_steps : MAX_PAYBACK;
}

/* The trial is over: is the other way better? */
static void
judge(LlmDraftPayClass *class)
{
	double us_per_token = (double) class->tried_us / (double) class->tried_tokens;
	int32_t payback = 0;

	if (us_per_token < LEAST_GAIN * class->us_per_token)
	{
		class->drafts = !class->drafts;
		class->us_per_token = us_per_token;
		class->step_us = (double) class->tried_us / (class->n_tried - N_SETTLE);
		class->interval = MIN_INTERVAL;
	}
	else
	{
		class->interval *= is_clearly_worse(class) ? 4 : 2;
		payback = steps_to_pay_back(class);
	}
	if (class->interval > MAX_INTERVAL)
		class->interval = MAX_INTERVAL;
	class->n_until = class->interval > payback ? class->interval : payback;
	class->n_tried = 0;
	class->tried_us = class->tried_tokens = 0;
	class->trial_us = class->trial_tokens = 0;
}

void
llm_draft_pay_note(LlmDraftPay *pay, int32_t n_sequences, bool drafted, int32_t n_tokens,
				   int64_t us)
{
	LlmDraftPayClass *class = &pay->classes[class_of(n_sequences)];
	bool tries = class->n_until == 0;

	/* It was chosen for a batch of another size. */
	if (n_tokens <= 0 || us <= 0 || drafted != (class->drafts != tries))
		return;
	if (!tries)
	{
		learn(&class->us_per_token, (double) us / n_tokens);
		learn(&class->step_us, (double) us);
		class->n_until--;
		return;
	}
	class->trial_us += us;
	class->trial_tokens += n_tokens;
	if (class->n_tried++ < N_SETTLE)
		return;
	class->tried_us += us;
	class->tried_tokens += n_tokens;
	if (class->n_tried == N_TRIED || (class->n_tried >= N_CLEAR && is_clearly_worse(class)))
		judge(class);
}
