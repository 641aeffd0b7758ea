/*
 * supervisor.h
 *	  Life and death of the engine: start, notice the end, wait, start again.
 *
 *	  DOWN ──its time has come──▶ STARTING ──READY frame──▶ READY
 *	   ▲                             │ lost                   │ lost, or ordered to restart
 *	   └────process has ended──── STOPPING ◀──────────────────┘
 *
 * "Lost" is the end of the connection, bytes that are no frame, or a start that takes too long.
 * Backends see DOWN as "backoff" while a failure is the reason for waiting.
 */
#ifndef LLM_BROKER_SUPERVISOR_H
#define LLM_BROKER_SUPERVISOR_H

#include "postgres.h"

#include "broker/channel.h"
#include "protocol/message.h"

/* Allocates in the current memory context. */
extern void llm_supervisor_init(void);

/* The connection to the engine; closed while there is none. */
extern LlmChannel *llm_supervisor_channel(void);

/* True while the engine takes requests. */
extern bool llm_supervisor_ready(void);

/*
 * How many requests the engine is meant to run at once, and how many it may hold in all.  It can
 * run an eighth more than it is meant to, for sessions that have nothing in it.
 */
extern int llm_supervisor_capacity(void);
extern int llm_supervisor_limit(void);

/* What time asks for: start, give up on a start, kill, reap.  Never waits. */
extern void llm_supervisor_tick(void);

/* Milliseconds until tick has something to do; -1: only events bring work. */
extern long llm_supervisor_timeout_ms(void);

/* The engine has said READY. */
extern void llm_supervisor_note_ready(LlmStrView description);

/* The engine has sent its status. */
extern void llm_supervisor_note_status(const LlmEngineStatus *status);

/* The engine has said why it is going to end (LLM_LOG_FATAL). */
extern void llm_supervisor_note_last_words(LlmStrView line);

/* The engine is of no use any more: fail what it had, end it, start it again in its time. */
extern void llm_supervisor_lose(const char *reason);

/* Restart the engine at once, with the settings of now. */
extern void llm_supervisor_restart(void);

/* Settings were read again: say when they differ from those that the engine runs with. */
extern void llm_supervisor_compare_settings(void);

/* The broker ends: give the engine a moment to end in good order. */
extern void llm_supervisor_shut_down(void);

/* The broker ends, perhaps in the middle of anything: no engine may stay. */
extern void llm_supervisor_abandon(void);

#endif /* LLM_BROKER_SUPERVISOR_H */
