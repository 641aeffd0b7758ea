/*
 * wire.h
 *	  Writing and reading the bytes of a message, bounds-checked both ways.
 *
 * Numbers are in the host's byte order: both ends run on one machine, from one build.  A string is
 * a u32 length and its bytes.  A writer without memory only counts, so a sender measures a message,
 * allocates exactly that (in shared memory, say), and writes it there: no copy in between.  A
 * reader that meets the end early or a wrong value is marked failed and returns zeros from then on;
 * its user checks once, with llm_reader_finish.
 */
#ifndef LLM_PROTOCOL_WIRE_H
#define LLM_PROTOCOL_WIRE_H

#include "base/strview.h"

#include <stdint.h>

typedef struct LlmWriter
{
	char *data;	   /* borrowed; NULL when only counting */
	size_t cap;	   /* bytes at data */
	size_t len;	   /* bytes written or counted */
	bool overflow; /* something did not fit in cap */
} LlmWriter;

extern LlmWriter llm_writer(char *data, size_t cap);
extern void llm_write_u8(LlmWriter *w, uint8_t value);
extern void llm_write_u32(LlmWriter *w, uint32_t value);
extern void llm_write_i32(LlmWriter *w, int32_t value);
extern void llm_write_u64(LlmWriter *w, uint64_t value);
extern void llm_write_f64(LlmWriter *w, double value);
extern void llm_write_string(LlmWriter *w, LlmStrView value);
extern void llm_write_bytes(LlmWriter *w, const void *data, size_t n_bytes);

typedef struct LlmReader
{
	const char *data; /* borrowed */
	size_t len;
	size_t at;
	bool failed;
} LlmReader;

extern LlmReader llm_reader(const void *data, size_t n_bytes);
extern uint8_t llm_read_u8(LlmReader *r);
extern bool llm_read_bool(LlmReader *r); /* fails on anything but 0 and 1 */
extern uint32_t llm_read_u32(LlmReader *r);
extern int32_t llm_read_i32(LlmReader *r);
extern uint64_t llm_read_u64(LlmReader *r);
extern double llm_read_f64(LlmReader *r);
extern LlmStrView llm_read_string(LlmReader *r); /* borrowed from the reader's data */
extern const void *llm_read_bytes(LlmReader *r, size_t n_bytes); /* NULL when they are not there */

/* A count of things of at least min_bytes each: fails when so many cannot follow. */
extern uint32_t llm_read_count(LlmReader *r, size_t min_bytes);

/* True when nothing failed and nothing is left over. */
extern bool llm_reader_finish(const LlmReader *r);

#endif /* LLM_PROTOCOL_WIRE_H */
