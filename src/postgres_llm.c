/*
 * postgres_llm.c
 *	  What happens when the server loads the library.
 *
 * Preloaded, the library asks for shared memory and registers the broker; the postmaster itself
 * never starts an engine nor touches a device, since neither survives a fork.  Loaded by a session
 * (CREATE EXTENSION without the preload, as a restore does), it only defines the settings: every
 * function that needs the engine then says how to preload it.
 */
#include "postgres.h"

#include "compat.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "broker/broker.h"
#include "guc.h"
#include "ipc/shmem.h"
#include "scan/node.h"
#include "scan/hook.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	llm_guc_define();
	if (!process_shared_preload_libraries_in_progress)
		return;
	llm_shmem_register();
	llm_broker_register();
	llm_scan_node_register();
	llm_scan_hook_install();
}
