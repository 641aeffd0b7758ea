/*
 * arena.c
 *	  Bump allocator; see arena.h.  Chunks double from 4 KiB to 1 MiB.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define FIRST_CHUNK_BYTES ((size_t) 4096)
#define LARGEST_CHUNK_BYTES ((size_t) 1 << 20)

struct LlmArenaChunk
{
	LlmArenaChunk *older;
	size_t size; /* bytes in data */
	alignas(max_align_t) char data[];
};

void
llm_arena_init(LlmArena *arena, size_t max_bytes)
{
	memset(arena, 0, sizeof(*arena));
	arena->max = max_bytes;
}

void *
llm_arena_alloc(LlmArena *arena, size_t n_bytes)
{
	const size_t align = alignof(max_align_t);
	void *result;

	if (n_bytes > SIZE_MAX / 2)
		return NULL;
	n_bytes = (n_bytes + align - 1) / align * align;
	if (arena->chunk == NULL || arena->chunk->size - arena->used < n_bytes)
	{
		size_t size = arena->chunk == NULL ? FIRST_CHUNK_BYTES : arena->chunk->size * 2;
		LlmArenaChunk *chunk;

		if (size > LARGEST_CHUNK_BYTES)
			size = LARGEST_CHUNK_BYTES;
		if (size < n_bytes)
			size = n_bytes;
		if (arena->max != 0 && (arena->total > arena->max || size > arena->max - arena->total))
			return NULL;
		chunk = calloc(1, sizeof(*chunk) + size);
		if (chunk == NULL)
			return NULL;
		chunk->older = arena->chunk;
		chunk->size = size;
		arena->chunk = chunk;
		arena->total += size;
		arena->used = 0;
	}
	result = arena->chunk->data + arena->used;
	arena->used += n_bytes;
	return result;
}

char *
llm_arena_copy(LlmArena *arena, LlmStrView text)
{
	char *copy = llm_arena_alloc(arena, text.len + 1);

	if (copy != NULL && text.len > 0)
		memcpy(copy, text.data, text.len);
	return copy;
}

void
llm_arena_free(LlmArena *arena)
{
	while (arena->chunk != NULL)
	{
		LlmArenaChunk *older = arena->chunk->older;

		free(arena->chunk);
		arena->chunk = older;
	}
	arena->used = arena->total = 0;
}
