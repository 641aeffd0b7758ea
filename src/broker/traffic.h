/*
 * traffic.h
 *	  Requests from the slots to the engine, and what the engine sends back to the slots.
 */
#ifndef LLM_BROKER_TRAFFIC_H
#define LLM_BROKER_TRAFFIC_H

/* Look at the slots that backends announced. */
extern void llm_traffic_drain_ring(void);

/* Hand over as many requests as engine and socket take.  Never waits. */
extern void llm_traffic_send(void);

/* Take a portion of what the engine has sent.  Never waits. */
extern void llm_traffic_receive(void);

#endif /* LLM_BROKER_TRAFFIC_H */
