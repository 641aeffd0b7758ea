/*
 * shown_name.c
 *	  Making a name of an untrusted file fit for a message.
 *
 * Messages travel to clients and to the server's log: control characters, foreign encodings and
 * names of a megabyte must not.
 */
#include "gguf/gguf.h"

#include <stdio.h>
#include <string.h>

LlmGgufShownName
llm_gguf_show_name(LlmStrView name)
{
	LlmGgufShownName shown;

	for (size_t i = 0; i < name.len; i++)
	{
		if (name.data[i] < ' ' || name.data[i] > '~')
		{
			snprintf(shown.text, sizeof(shown.text), "(%zu unprintable bytes)", name.len);
			return shown;
		}
	}
	if (name.len >= sizeof(shown.text))
		snprintf(shown.text, sizeof(shown.text), "(a name of %zu bytes)", name.len);
	else
	{
		if (name.len > 0)
			memcpy(shown.text, name.data, name.len);
		shown.text[name.len] = '\0';
	}
	return shown;
}
