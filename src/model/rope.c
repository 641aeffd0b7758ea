/*
 * rope.c
 *	  The table of rotary angles.
 *
 * Pair i of position p turns by p * rope_scale * base^(-2i / rope_dims) / factor[i].  Llama 3.1
 * files bring the factors (rope_freqs.weight); without them they are 1.  Angles are computed in
 * double: at position 100,000 a float has only two digits left behind the point.
 */
#include "model/rope.h"

#include <math.h>

void
llm_rope_fill_table(float *cos_sin, const LlmModelConfig *config, const float *factors,
					int32_t n_positions)
{
	int32_t n_pairs = config->rope_dims / 2;

	for (int32_t i = 0; i < n_pairs; i++)
	{
		double frequency = pow(config->rope_base, -2.0 * i / config->rope_dims);

		frequency *= config->rope_scale;
		if (factors != NULL)
			frequency /= factors[i];
		for (int32_t p = 0; p < n_positions; p++)
		{
			float *entry = cos_sin + ((size_t) p * (size_t) n_pairs + (size_t) i) * 2;

			entry[0] = (float) cos(p * frequency);
			entry[1] = (float) sin(p * frequency);
		}
	}
}
