/*
 * hourly.h
 *	  A count that begins anew with each hour, in one 64-bit word.
 *
 * The hour and the count change together, so that one writer needs no lock for its readers.  Hours
 * are numbered by the caller; a count of another hour, also of a later one when the clock was put
 * back, is none.  Plain C, for the server and for tests.
 */
#ifndef LLM_IPC_HOURLY_H
#define LLM_IPC_HOURLY_H

#include <stdint.h>

/* The count is in the lower bits, the hour in those above. */
#define LLM_HOURLY_BITS 40
#define LLM_HOURLY_MAX ((UINT64_C(1) << LLM_HOURLY_BITS) - 1)

/* What the word has counted in this hour. */
static inline uint64_t
llm_hourly_count(uint64_t word, uint64_t hour)
{
	return word >> LLM_HOURLY_BITS == hour ? word & LLM_HOURLY_MAX : 0;
}

/* The word with n more of this hour, which fits into 24 bits; no more than LLM_HOURLY_MAX. */
static inline uint64_t
llm_hourly_add(uint64_t word, uint64_t hour, uint64_t n)
{
	uint64_t count = llm_hourly_count(word, hour);

	if (n > LLM_HOURLY_MAX - count)
		n = LLM_HOURLY_MAX - count;
	return hour << LLM_HOURLY_BITS | (count + n);
}

#endif /* LLM_IPC_HOURLY_H */
