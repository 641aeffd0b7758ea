/*
 * main.c
 *	  The program postgres_llm_engine: arguments and signals.
 *
 * The background worker starts it with `--fd N`, one end of a socket pair, and it serves that socket
 * until the worker is gone.  SIGTERM and SIGINT end it in good order, between two steps.
 */
#include "base/log.h"
#include "engine/launch.h"
#include "engine/serve.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef LLM_VERSION
#define LLM_VERSION "unknown"
#endif

static LlmWake main_wake = {-1};
static volatile sig_atomic_t main_stop;

static void
on_stop_signal(int signal_number)
{
	(void) signal_number;
	main_stop = 1;
	llm_wake_signal(&main_wake);
}

static void
install_signals(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	sigemptyset(&action.sa_mask);
	action.sa_handler = on_stop_signal;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

/*
 * Die with the one who started us, even if it leaves the socket open in another process.  It may be
 * gone already by now; then somebody else has adopted us, and the socket tells.
 */
static void
die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == 1)
		_exit(0);
}

static int
serve(int fd)
{
	LlmServeOptions options = {fd, &main_wake, &main_stop, llm_launch_service};
	LlmError err;
	LlmStatus status;
	bool unclean;

	die_with_parent();
	status = llm_serve(&options, &unclean, &err);
	if (status != LLM_OK)
		fprintf(stderr, "postgres_llm_engine: %s\n", err.message);
	if (unclean)
		_exit(status == LLM_OK ? 0 : 1);
	return status == LLM_OK ? 0 : 1;
}

int
main(int argc, char **argv)
{
	LlmError err;
	int exit_code;

	if (argc == 2 && strcmp(argv[1], "--version") == 0)
	{
		printf("postgres_llm_engine %s\n", LLM_VERSION);
		return 0;
	}
	if (argc != 3 || strcmp(argv[1], "--fd") != 0)
	{
		fprintf(stderr, "usage: postgres_llm_engine --fd N\n");
		return 2;
	}
	if (llm_wake_create(&main_wake, &err) != LLM_OK)
	{
		fprintf(stderr, "postgres_llm_engine: %s\n", err.message);
		return 1;
	}
	install_signals();
	exit_code = serve(atoi(argv[2]));
	llm_wake_destroy(&main_wake);
	return exit_code;
}
