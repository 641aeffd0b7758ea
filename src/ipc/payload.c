/*
 * payload.c
 *	  Shared memory for the bytes of requests, results and chunks; see payload.h.
 *
 * The gauge of used bytes is kept beside the area: the area itself can only count whole segments.
 * The two disagree by the area's rounding, so the area may be full a little before the gauge.
 */
#include "postgres.h"

#include "compat.h"

#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "guc.h"
#include "ipc/payload.h"

typedef struct PayloadShared
{
	pg_atomic_uint64 used_bytes; /* everybody adds and subtracts */
	Size area_bytes;			 /* constant after start-up */
} PayloadShared;

static PayloadShared *shared;
static void *place;	   /* of the area, behind *shared */
static dsa_area *area; /* this process's attachment; NULL before first use */

static Size
area_bytes(void)
{
	return mul_size(llm_guc_max_payload_mb, 1024 * 1024);
}

Size
llm_payload_shmem_size(void)
{
	return add_size(MAXALIGN(sizeof(PayloadShared)), area_bytes());
}

void
llm_payload_shmem_init(int tranche_id)
{
	bool found;

	shared = ShmemInitStruct("postgres_llm payload", llm_payload_shmem_size(), &found);
	place = (char *) shared + MAXALIGN(sizeof(PayloadShared));
	if (found)
		return;

	shared->area_bytes = area_bytes();
	pg_atomic_init_u64(&shared->used_bytes, 0);

	dsa_area *created = dsa_create_in_place(place, shared->area_bytes, tranche_id, NULL);

	dsa_set_size_limit(created, shared->area_bytes);
	dsa_pin(created);
	dsa_detach(created);
}

static void
detach(int code, Datum arg)
{
	dsa_detach(area);
	area = NULL;
	dsa_release_in_place(place);
}

/* The area, attached on first use for the life of this process. */
static dsa_area *
attached_area(void)
{
	if (area == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		area = dsa_attach_in_place(place, NULL);
		dsa_pin_mapping(area);
		on_shmem_exit(detach, (Datum) 0);
		MemoryContextSwitchTo(old);
	}
	return area;
}

static Size
limit_of(LlmPayloadUse use)
{
	return use == LLM_PAYLOAD_REQUEST ? shared->area_bytes / 4 * 3 : shared->area_bytes;
}

Size
llm_payload_max_request(void)
{
	/* Half of what requests may take: a request that needs all of it could wait for ever. */
	return limit_of(LLM_PAYLOAD_REQUEST) / 2;
}

dsa_pointer
llm_payload_alloc(Size n_bytes, LlmPayloadUse use)
{
	Assert(n_bytes > 0 && n_bytes <= MaxAllocSize);

	uint64 used_before = pg_atomic_fetch_add_u64(&shared->used_bytes, n_bytes);
	dsa_pointer payload = InvalidDsaPointer;

	if (used_before + n_bytes <= limit_of(use))
		payload = dsa_allocate_extended(attached_area(), n_bytes, DSA_ALLOC_NO_OOM);
	if (!DsaPointerIsValid(payload))
		pg_atomic_fetch_sub_u64(&shared->used_bytes, n_bytes);
	return payload;
}

void
llm_payload_free(dsa_pointer *payload, Size n_bytes)
{
	if (!DsaPointerIsValid(*payload))
		return;
	dsa_free(attached_area(), *payload);
	pg_atomic_fetch_sub_u64(&shared->used_bytes, n_bytes);
	*payload = InvalidDsaPointer;
}

void *
llm_payload_address(dsa_pointer payload)
{
	return dsa_get_address(attached_area(), payload);
}

Size
llm_payload_used(void)
{
	return pg_atomic_read_u64(&shared->used_bytes);
}
