/*
 * gguf_bytes.h
 *	  Writing GGUF files into memory, also wrong ones.
 *
 * GgufFile holds the parts of a file as the writer is told them.  Tests build a good file, spoil
 * one part, and see what the reader says.
 */
#ifndef LLM_TEST_GGUF_BYTES_H
#define LLM_TEST_GGUF_BYTES_H

#include "gguf/gguf.h"

#include <stdlib.h>
#include <string.h>

typedef struct Bytes
{
	unsigned char *data;
	size_t n;
	size_t cap;
} Bytes;

static inline void
bytes_put(Bytes *bytes, const void *data, size_t n)
{
	if (bytes->n + n > bytes->cap)
	{
		bytes->cap = (bytes->n + n) * 2;
		bytes->data = realloc(bytes->data, bytes->cap);
		if (bytes->data == NULL)
			abort();
	}
	if (n > 0)
		memcpy(bytes->data + bytes->n, data, n);
	bytes->n += n;
}

static inline void
bytes_put_u8(Bytes *bytes, uint8_t value)
{
	bytes_put(bytes, &value, sizeof(value));
}

static inline void
bytes_put_u32(Bytes *bytes, uint32_t value)
{
	bytes_put(bytes, &value, sizeof(value));
}

static inline void
bytes_put_u64(Bytes *bytes, uint64_t value)
{
	bytes_put(bytes, &value, sizeof(value));
}

static inline void
bytes_put_string(Bytes *bytes, const char *text)
{
	bytes_put_u64(bytes, strlen(text));
	bytes_put(bytes, text, strlen(text));
}

static inline void
bytes_align(Bytes *bytes, size_t alignment)
{
	while (bytes->n % alignment != 0)
		bytes_put_u8(bytes, 0);
}

#define GGUF_FILE_MAX_TENSORS 64

typedef struct GgufFileTensor
{
	const char *name;
	uint32_t n_dims; /* as written; may be wrong */
	uint64_t dims[6];
	uint32_t type;
	uint64_t offset;
} GgufFileTensor;

typedef struct GgufFile
{
	char magic[4];
	uint32_t version;
	uint64_t n_tensors; /* as written; may be wrong */
	uint64_t n_keys;	/* as written; may be wrong */
	Bytes keys;
	GgufFileTensor tensors[GGUF_FILE_MAX_TENSORS];
	int n_infos; /* tensors[] that are written */
	size_t alignment;
	Bytes data;
} GgufFile;

static inline void
gguf_file_init(GgufFile *file)
{
	memset(file, 0, sizeof(*file));
	memcpy(file->magic, "GGUF", 4);
	file->version = 3;
	file->alignment = 32;
}

static inline void
gguf_file_free(GgufFile *file)
{
	free(file->keys.data);
	free(file->data.data);
}

/* The name and type of the next key; its value follows by bytes_put_* on file->keys. */
static inline Bytes *
gguf_file_key(GgufFile *file, const char *name, uint32_t type)
{
	bytes_put_string(&file->keys, name);
	bytes_put_u32(&file->keys, type);
	file->n_keys++;
	return &file->keys;
}

static inline void
gguf_file_key_u32(GgufFile *file, const char *name, uint32_t value)
{
	bytes_put_u32(gguf_file_key(file, name, LLM_GGUF_U32), value);
}

static inline void
gguf_file_key_f32(GgufFile *file, const char *name, float value)
{
	bytes_put(gguf_file_key(file, name, LLM_GGUF_F32), &value, sizeof(value));
}

static inline void
gguf_file_key_string(GgufFile *file, const char *name, const char *value)
{
	bytes_put_string(gguf_file_key(file, name, LLM_GGUF_STRING), value);
}

/* The head of an array; n elements follow. */
static inline Bytes *
gguf_file_key_array(GgufFile *file, const char *name, uint32_t element_type, uint64_t n)
{
	Bytes *keys = gguf_file_key(file, name, LLM_GGUF_ARRAY);

	bytes_put_u32(keys, element_type);
	bytes_put_u64(keys, n);
	return keys;
}

/* Add a tensor of one or two dimensions (n_rows 0: one) with its data. */
static inline void
gguf_file_tensor(GgufFile *file, const char *name, uint64_t n_cols, uint64_t n_rows, uint32_t type,
				 const void *data, size_t n_bytes)
{
	if (file->n_infos == GGUF_FILE_MAX_TENSORS)
		abort();
	bytes_align(&file->data, file->alignment);
	file->tensors[file->n_infos++] =
		(GgufFileTensor){name, n_rows == 0 ? 1 : 2, {n_cols, n_rows}, type, file->data.n};
	file->n_tensors++;
	bytes_put(&file->data, data, n_bytes);
}

/*
 * The whole file in memory of exactly *n_bytes, aligned to 64, so that AddressSanitizer sees the
 * first byte that is read behind it.  The caller frees it.
 */
static inline unsigned char *
gguf_file_build(const GgufFile *file, size_t *n_bytes)
{
	Bytes out = {0};
	void *memory;

	bytes_put(&out, file->magic, 4);
	bytes_put_u32(&out, file->version);
	bytes_put_u64(&out, file->n_tensors);
	bytes_put_u64(&out, file->n_keys);
	bytes_put(&out, file->keys.data, file->keys.n);
	for (int i = 0; i < file->n_infos; i++)
	{
		const GgufFileTensor *tensor = &file->tensors[i];

		bytes_put_string(&out, tensor->name);
		bytes_put_u32(&out, tensor->n_dims);
		for (uint32_t d = 0; d < tensor->n_dims && d < 6; d++)
			bytes_put_u64(&out, tensor->dims[d]);
		bytes_put_u32(&out, tensor->type);
		bytes_put_u64(&out, tensor->offset);
	}
	if (file->data.n > 0)
	{
		bytes_align(&out, file->alignment);
		bytes_put(&out, file->data.data, file->data.n);
	}
	if (posix_memalign(&memory, 64, out.n) != 0)
		abort();
	memcpy(memory, out.data, out.n);
	free(out.data);
	*n_bytes = out.n;
	return memory;
}

#endif /* LLM_TEST_GGUF_BYTES_H */
