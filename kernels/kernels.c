/*
 * kernels.c
 *	  Choice of the kernel set by name.
 */
#include "kernels/kernels.h"

#include <string.h>

/* Best first: "auto" takes the first. */
static const LlmKernels *const kernel_sets[] = {&llm_cpu_kernels, &llm_ref_kernels};

const LlmKernels *
llm_kernels_find(const char *name)
{
	if (strcmp(name, "auto") == 0)
		return kernel_sets[0];
	for (size_t i = 0; i < sizeof(kernel_sets) / sizeof(kernel_sets[0]); i++)
	{
		if (strcmp(kernel_sets[i]->name, name) == 0)
			return kernel_sets[i];
	}
	return NULL;
}
