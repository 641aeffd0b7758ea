/*
 * test_hourly.c
 *	  Counts of an hour across its edges.
 */
#include "unit.h"

#include "ipc/hourly.h"

int
main(void)
{
	uint64_t hour = 235000, word = 0;

	CHECK(llm_hourly_count(word, hour) == 0);
	word = llm_hourly_add(word, hour, 7);
	word = llm_hourly_add(word, hour, 5);
	CHECK(llm_hourly_count(word, hour) == 12);

	/* The next hour begins with nothing, whether somebody counts in it or not. */
	CHECK(llm_hourly_count(word, hour + 1) == 0);
	word = llm_hourly_add(word, hour + 1, 3);
	CHECK(llm_hourly_count(word, hour + 1) == 3 && llm_hourly_count(word, hour) == 0);

	/* The clock was put back, and on again. */
	word = llm_hourly_add(word, hour, 1);
	CHECK(llm_hourly_count(word, hour) == 1 && llm_hourly_count(word, hour + 1) == 0);
	word = llm_hourly_add(word, hour + 1, 2);
	CHECK(llm_hourly_count(word, hour + 1) == 2);

	/* As much as fits, without a carry into the hour. */
	word = llm_hourly_add(word, hour + 1, LLM_HOURLY_MAX - 2);
	CHECK(llm_hourly_count(word, hour + 1) == LLM_HOURLY_MAX);
	word = llm_hourly_add(word, hour + 1, UINT64_MAX);
	CHECK(llm_hourly_count(word, hour + 1) == LLM_HOURLY_MAX);
	CHECK(llm_hourly_count(llm_hourly_add(word, hour + 2, UINT64_MAX), hour + 2) == LLM_HOURLY_MAX);

	/* The largest hour that fits. */
	hour = (UINT64_C(1) << 24) - 1;
	CHECK(llm_hourly_count(llm_hourly_add(word, hour, 9), hour) == 9);
	return unit_done("hourly");
}
