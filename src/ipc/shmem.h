/*
 * shmem.h
 *	  Shared memory of the transport: asked for and laid out when the server starts.
 */
#ifndef LLM_IPC_SHMEM_H
#define LLM_IPC_SHMEM_H

/* Install the hooks.  Only while shared_preload_libraries are loaded. */
extern void llm_shmem_register(void);

#endif /* LLM_IPC_SHMEM_H */
