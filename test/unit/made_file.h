/*
 * made_file.h
 *	  Files that test.mk makes for tests, in the directory LLM_TEST_GOLDEN.
 */
#ifndef LLM_TEST_MADE_FILE_H
#define LLM_TEST_MADE_FILE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Is there a file of this name?  Its path goes to path. */
static inline bool
made_file_find(const char *name, char path[4096])
{
	const char *directory = getenv("LLM_TEST_GOLDEN");

	snprintf(path, 4096, "%s/%s", directory == NULL ? "" : directory, name);
	return access(path, R_OK) == 0;
}

#endif /* LLM_TEST_MADE_FILE_H */
