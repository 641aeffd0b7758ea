/*
 * arena.h
 *	  Bump allocator: many small things of one life, released together.
 */
#ifndef LLM_BASE_ARENA_H
#define LLM_BASE_ARENA_H

#include "base/strview.h"

typedef struct LlmArenaChunk LlmArenaChunk;

typedef struct LlmArena
{
	LlmArenaChunk *chunk; /* newest chunk, linked to older ones; owned */
	size_t used;		  /* bytes used of the newest chunk */
	size_t total;		  /* bytes of all chunks */
	size_t max;			  /* limit for total; 0 means none */
} LlmArena;

extern void llm_arena_init(LlmArena *arena, size_t max_bytes);

/* n_bytes of zeroed memory, aligned for any type; NULL when out of memory or over the limit. */
extern void *llm_arena_alloc(LlmArena *arena, size_t n_bytes);

/* A NUL-terminated copy of the bytes; NULL as above. */
extern char *llm_arena_copy(LlmArena *arena, LlmStrView text);

/* Release everything; the arena is empty and usable again. */
extern void llm_arena_free(LlmArena *arena);

#endif /* LLM_BASE_ARENA_H */
