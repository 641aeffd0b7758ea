/*
 * type.c
 *	  Sizes of the value and tensor types that a GGUF file can name.
 *
 * Ids and block sizes are those of ggml.h and ggml-common.h.  The gaps are types that were removed
 * from the format (Q4_2, Q4_3 and the interleaved Q4_0_4_4 family).
 */
#include "gguf/gguf.h"
#include "gguf/type.h"

static const LlmGgufTypeInfo type_table[] = {
	[0] = {"F32", 1, 4},		 [1] = {"F16", 1, 2},		  [2] = {"Q4_0", 32, 18},
	[3] = {"Q4_1", 32, 20},		 [6] = {"Q5_0", 32, 22},	  [7] = {"Q5_1", 32, 24},
	[8] = {"Q8_0", 32, 34},		 [9] = {"Q8_1", 32, 36},	  [10] = {"Q2_K", 256, 84},
	[11] = {"Q3_K", 256, 110},	 [12] = {"Q4_K", 256, 144},	  [13] = {"Q5_K", 256, 176},
	[14] = {"Q6_K", 256, 210},	 [15] = {"Q8_K", 256, 292},	  [16] = {"IQ2_XXS", 256, 66},
	[17] = {"IQ2_XS", 256, 74},	 [18] = {"IQ3_XXS", 256, 98}, [19] = {"IQ1_S", 256, 50},
	[20] = {"IQ4_NL", 32, 18},	 [21] = {"IQ3_S", 256, 110},  [22] = {"IQ2_S", 256, 82},
	[23] = {"IQ4_XS", 256, 136}, [24] = {"I8", 1, 1},		  [25] = {"I16", 1, 2},
	[26] = {"I32", 1, 4},		 [27] = {"I64", 1, 8},		  [28] = {"F64", 1, 8},
	[29] = {"IQ1_M", 256, 56},	 [30] = {"BF16", 1, 2},		  [34] = {"TQ1_0", 256, 54},
	[35] = {"TQ2_0", 256, 66},	 [39] = {"MXFP4", 32, 17},	  [40] = {"NVFP4", 64, 36},
};

#define N_TYPES (sizeof(type_table) / sizeof(type_table[0]))

const LlmGgufTypeInfo *
llm_gguf_type_info(uint32_t type)
{
	if (type >= N_TYPES || type_table[type].name == NULL)
		return NULL;
	return &type_table[type];
}

const char *
llm_gguf_type_name(uint32_t type)
{
	const LlmGgufTypeInfo *info = llm_gguf_type_info(type);

	return info == NULL ? NULL : info->name;
}

size_t
llm_gguf_value_bytes(uint32_t value_type)
{
	switch (value_type)
	{
		case LLM_GGUF_U8:
		case LLM_GGUF_I8:
		case LLM_GGUF_BOOL:
			return 1;
		case LLM_GGUF_U16:
		case LLM_GGUF_I16:
			return 2;
		case LLM_GGUF_U32:
		case LLM_GGUF_I32:
		case LLM_GGUF_F32:
			return 4;
		case LLM_GGUF_U64:
		case LLM_GGUF_I64:
		case LLM_GGUF_F64:
			return 8;
		default:
			return 0;
	}
}
