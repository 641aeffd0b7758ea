/*
 * unit.h
 *	  The whole test framework: checks that count, and a summary line.
 *
 * A test program calls check functions from main() and ends with `return unit_done("name");`.  Its
 * last line is "unit <name>: N passed, N failed, N skipped", which test/tools/summary.py adds up.
 */
#ifndef LLM_TEST_UNIT_H
#define LLM_TEST_UNIT_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int unit_passed, unit_failed, unit_skipped;

/* Count one check; print where it failed. */
#define CHECK(condition) unit_check((condition), __FILE__, __LINE__, "%s", #condition)

/* The same with a message of your own. */
#define CHECK_MSG(condition, ...) unit_check((condition), __FILE__, __LINE__, __VA_ARGS__)

/* Count a group of checks that cannot run here, with the reason. */
#define SKIP(reason) (unit_skipped++, printf("skip: %s\n", (reason)))

__attribute__((format(printf, 4, 5))) static inline bool
unit_check(bool ok, const char *file, int line, const char *fmt, ...)
{
	if (ok)
		unit_passed++;
	else
	{
		__builtin_va_list args;

		unit_failed++;
		printf("FAILED %s:%d: ", file, line);
		__builtin_va_start(args, fmt);
		vprintf(fmt, args);
		__builtin_va_end(args);
		printf("\n");
		fflush(stdout);
	}
	return ok;
}

/*
 * Seconds of processor time that this program has used.  Checks that something is fast measure
 * this: a machine that is busy or stalled does not make them fail.
 */
static inline double
unit_cpu_seconds(void)
{
	return (double) clock() / CLOCKS_PER_SEC;
}

/* Print the summary of the program called name; the exit status of main. */
static inline int
unit_done(const char *name)
{
	printf("unit %s: %d passed, %d failed, %d skipped\n", name, unit_passed, unit_failed,
		   unit_skipped);
	return unit_failed == 0 ? 0 : 1;
}

#endif /* LLM_TEST_UNIT_H */
