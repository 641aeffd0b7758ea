/*
 * metadata.c
 *	  Reading and checking the keys of a GGUF file.
 *
 *	  key     string: u64 length, bytes        1..65,535 bytes, unique
 *	  type    u32                              LlmGgufValueType
 *	  value   by type:
 *	            scalar  1, 2, 4 or 8 bytes     a bool is 0 or 1
 *	            string  u64 length, bytes
 *	            array   u32 element type, u64 count, elements; arrays do not nest
 *
 * Nothing is copied.  The elements of a string array are walked once, so that later walks need no
 * checks (llm_gguf_array_string).
 */
#include "gguf/gguf_internal.h"
#include "gguf/type.h"

#include <stdlib.h>

#define MAX_KEY_BYTES 65535

/* The smallest key: length, one byte of name, type, one byte of value. */
#define MIN_KEY_BYTES (8 + 1 + 4 + 1)

static LlmStatus
cut_off(const LlmGgufReader *reader, LlmStrView name, LlmError *err)
{
	return llm_error_set(err, LLM_ERR_CORRUPT,
						 "GGUF key \"%s\" does not fit into the file's %zu bytes",
						 llm_gguf_show_name(name).text, reader->n_bytes);
}

/* Each of the n bytes is a bool: 0 or 1. */
static bool
all_bools(const unsigned char *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (data[i] > 1)
			return false;
	}
	return true;
}

/* Skip n strings; the count is bounded by the bytes that are left before the walk begins. */
static void
skip_strings(LlmGgufReader *reader, uint64_t n)
{
	if (n > llm_gguf_reader_left(reader) / sizeof(uint64_t))
		reader->failed = true;
	for (uint64_t i = 0; i < n && !reader->failed; i++)
		(void) llm_gguf_reader_string(reader);
}

static LlmStatus
read_array(LlmGgufKey *key, LlmGgufReader *reader, LlmError *err)
{
	key->element_type = llm_gguf_reader_u32(reader);
	key->n_elements = llm_gguf_reader_u64(reader);
	if (reader->failed)
		return cut_off(reader, key->name, err);
	if (key->element_type == LLM_GGUF_ARRAY)
		return llm_error_set(err, LLM_ERR_CORRUPT, "GGUF key \"%s\" is an array of arrays",
							 llm_gguf_show_name(key->name).text);

	size_t start = reader->at;
	size_t element_bytes = llm_gguf_value_bytes(key->element_type);

	key->data = reader->data + start;
	if (key->element_type == LLM_GGUF_STRING)
		skip_strings(reader, key->n_elements);
	else if (element_bytes == 0)
		return llm_error_set(err, LLM_ERR_CORRUPT,
							 "GGUF key \"%s\" is an array of an unknown type, %u",
							 llm_gguf_show_name(key->name).text, key->element_type);
	else if (key->n_elements > llm_gguf_reader_left(reader) / element_bytes)
		reader->failed = true;
	else
		(void) llm_gguf_reader_bytes(reader, key->n_elements * element_bytes);
	if (reader->failed)
		return cut_off(reader, key->name, err);

	key->n_bytes = reader->at - start;
	if (key->element_type == LLM_GGUF_BOOL && !all_bools(key->data, key->n_bytes))
		return llm_error_set(err, LLM_ERR_CORRUPT, "GGUF key \"%s\" has a bool that is not 0 or 1",
							 llm_gguf_show_name(key->name).text);
	return LLM_OK;
}

static LlmStatus
read_value(LlmGgufKey *key, LlmGgufReader *reader, LlmError *err)
{
	if (key->type == LLM_GGUF_ARRAY)
		return read_array(key, reader, err);

	if (key->type == LLM_GGUF_STRING)
	{
		LlmStrView string = llm_gguf_reader_string(reader);

		key->data = (const unsigned char *) string.data;
		key->n_bytes = string.len;
	}
	else
	{
		key->n_bytes = llm_gguf_value_bytes(key->type);
		if (key->n_bytes == 0)
			return llm_error_set(err, LLM_ERR_CORRUPT, "GGUF key \"%s\" has an unknown type, %u",
								 llm_gguf_show_name(key->name).text, key->type);
		key->data = llm_gguf_reader_bytes(reader, key->n_bytes);
	}
	if (reader->failed)
		return cut_off(reader, key->name, err);
	if (key->type == LLM_GGUF_BOOL && !all_bools(key->data, 1))
		return llm_error_set(err, LLM_ERR_CORRUPT, "GGUF key \"%s\" is a bool that is not 0 or 1",
							 llm_gguf_show_name(key->name).text);
	return LLM_OK;
}

static LlmStatus
read_key(LlmGgufKey *key, LlmGgufReader *reader, LlmError *err)
{
	size_t start = reader->at;

	key->name = llm_gguf_reader_string(reader);
	if (reader->failed)
		return llm_error_set(err, LLM_ERR_CORRUPT,
							 "GGUF metadata is cut off in the name of the key at byte %zu", start);
	if (key->name.len == 0 || key->name.len > MAX_KEY_BYTES)
		return llm_error_set(err, LLM_ERR_CORRUPT,
							 "GGUF key at byte %zu has a name of %zu bytes, not of 1 to %d", start,
							 key->name.len, MAX_KEY_BYTES);
	key->type = llm_gguf_reader_u32(reader);
	return read_value(key, reader, err);
}

LlmStatus
llm_gguf_read_metadata(LlmGguf *gguf, LlmGgufReader *reader, uint64_t n_keys, LlmError *err)
{
	if (n_keys > LLM_GGUF_MAX_KEYS)
		return llm_error_set(err, LLM_ERR_LIMIT,
							 "GGUF file says that it has %llu keys, and at most %d are accepted",
							 (unsigned long long) n_keys, LLM_GGUF_MAX_KEYS);
	if (n_keys > llm_gguf_reader_left(reader) / MIN_KEY_BYTES)
		return llm_error_set(err, LLM_ERR_CORRUPT,
							 "GGUF file of %zu bytes is too short for its %u keys", reader->n_bytes,
							 (unsigned) n_keys);

	/* One more than needed, so that no allocation has size zero. */
	gguf->keys = calloc((size_t) n_keys + 1, sizeof(LlmGgufKey));
	gguf->key_index.entries = calloc((size_t) n_keys + 1, sizeof(LlmNameEntry));
	if (gguf->keys == NULL || gguf->key_index.entries == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for %u GGUF keys",
							 (unsigned) n_keys);

	for (uint32_t i = 0; i < n_keys; i++)
	{
		LlmStatus status = read_key(&gguf->keys[i], reader, err);

		if (status != LLM_OK)
			return status;
		gguf->key_index.entries[i] = (LlmNameEntry){gguf->keys[i].name, i};
	}
	gguf->n_keys = gguf->key_index.n = (uint32_t) n_keys;

	const LlmNameEntry *twice = llm_name_index_sort(&gguf->key_index);

	if (twice != NULL)
		return llm_error_set(err, LLM_ERR_CORRUPT, "GGUF key \"%s\" occurs twice",
							 llm_gguf_show_name(twice->name).text);
	return LLM_OK;
}

const LlmGgufKey *
llm_gguf_find_key(const LlmGguf *gguf, const char *key)
{
	const LlmNameEntry *entry = llm_name_index_find(&gguf->key_index, llm_strview(key));

	return entry == NULL ? NULL : &gguf->keys[entry->item];
}
