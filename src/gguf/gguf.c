/*
 * gguf.c
 *	  Opening a GGUF file: mapping it and checking its header.
 *
 *	  0   "GGUF"
 *	  4   u32 version            2 or 3; they differ in byte order rules only
 *	  8   u64 number of tensors
 *	  16  u64 number of keys
 *	  24  keys (metadata.c), tensor infos and tensors (tensor.c)
 *
 * Only the header's pages are touched here: opening a file of 40 GB to look at its metadata reads
 * a few megabytes.  Values that depend on each other (an array's length and its key, a tensor's
 * shape and the configuration) are checked by the rooms that know them.
 */
#include "gguf/gguf.h"
#include "gguf/gguf_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_ALIGNMENT 32

/* The format asks for a multiple of 8, so tensors of every type are aligned to their elements. */
#define MIN_ALIGNMENT 8
#define MAX_ALIGNMENT 65536

static LlmStatus
read_version(LlmGgufReader *reader, LlmError *err)
{
	const unsigned char *magic = llm_gguf_reader_bytes(reader, 4);
	uint32_t version = llm_gguf_reader_u32(reader);

	if (magic != NULL && memcmp(magic, "GGUF", 4) != 0)
		return llm_error_set(err, LLM_ERR_CORRUPT, "not a GGUF file");
	if (reader->failed)
		return llm_error_set(err, LLM_ERR_CORRUPT, "GGUF file is cut off after %zu bytes",
							 reader->n_bytes);

	/* A small version number written by a machine of the other byte order. */
	if (version != 0 && (version & 0xFFFF) == 0)
		return llm_error_set(err, LLM_ERR_UNSUPPORTED, "GGUF file is big endian");
	if (version != 2 && version != 3)
		return llm_error_set(err, LLM_ERR_UNSUPPORTED,
							 "GGUF file has version %u, and only 2 and 3 can be read", version);
	return LLM_OK;
}

static LlmStatus
read_alignment(const LlmGguf *gguf, uint32_t *alignment, LlmError *err)
{
	*alignment = DEFAULT_ALIGNMENT;
	if (!llm_gguf_has(gguf, "general.alignment"))
		return LLM_OK;

	LlmStatus status = llm_gguf_get_u32(gguf, "general.alignment", alignment, err);

	if (status != LLM_OK)
		return status;
	if (*alignment < MIN_ALIGNMENT || *alignment > MAX_ALIGNMENT ||
		(*alignment & (*alignment - 1)) != 0)
		return llm_error_set(err, LLM_ERR_CORRUPT,
							 "GGUF alignment %u is not a power of two from %d to %d", *alignment,
							 MIN_ALIGNMENT, MAX_ALIGNMENT);
	return LLM_OK;
}

static LlmStatus
read_header(LlmGguf *gguf, LlmError *err)
{
	LlmGgufReader reader = {gguf->data, gguf->n_bytes, 0, false};
	LlmStatus status = read_version(&reader, err);
	uint64_t n_tensors = llm_gguf_reader_u64(&reader);
	uint64_t n_keys = llm_gguf_reader_u64(&reader);
	uint32_t alignment;

	if (status != LLM_OK)
		return status;
	if (reader.failed)
		return llm_error_set(err, LLM_ERR_CORRUPT, "GGUF file is cut off after %zu bytes",
							 reader.n_bytes);
	status = llm_gguf_read_metadata(gguf, &reader, n_keys, err);
	if (status == LLM_OK)
		status = read_alignment(gguf, &alignment, err);
	if (status == LLM_OK)
		status = llm_gguf_read_tensors(gguf, &reader, n_tensors, alignment, err);
	return status;
}

/* Check data, which *out takes over when mapped is set, also on failure. */
static LlmStatus
create(const void *data, size_t n_bytes, bool mapped, LlmGguf **out, LlmError *err)
{
	LlmGguf *gguf = calloc(1, sizeof(LlmGguf));
	LlmStatus status;

	if (gguf == NULL)
	{
		if (mapped)
			munmap((void *) data, n_bytes);
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a GGUF file");
	}
	gguf->data = data;
	gguf->n_bytes = n_bytes;
	gguf->mapped = mapped;

	status = read_header(gguf, err);
	if (status != LLM_OK)
	{
		llm_gguf_close(gguf);
		return status;
	}
	*out = gguf;
	return LLM_OK;
}

LlmStatus
llm_gguf_parse(const void *data, size_t n_bytes, LlmGguf **out, LlmError *err)
{
	return create(data, n_bytes, false, out, err);
}

/* The error of a system call on path that set errno. */
static LlmStatus
system_error(const char *what, const char *path, LlmError *err)
{
	int error = errno;
	LlmStatus status = LLM_ERR_IO;

	if (error == ENOENT || error == ENOTDIR)
		status = LLM_ERR_NOT_FOUND;
	else if (error == EACCES || error == EPERM)
		status = LLM_ERR_PERMISSION;
	else if (error == ENOMEM)
		status = LLM_ERR_OUT_OF_MEMORY;
	return llm_error_set(err, status, "could not %s model file \"%s\": %s", what, path,
						 strerror(error));
}

/* Map the file behind fd, read-only. */
static LlmStatus
map_file(int fd, const char *path, void **data, size_t *n_bytes, LlmError *err)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return system_error("stat", path, err);
	if (!S_ISREG(info.st_mode))
		return llm_error_set(err, LLM_ERR_UNSUPPORTED, "model file \"%s\" is not a regular file",
							 path);
	if (info.st_size == 0)
		return llm_error_set(err, LLM_ERR_CORRUPT, "model file \"%s\" is empty", path);
	if ((uintmax_t) info.st_size > SIZE_MAX / 2)
		return llm_error_set(err, LLM_ERR_LIMIT, "model file \"%s\" is too large", path);
	*n_bytes = (size_t) info.st_size;
	*data = mmap(NULL, *n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	if (*data == MAP_FAILED)
		return system_error("map", path, err);
	return LLM_OK;
}

LlmStatus
llm_gguf_open(const char *path, LlmGguf **out, LlmError *err)
{
	/*
	 * O_NONBLOCK: a FIFO or a device must not hold us before fstat can refuse it.  Symbolic links
	 * are followed, because a model directory of links into a download cache is usual; where a
	 * path may lead is decided by whoever lets the user name it.
	 */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	void *data = NULL;
	size_t n_bytes = 0;
	LlmStatus status;

	if (fd < 0)
		return system_error("open", path, err);
	status = map_file(fd, path, &data, &n_bytes, err);
	close(fd);
	if (status != LLM_OK)
		return status;
	return create(data, n_bytes, true, out, err);
}

void
llm_gguf_will_need(const LlmGguf *gguf)
{
	if (gguf->mapped)
		(void) madvise((void *) gguf->data, gguf->n_bytes, MADV_WILLNEED);
}

void
llm_gguf_close(LlmGguf *gguf)
{
	if (gguf == NULL)
		return;
	if (gguf->mapped)
		munmap((void *) gguf->data, gguf->n_bytes);
	free(gguf->keys);
	free(gguf->key_index.entries);
	free(gguf->tensors);
	free(gguf->tensor_index.entries);
	free(gguf);
}

size_t
llm_gguf_file_bytes(const LlmGguf *gguf)
{
	return gguf->n_bytes;
}
