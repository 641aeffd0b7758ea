/*
 * memory.c
 *	  Host memory for tensors, weights and KV blocks.
 *
 * A header of one cache line in front of the memory remembers how to release it, because the
 * kernels table's free() is not told the size.
 *
 *		| padding to 64 bytes or 2 MiB | header (64 bytes) | memory ... |
 *
 * Large pieces start 64 bytes behind a 2 MiB border: they stream through the TLB with one entry
 * per 2 MiB where the system grants huge pages (5 to 15 % on batch-1 matmuls).
 */
#define _GNU_SOURCE

#include "kernels/memory.h"

#include "base/assert.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t) 2 << 20)
#define CACHE_LINE 64

typedef struct MemoryHeader
{
	void *base;		/* what malloc or mmap returned */
	size_t n_bytes; /* length of the mapping; 0 when base came from malloc */
} MemoryHeader;

_Static_assert(sizeof(MemoryHeader) <= CACHE_LINE, "header fits its line");

/* Put a header at the first border of `align` bytes in base; returns the memory behind it. */
static void *
place_header(void *base, size_t align, size_t mapped_bytes)
{
	uintptr_t start = ((uintptr_t) base + align - 1) / align * align;
	MemoryHeader *header = (MemoryHeader *) start;

	header->base = base;
	header->n_bytes = mapped_bytes;
	return (char *) header + CACHE_LINE;
}

void *
llm_memory_alloc(size_t n_bytes)
{
	if (n_bytes > SIZE_MAX - 2 * HUGE_PAGE)
		return NULL;
	if (n_bytes < HUGE_PAGE)
	{
		void *base = calloc(1, n_bytes + 2 * CACHE_LINE);

		return base == NULL ? NULL : place_header(base, CACHE_LINE, 0);
	}

	size_t mapped_bytes = n_bytes + CACHE_LINE + HUGE_PAGE;
	void *base = mmap(NULL, mapped_bytes, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	/* A kernel without huge pages refuses: the memory is as good, only slower. */
	(void) madvise(base, mapped_bytes, MADV_HUGEPAGE);
	return place_header(base, HUGE_PAGE, mapped_bytes);
}

void
llm_memory_free(void *memory)
{
	if (memory == NULL)
		return;

	MemoryHeader header = *(MemoryHeader *) ((char *) memory - CACHE_LINE);

	LLM_ASSERT((uintptr_t) memory % CACHE_LINE == 0);
	if (header.n_bytes == 0)
		free(header.base);
	else
		munmap(header.base, header.n_bytes);
}

void *
llm_host_alloc(LlmDevice *dev, size_t n_bytes)
{
	(void) dev;
	return llm_memory_alloc(n_bytes);
}

void
llm_host_free(LlmDevice *dev, void *memory)
{
	(void) dev;
	llm_memory_free(memory);
}

void
llm_host_write(LlmDevice *dev, void *dst, const void *host_src, size_t n_bytes)
{
	(void) dev;
	memcpy(dst, host_src, n_bytes);
}

void
llm_host_read(LlmDevice *dev, void *host_dst, const void *src, size_t n_bytes)
{
	(void) dev;
	memcpy(host_dst, src, n_bytes);
}
