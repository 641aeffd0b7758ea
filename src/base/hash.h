/*
 * hash.h
 *	  64-bit hash of bytes for in-memory tables.
 *
 * FNV-1a over the bytes, then a multiply-xor finish (the constants of MurmurHash3's fmix64) so that
 * the low bits, which tables use, depend on all of the input.  Not for untrusted adversaries: the
 * tables that use it bound their size and compare whole keys.
 */
#ifndef LLM_BASE_HASH_H
#define LLM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t
llm_hash_bytes(const void *data, size_t n_bytes)
{
	const unsigned char *bytes = data;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n_bytes; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ hash >> 33;
}

#endif /* LLM_BASE_HASH_H */
