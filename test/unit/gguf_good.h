/*
 * gguf_good.h
 *	  A small GGUF file with everything the format has, for the reader's tests.
 */
#ifndef LLM_TEST_GGUF_GOOD_H
#define LLM_TEST_GGUF_GOOD_H

#include "gguf_bytes.h"

/* Every value type, arrays of numbers and strings, four tensors of different types. */
static inline void
gguf_good_file(GgufFile *file)
{
	static const float floats[8] = {0.5f, -1, 2, 3, 4, 5, 6, 7};
	static const unsigned char blocks[2 * 210];
	double f64 = 0.25;
	Bytes *keys;

	gguf_file_init(file);
	gguf_file_key_string(file, "general.architecture", "llama");
	gguf_file_key_u32(file, "a.u32", 4000000000u);
	gguf_file_key_f32(file, "a.f32", 1.5f);
	bytes_put_u8(gguf_file_key(file, "a.u8", LLM_GGUF_U8), 200);
	bytes_put_u8(gguf_file_key(file, "a.i8", LLM_GGUF_I8), (uint8_t) -3);
	bytes_put(gguf_file_key(file, "a.u16", LLM_GGUF_U16), &(uint16_t){65535}, 2);
	bytes_put(gguf_file_key(file, "a.i16", LLM_GGUF_I16), &(int16_t){-2}, 2);
	bytes_put_u32(gguf_file_key(file, "a.i32", LLM_GGUF_I32), (uint32_t) -7);
	bytes_put_u64(gguf_file_key(file, "a.u64", LLM_GGUF_U64), 77);
	bytes_put_u64(gguf_file_key(file, "a.i64", LLM_GGUF_I64), UINT64_C(5000000000));
	bytes_put(gguf_file_key(file, "a.f64", LLM_GGUF_F64), &f64, 8);
	bytes_put_u8(gguf_file_key(file, "a.bool", LLM_GGUF_BOOL), 1);
	keys = gguf_file_key_array(file, "a.ints", LLM_GGUF_I16, 3);
	bytes_put(keys, (int16_t[]){1, -1, 300}, 6);
	keys = gguf_file_key_array(file, "a.floats", LLM_GGUF_F32, 2);
	bytes_put(keys, floats, 8);
	keys = gguf_file_key_array(file, "a.strings", LLM_GGUF_STRING, 3);
	bytes_put_string(keys, "one");
	bytes_put_string(keys, "");
	bytes_put_string(keys, "three");
	keys = gguf_file_key_array(file, "a.bools", LLM_GGUF_BOOL, 2);
	bytes_put(keys, "\0\1", 2);
	(void) gguf_file_key_array(file, "a.none", LLM_GGUF_STRING, 0);

	gguf_file_tensor(file, "vector", 8, 0, 0, floats, 32);
	gguf_file_tensor(file, "matrix", 4, 2, 0, floats, 32);
	gguf_file_tensor(file, "q4_1", 32, 2, 3, blocks, 40);
	gguf_file_tensor(file, "q6_k", 256, 2, 14, blocks, 420);
}

#endif /* LLM_TEST_GGUF_GOOD_H */
