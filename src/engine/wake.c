/*
 * wake.c
 *	  Waking the main loop; see wake.h.
 */
#include "engine/wake.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

LlmStatus
llm_wake_create(LlmWake *wake, LlmError *err)
{
	wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wake->fd < 0)
		return llm_error_set(err, LLM_ERR_IO, "could not create an event descriptor: %s",
							 strerror(errno));
	return LLM_OK;
}

void
llm_wake_destroy(LlmWake *wake)
{
	if (wake->fd >= 0)
		close(wake->fd);
	wake->fd = -1;
}

void
llm_wake_signal(const LlmWake *wake)
{
	int saved_errno = errno;
	uint64_t one = 1;
	ssize_t written = write(wake->fd, &one, sizeof(one));

	/* A full counter fails with EAGAIN: the loop will wake all the same. */
	(void) written;
	errno = saved_errno;
}

void
llm_wake_drain(const LlmWake *wake)
{
	uint64_t count;
	ssize_t got = read(wake->fd, &count, sizeof(count));

	(void) got;
}
