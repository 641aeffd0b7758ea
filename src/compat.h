/*
 * compat.h
 *	  What differs between PostgreSQL 15 to 18: the only file that looks at PG_VERSION_NUM.
 *
 * Include after postgres.h and before any header of the server that declares exported symbols.
 */
#ifndef LLM_COMPAT_H
#define LLM_COMPAT_H

#include "postgres.h"

#include "commands/explain.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM < 150000
#error "postgres_llm needs PostgreSQL 15 or later"
#endif

/* Access to the bytes of a text, before 16 a part of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* What an EXPLAIN method needs, before 18 a part of commands/explain.h. */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* The module is built with hidden symbols; before 16 the server's macro did not undo that. */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

/* Index of this process in ProcGlobal->allProcs. */
#if PG_VERSION_NUM >= 170000
#define LLM_MY_PROC_NUMBER ((int) MyProcNumber)
#else
#define LLM_MY_PROC_NUMBER (MyProc->pgprocno)
#endif

/* A wait event set that lives until it is freed. */
#if PG_VERSION_NUM >= 170000
#define LLM_CREATE_WAIT_EVENT_SET(n_events) CreateWaitEventSet(NULL, (n_events))
#else
#define LLM_CREATE_WAIT_EVENT_SET(n_events) CreateWaitEventSet(TopMemoryContext, (n_events))
#endif

/*
 * The number of a wait event of ours, kept in *cached, which is 0 before the first call.  Before 17
 * an extension's waits all show as "Extension".
 */
static inline uint32
llm_wait_event(uint32 *cached, const char *name)
{
#if PG_VERSION_NUM >= 170000
	if (*cached == 0)
		*cached = WaitEventExtensionNew(name);
#else
	*cached = PG_WAIT_EXTENSION;
#endif
	return *cached;
}

/* Privileges on functions, and those on a foreign server, which is what a model is. */
#if PG_VERSION_NUM >= 160000
#define LLM_SERVER_ACLCHECK(oid, role, mode)                                                       \
	object_aclcheck(ForeignServerRelationId, (oid), (role), (mode))
#define LLM_SERVER_OWNERCHECK(oid, role) object_ownercheck(ForeignServerRelationId, (oid), (role))
#define LLM_FUNCTION_ACLCHECK(oid, role, mode)                                                     \
	object_aclcheck(ProcedureRelationId, (oid), (role), (mode))
#else
#define LLM_SERVER_ACLCHECK(oid, role, mode) pg_foreign_server_aclcheck((oid), (role), (mode))
#define LLM_SERVER_OWNERCHECK(oid, role) pg_foreign_server_ownercheck((oid), (role))
#define LLM_FUNCTION_ACLCHECK(oid, role, mode) pg_proc_aclcheck((oid), (role), (mode))
#endif

/* ExecutorRun and its hook; the plan is in queryDesc, the rows that are asked for in count. */
#if PG_VERSION_NUM >= 180000
#define LLM_EXECUTOR_RUN_PARAMETERS QueryDesc *queryDesc, ScanDirection direction, uint64 count
#define LLM_EXECUTOR_RUN_ARGUMENTS queryDesc, direction, count
#else
#define LLM_EXECUTOR_RUN_PARAMETERS                                                                \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count, bool execute_once
#define LLM_EXECUTOR_RUN_ARGUMENTS queryDesc, direction, count, execute_once
#endif

/* Functions whose names became those of several. */
#if PG_VERSION_NUM >= 170000
#define LLM_F_RANDOM F_RANDOM_
#else
#define LLM_F_RANDOM F_RANDOM
#endif
#if PG_VERSION_NUM >= 180000
#define LLM_F_REVERSE F_REVERSE_TEXT
#else
#define LLM_F_REVERSE F_REVERSE
#endif

/*
 * What only the node of MERGE can evaluate, and RETURNING's old and new rows when there may be
 * none.
 */
#if PG_VERSION_NUM >= 170000
#define LLM_IS_MERGE_SUPPORT(node) IsA(node, MergeSupportFunc)
#else
#define LLM_IS_MERGE_SUPPORT(node) false
#endif
#if PG_VERSION_NUM >= 180000
#define LLM_IS_RETURNING_EXPR(node) IsA(node, ReturningExpr)
#else
#define LLM_IS_RETURNING_EXPR(node) false
#endif

/*
 * What a column stands for if the range table entry is that of GROUP BY, which there is from 18 on;
 * else NULL.
 */
#if PG_VERSION_NUM >= 180000
#define LLM_GROUPED_EXPRESSION(rte, column)                                                        \
	((rte)->rtekind == RTE_GROUP ? (Node *) list_nth((rte)->groupexprs, (column) -1) : NULL)
#else
#define LLM_GROUPED_EXPRESSION(rte, column) ((Node *) NULL)
#endif

/*
 * Declared here because its header, libpq/libpq.h, needs the headers of Kerberos on a server built
 * with it.  Only for processes with a MyProcPort.
 */
extern bool pq_check_connection(void);

#endif /* LLM_COMPAT_H */
