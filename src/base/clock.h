/*
 * clock.h
 *	  The clocks in microseconds.  Pure logic takes times as arguments instead.
 */
#ifndef LLM_BASE_CLOCK_H
#define LLM_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* The monotonic clock: for everything that is measured. */
static inline int64_t
llm_clock_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Since 1970, as people set it: for what is shown. */
static inline int64_t
llm_clock_unix_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif /* LLM_BASE_CLOCK_H */
