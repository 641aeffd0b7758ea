/*
 * fuzz_gguf.c
 *	  Arbitrary bytes as a model file: parsed, walked, checked, and run when they are a model.
 */
#include "../unit/gguf_exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (exercise_gguf(data, size, &llm_ref_kernels) == EXERCISE_BROKEN)
		abort();
	return 0;
}
