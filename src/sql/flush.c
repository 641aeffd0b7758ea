/*
 * flush.c
 *	  Flush the connection to the client; see flush.h.
 *
 * A file of its own because of libpq/libpq.h: it declares PqCommMethods, and it also pulls in the
 * headers of whatever TLS and Kerberos libraries the server was built with.  Only the type of the
 * connection's Port depends on those, which is not used here, so they need not be installed.
 */
#include "postgres.h"

#undef ENABLE_GSS
#undef USE_OPENSSL
#undef USE_SSL

#include "libpq/libpq.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"

#include "sql/flush.h"

void
llm_flush_to_client(void)
{
	/* An error means that the client has gone, which the next interrupt check tells. */
	if (whereToSendOutput == DestRemote)
		(void) pq_flush();
}
