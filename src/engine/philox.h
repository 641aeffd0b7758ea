/*
 * philox.h
 *	  Random numbers that are a function of two numbers and of nothing else.
 *
 * Philox4x32-10 of J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel Random Numbers: As Easy as
 * 1, 2, 3" (SC 2011): ten rounds of a keyed bijection of a 128-bit counter.  The constants are the
 * paper's; test_sampler.c holds the known answers of its authors' library, Random123.
 */
#ifndef LLM_ENGINE_PHILOX_H
#define LLM_ENGINE_PHILOX_H

#include <stdint.h>

#define LLM_PHILOX_ROUNDS 10

/* Encrypt counter[4] in place with key[2]. */
static inline void
llm_philox4x32(uint32_t counter[4], const uint32_t key[2])
{
	uint32_t k0 = key[0];
	uint32_t k1 = key[1];

	for (int round = 0; round < LLM_PHILOX_ROUNDS; round++)
	{
		uint64_t product0 = (uint64_t) UINT32_C(0xD2511F53) * counter[0];
		uint64_t product1 = (uint64_t) UINT32_C(0xCD9E8D57) * counter[2];
		uint32_t c1 = counter[1];
		uint32_t c3 = counter[3];

		counter[0] = (uint32_t) (product1 >> 32) ^ c1 ^ k0;
		counter[1] = (uint32_t) product1;
		counter[2] = (uint32_t) (product0 >> 32) ^ c3 ^ k1;
		counter[3] = (uint32_t) product0;
		k0 += UINT32_C(0x9E3779B9);
		k1 += UINT32_C(0xBB67AE85);
	}
}

/*
 * The number that belongs to index in the stream of seed: uniform in (0, 1), never an end.  52 bits
 * and a half, which a double holds exactly.
 */
static inline double
llm_philox_uniform(uint64_t seed, uint64_t index)
{
	const uint32_t key[2] = {(uint32_t) seed, (uint32_t) (seed >> 32)};
	uint32_t counter[4] = {(uint32_t) index, (uint32_t) (index >> 32), 0, 0};
	uint64_t bits;

	llm_philox4x32(counter, key);
	bits = ((uint64_t) counter[1] << 32 | counter[0]) >> 12;
	return ((double) bits + 0.5) * 0x1p-52;
}

#endif /* LLM_ENGINE_PHILOX_H */
