/*
 * flush.h
 *	  Send to the client what the server holds back.
 */
#ifndef LLM_SQL_FLUSH_H
#define LLM_SQL_FLUSH_H

/*
 * Rows that were given to the client so far leave the server's output buffer, which otherwise waits
 * until it is full or the command is over.  Does nothing where there is no client.
 */
extern void llm_flush_to_client(void);

#endif /* LLM_SQL_FLUSH_H */
