/*
 * broker.h
 *	  The background worker "postgres_llm broker".
 */
#ifndef LLM_BROKER_BROKER_H
#define LLM_BROKER_BROKER_H

/* Register it.  Only while shared_preload_libraries are loaded. */
extern void llm_broker_register(void);

#endif /* LLM_BROKER_BROKER_H */
