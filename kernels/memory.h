/*
 * memory.h
 *	  Host memory for tensors, weights and KV blocks, shared by the ref and cpu kernels.
 */
#ifndef LLM_KERNELS_MEMORY_H
#define LLM_KERNELS_MEMORY_H

#include "kernels/kernels.h"

/*
 * n_bytes of zeroed memory, 64-byte aligned; NULL when there is none.  From 2 MiB on it comes from
 * the kernel with transparent huge pages asked for, and is only backed once it is touched.
 */
extern void *llm_memory_alloc(size_t n_bytes);

/* Release memory of llm_memory_alloc; NULL is fine. */
extern void llm_memory_free(void *memory);

/* Entries of the kernels table for a device whose memory is the host's. */
extern void *llm_host_alloc(LlmDevice *dev, size_t n_bytes);
extern void llm_host_free(LlmDevice *dev, void *memory);
extern void llm_host_write(LlmDevice *dev, void *dst, const void *host_src, size_t n_bytes);
extern void llm_host_read(LlmDevice *dev, void *host_dst, const void *src, size_t n_bytes);

#endif /* LLM_KERNELS_MEMORY_H */
