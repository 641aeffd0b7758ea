/*
 * value.c
 *	  Typed access to the metadata of a GGUF file.
 *
 * Values lie unaligned in the map and are copied out.  A key of the wrong type is the file's fault
 * (LLM_ERR_CORRUPT), so the caller reports it as it is.
 */
#include "base/assert.h"
#include "gguf/gguf_internal.h"
#include "gguf/type.h"

#include <math.h>
#include <string.h>

bool
llm_gguf_has(const LlmGguf *gguf, const char *key)
{
	return llm_gguf_find_key(gguf, key) != NULL;
}

static LlmStatus
find(const LlmGguf *gguf, const char *key, const LlmGgufKey **out, LlmError *err)
{
	*out = llm_gguf_find_key(gguf, key);
	if (*out == NULL)
		return llm_error_set(err, LLM_ERR_NOT_FOUND, "GGUF file has no key \"%s\"", key);
	return LLM_OK;
}

static LlmStatus
wrong_type(const char *key, const char *wanted, LlmError *err)
{
	return llm_error_set(err, LLM_ERR_CORRUPT, "GGUF key \"%s\" is not %s", key, wanted);
}

#define LOAD(type, data) (*(type *) memcpy(&(type){0}, data, sizeof(type)))

/* One integer at data; false when the type is no integer.  A U64 above INT64_MAX becomes that. */
static bool
load_int(uint32_t type, const unsigned char *data, int64_t *out)
{
	switch (type)
	{
		case LLM_GGUF_U8:
			*out = data[0];
			return true;
		case LLM_GGUF_I8:
			*out = LOAD(int8_t, data);
			return true;
		case LLM_GGUF_U16:
			*out = LOAD(uint16_t, data);
			return true;
		case LLM_GGUF_I16:
			*out = LOAD(int16_t, data);
			return true;
		case LLM_GGUF_U32:
			*out = LOAD(uint32_t, data);
			return true;
		case LLM_GGUF_I32:
			*out = LOAD(int32_t, data);
			return true;
		case LLM_GGUF_I64:
			*out = LOAD(int64_t, data);
			return true;
		case LLM_GGUF_U64:
			*out = LOAD(uint64_t, data) > INT64_MAX ? INT64_MAX : LOAD(int64_t, data);
			return true;
		default:
			return false;
	}
}

LlmStatus
llm_gguf_get_u32(const LlmGguf *gguf, const char *key, uint32_t *out, LlmError *err)
{
	const LlmGgufKey *found;
	LlmStatus status = find(gguf, key, &found, err);
	int64_t value;

	if (status != LLM_OK)
		return status;
	if (!load_int(found->type, found->data, &value))
		return wrong_type(key, "an integer", err);
	if (value < 0 || value > UINT32_MAX)
		return llm_error_set(err, LLM_ERR_CORRUPT, "GGUF key \"%s\" is not within 0 and 4294967295",
							 key);
	*out = (uint32_t) value;
	return LLM_OK;
}

LlmStatus
llm_gguf_get_f32(const LlmGguf *gguf, const char *key, float *out, LlmError *err)
{
	const LlmGgufKey *found;
	LlmStatus status = find(gguf, key, &found, err);
	double value;

	if (status != LLM_OK)
		return status;
	if (found->type == LLM_GGUF_F32)
		value = LOAD(float, found->data);
	else if (found->type == LLM_GGUF_F64)
		value = LOAD(double, found->data);
	else
		return wrong_type(key, "a floating point number", err);
	if (!isfinite((float) value))
		return llm_error_set(err, LLM_ERR_CORRUPT, "GGUF key \"%s\" is not a finite number", key);
	*out = (float) value;
	return LLM_OK;
}

LlmStatus
llm_gguf_get_bool(const LlmGguf *gguf, const char *key, bool *out, LlmError *err)
{
	const LlmGgufKey *found;
	LlmStatus status = find(gguf, key, &found, err);

	if (status != LLM_OK)
		return status;
	if (found->type != LLM_GGUF_BOOL)
		return wrong_type(key, "a bool", err);
	*out = found->data[0] != 0;
	return LLM_OK;
}

LlmStatus
llm_gguf_get_string(const LlmGguf *gguf, const char *key, LlmStrView *out, LlmError *err)
{
	const LlmGgufKey *found;
	LlmStatus status = find(gguf, key, &found, err);

	if (status != LLM_OK)
		return status;
	if (found->type != LLM_GGUF_STRING)
		return wrong_type(key, "a string", err);
	*out = (LlmStrView){(const char *) found->data, found->n_bytes};
	return LLM_OK;
}

LlmStatus
llm_gguf_get_array(const LlmGguf *gguf, const char *key, LlmGgufArray *out, LlmError *err)
{
	const LlmGgufKey *found;
	LlmStatus status = find(gguf, key, &found, err);

	if (status != LLM_OK)
		return status;
	if (found->type != LLM_GGUF_ARRAY)
		return wrong_type(key, "an array", err);
	out->type = (LlmGgufValueType) found->element_type;
	out->n = found->n_elements;
	out->data = found->data;
	out->n_bytes = found->n_bytes;
	return LLM_OK;
}

LlmStrView
llm_gguf_array_string(const LlmGgufArray *array, size_t *at)
{
	LlmGgufReader reader = {array->data, array->n_bytes, *at, false};

	LLM_ASSERT(array->type == LLM_GGUF_STRING);

	LlmStrView string = llm_gguf_reader_string(&reader);

	*at = reader.at;
	return string;
}

int64_t
llm_gguf_array_int(const LlmGgufArray *array, uint64_t i)
{
	int64_t value = 0;

	LLM_ASSERT(i < array->n);
	if (array->type == LLM_GGUF_BOOL)
		return array->data[i] != 0;

	bool is_int =
		load_int(array->type, array->data + i * llm_gguf_value_bytes(array->type), &value);

	LLM_ASSERT(is_int);
	(void) is_int;
	return value;
}

float
llm_gguf_array_f32(const LlmGgufArray *array, uint64_t i)
{
	LLM_ASSERT(i < array->n);
	LLM_ASSERT(array->type == LLM_GGUF_F32 || array->type == LLM_GGUF_F64);
	if (array->type == LLM_GGUF_F64)
		return (float) LOAD(double, array->data + i * sizeof(double));
	return LOAD(float, array->data + i * sizeof(float));
}
