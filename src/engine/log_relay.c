/*
 * log_relay.c
 *	  Log lines of all threads; see log_relay.h.
 *
 * One per process, as the sink is: its state is static.
 */
#include "engine/log_relay.h"

#include "engine/reply.h"

#include <pthread.h>
#include <stdio.h>

#define RELAY_LINES 64
#define RELAY_LINE_BYTES 1024

typedef struct Line
{
	LlmLogLevel level;
	char text[RELAY_LINE_BYTES];
} Line;

static pthread_mutex_t relay_lock = PTHREAD_MUTEX_INITIALIZER;
static Line relay_lines[RELAY_LINES]; /* under relay_lock */
static int relay_n_lines;			  /* under relay_lock */
static int relay_n_lost;			  /* under relay_lock */
static const LlmWake *relay_wake;	  /* set before threads start */

static void
take_line(void *context, LlmLogLevel level, const char *line)
{
	(void) context;
	pthread_mutex_lock(&relay_lock);
	if (relay_n_lines < RELAY_LINES)
	{
		Line *slot = &relay_lines[relay_n_lines++];

		slot->level = level;
		snprintf(slot->text, sizeof(slot->text), "%s", line);
	}
	else
		relay_n_lost++;
	pthread_mutex_unlock(&relay_lock);
	llm_wake_signal(relay_wake);
}

void
llm_log_relay_install(const LlmWake *wake)
{
	relay_wake = wake;
	relay_n_lines = relay_n_lost = 0;
	llm_log_set_sink(take_line, NULL);
}

void
llm_log_relay_remove(void)
{
	llm_log_set_sink(NULL, NULL);
}

void
llm_log_relay_drain(LlmOutbox *outbox)
{
	pthread_mutex_lock(&relay_lock);
	for (int i = 0; i < relay_n_lines; i++)
		llm_reply_log(outbox, relay_lines[i].level, llm_strview(relay_lines[i].text));
	if (relay_n_lost > 0)
	{
		char text[64];

		snprintf(text, sizeof(text), "%d log lines of the engine were lost", relay_n_lost);
		llm_reply_log(outbox, LLM_LOG_WARNING, llm_strview(text));
	}
	relay_n_lines = relay_n_lost = 0;
	pthread_mutex_unlock(&relay_lock);
}
