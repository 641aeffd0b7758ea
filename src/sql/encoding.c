/*
 * encoding.c
 *	  Conversion between the database's encoding and UTF-8; see encoding.h.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/utf8.h"
#include "sql/encoding.h"

/* The longest character of any server encoding, converted, with its terminator. */
#define CHARACTER_BUFFER_SIZE (MAX_UNICODE_EQUIVALENT_STRING * MAX_CONVERSION_GROWTH + 1)

LlmStrView
llm_encoding_to_utf8(const char *data, int n_bytes)
{
	/* Gives the input back when there is nothing to do, and validates it in SQL_ASCII. */
	char *utf8 = pg_server_to_any(data, n_bytes, PG_UTF8);

	return (LlmStrView){utf8, utf8 == data ? (size_t) n_bytes : strlen(utf8)};
}

LlmStrView
llm_encoding_text_to_utf8(Datum value)
{
	text *string = DatumGetTextPP(value);

	return llm_encoding_to_utf8(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
}

/* Server string of utf8 and its length; may be the input itself. */
static char *
from_utf8(LlmStrView utf8, size_t *n_bytes)
{
	char *server;

	if (utf8.len == 0)
	{
		*n_bytes = 0;
		return "";
	}
	if (utf8.len > MaxAllocSize - 1)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("text of %zu bytes from the engine is too long", utf8.len)));
	server = pg_any_to_server(utf8.data, (int) utf8.len, PG_UTF8);
	*n_bytes = server == utf8.data ? utf8.len : strlen(server);
	return server;
}

text *
llm_encoding_text_from_utf8(LlmStrView utf8)
{
	size_t n_bytes;
	char *server = from_utf8(utf8, &n_bytes);

	return cstring_to_text_with_len(server, (int) n_bytes);
}

char *
llm_encoding_cstring_from_utf8(LlmStrView utf8)
{
	size_t n_bytes;
	char *server = from_utf8(utf8, &n_bytes);

	return pnstrdup(server, n_bytes);
}

/* True when the database stores UTF-8 byte for byte. */
static bool
stores_utf8(void)
{
	return GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII;
}

/*
 * Convert into out without raising.  True when all of it was converted.  The conversion function
 * wants a terminated source, so it gets a copy.
 */
static bool
try_convert(LlmStrView utf8, char *out, Size out_size)
{
	Oid conversion = FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding());
	char *source;
	int converted;

	if (!OidIsValid(conversion))
		return false;
	source = pnstrdup(utf8.data, utf8.len);
	converted = pg_do_encoding_conversion_buf(
		conversion, PG_UTF8, GetDatabaseEncoding(), (unsigned char *) source, (int) utf8.len,
		(unsigned char *) out, (int) Min(out_size, (Size) INT_MAX), true);
	pfree(source);
	return converted == (int) utf8.len;
}

text *
llm_encoding_try_text_from_utf8(LlmStrView utf8)
{
	Size out_size;
	char *out;
	text *result = NULL;

	if (utf8.len > 0 &&
		(!llm_utf8_valid(utf8.data, utf8.len) || memchr(utf8.data, '\0', utf8.len) != NULL))
		return NULL;
	if (utf8.len == 0 || stores_utf8())
		return cstring_to_text_with_len(utf8.len == 0 ? "" : utf8.data, (int) utf8.len);
	if (utf8.len > MaxAllocSize - 1)
		return NULL;

	out_size = utf8.len * MAX_CONVERSION_GROWTH + 1;
	out = MemoryContextAllocHuge(CurrentMemoryContext, out_size);
	if (try_convert(utf8, out, out_size))
		result = cstring_to_text(out);
	pfree(out);
	return result;
}

/* Append one valid character as the database writes it, or nothing and false. */
static bool
append_character(StringInfo out, LlmStrView character)
{
	char server[CHARACTER_BUFFER_SIZE];

	if (stores_utf8() || (unsigned char) character.data[0] < 0x80)
	{
		appendBinaryStringInfo(out, character.data, (int) character.len);
		return true;
	}
	if (!try_convert(character, server, sizeof(server)))
		return false;
	appendStringInfoString(out, server);
	return true;
}

text *
llm_encoding_text_from_bytes(LlmStrView bytes)
{
	StringInfoData out;
	size_t at = 0;

	initStringInfo(&out);
	while (at < bytes.len)
	{
		uint32_t code;
		int n_bytes = llm_utf8_decode(bytes.data + at, bytes.len - at, &code);
		LlmStrView character = {bytes.data + at, n_bytes > 0 ? (size_t) n_bytes : 1};

		if (n_bytes <= 0 || code == 0 || !append_character(&out, character))
		{
			for (size_t i = 0; i < character.len; i++)
				appendStringInfo(&out, "\\x%02X", (unsigned char) character.data[i]);
		}
		at += character.len;
	}
	return cstring_to_text_with_len(out.data, out.len);
}
