/*
 * assert.h
 *	  LLM_ASSERT: for programmer errors only, never for input, files or the device.
 *
 * Active unless NDEBUG is defined; the release build of the engine defines it.
 */
#ifndef LLM_BASE_ASSERT_H
#define LLM_BASE_ASSERT_H

#include <assert.h>

#define LLM_ASSERT(condition) assert(condition)

#endif /* LLM_BASE_ASSERT_H */
