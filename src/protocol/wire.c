/*
 * wire.c
 *	  Bounds-checked writer and reader; see wire.h.
 */
#include "protocol/wire.h"

LlmWriter
llm_writer(char *data, size_t cap)
{
	return (LlmWriter){.data = data, .cap = data == NULL ? 0 : cap};
}

void
llm_write_bytes(LlmWriter *w, const void *data, size_t n_bytes)
{
	if (w->data != NULL)
	{
		if (w->overflow || n_bytes > w->cap - w->len)
		{
			w->overflow = true;
			return;
		}
		if (n_bytes > 0)
			memcpy(w->data + w->len, data, n_bytes);
	}
	w->len += n_bytes;
}

void
llm_write_u8(LlmWriter *w, uint8_t value)
{
	llm_write_bytes(w, &value, sizeof(value));
}

void
llm_write_u32(LlmWriter *w, uint32_t value)
{
	llm_write_bytes(w, &value, sizeof(value));
}

void
llm_write_i32(LlmWriter *w, int32_t value)
{
	llm_write_bytes(w, &value, sizeof(value));
}

void
llm_write_u64(LlmWriter *w, uint64_t value)
{
	llm_write_bytes(w, &value, sizeof(value));
}

void
llm_write_f64(LlmWriter *w, double value)
{
	llm_write_bytes(w, &value, sizeof(value));
}

void
llm_write_string(LlmWriter *w, LlmStrView value)
{
	llm_write_u32(w, (uint32_t) value.len);
	llm_write_bytes(w, value.data, value.len);
}

LlmReader
llm_reader(const void *data, size_t n_bytes)
{
	return (LlmReader){.data = data, .len = n_bytes};
}

const void *
llm_read_bytes(LlmReader *r, size_t n_bytes)
{
	const char *bytes = r->data + r->at;

	if (r->failed || n_bytes > r->len - r->at)
	{
		r->failed = true;
		return NULL;
	}
	r->at += n_bytes;
	return bytes;
}

/* Copy n_bytes to out, or zeros when they are not there. */
static void
read_into(LlmReader *r, void *out, size_t n_bytes)
{
	const void *bytes = llm_read_bytes(r, n_bytes);

	if (bytes != NULL)
		memcpy(out, bytes, n_bytes);
	else
		memset(out, 0, n_bytes);
}

uint8_t
llm_read_u8(LlmReader *r)
{
	uint8_t value;

	read_into(r, &value, sizeof(value));
	return value;
}

bool
llm_read_bool(LlmReader *r)
{
	uint8_t value = llm_read_u8(r);

	if (value > 1)
		r->failed = true;
	return value == 1;
}

uint32_t
llm_read_u32(LlmReader *r)
{
	uint32_t value;

	read_into(r, &value, sizeof(value));
	return value;
}

int32_t
llm_read_i32(LlmReader *r)
{
	int32_t value;

	read_into(r, &value, sizeof(value));
	return value;
}

uint64_t
llm_read_u64(LlmReader *r)
{
	uint64_t value;

	read_into(r, &value, sizeof(value));
	return value;
}

double
llm_read_f64(LlmReader *r)
{
	double value;

	read_into(r, &value, sizeof(value));
	return value;
}

LlmStrView
llm_read_string(LlmReader *r)
{
	uint32_t len = llm_read_u32(r);
	const char *bytes = llm_read_bytes(r, len);

	if (bytes == NULL)
		return (LlmStrView){"", 0};
	return (LlmStrView){bytes, len};
}

uint32_t
llm_read_count(LlmReader *r, size_t min_bytes)
{
	uint32_t n = llm_read_u32(r);

	if (min_bytes > 0 && n > (r->len - r->at) / min_bytes)
	{
		r->failed = true;
		return 0;
	}
	return r->failed ? 0 : n;
}

bool
llm_reader_finish(const LlmReader *r)
{
	return !r->failed && r->at == r->len;
}
