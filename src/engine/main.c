/*
 * main.c
 *	  The program postgres_llm_engine: arguments and signals.
 *
 * The background worker starts it with `--fd N`, one end of a socket pair, and it serves that
 * socket until the worker is gone.  With `--model` and `--prompt` it answers one prompt without a
 * server. SIGTERM and SIGINT end it in good order, between two steps.
 */
#include "engine/arguments.h"
#include "engine/console.h"
#include "engine/launch.h"
#include "engine/serve.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef LLM_VERSION
#define LLM_VERSION "unknown version"
#endif

/* Pieces of memory from here on go back to the system when they are freed. */
#define LARGE_BYTES (128 * 1024)

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
 * Die with the one who started us, even if another process still holds the socket open.  Who
 * started us may be gone already: then init has adopted us, and nobody would send the signal.
 */
static void
die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == 1)
		_exit(0);
}

/*
 * What is large goes back to the system when it is freed, whatever the order.  The C library would
 * raise the size from which it does so at the first large free, by itself, and later models,
 * caches and texts would leave holes in the heap.
 */
static void
keep_heap_small(void)
{
#ifdef __GLIBC__
	(void) mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
#endif
}

static int
serve(int fd)
{
	LlmServeOptions options = {fd, &main_wake, &main_stop, llm_launch_service};
	LlmError err;
	LlmStatus status;
	bool unclean;

	die_with_parent();
	keep_heap_small();
	status = llm_serve(&options, &unclean, &err);
	if (status != LLM_OK)
		fprintf(stderr, "postgres_llm_engine: %s\n", err.message);
	if (unclean)
		_exit(status == LLM_OK ? 0 : 1);
	return status == LLM_OK ? 0 : 1;
}

static int
run(const LlmArguments *arguments)
{
	switch (arguments->command)
	{
		case LLM_COMMAND_SERVE:
			return serve(arguments->fd);
		case LLM_COMMAND_PROMPT:
		case LLM_COMMAND_INSPECT:
			return llm_console_run(arguments, &main_wake, &main_stop);
		case LLM_COMMAND_HELP:
			fputs(llm_arguments_help, stdout);
			return 0;
		case LLM_COMMAND_VERSION:
			printf("postgres_llm_engine %s\n", LLM_VERSION);
			return 0;
	}
	return 1;
}

int
main(int argc, char **argv)
{
	LlmArguments arguments;
	LlmError err;
	int exit_code;

	if (llm_arguments_parse(argc, argv, &arguments, &err) != LLM_OK)
	{
		fprintf(stderr, "postgres_llm_engine: %s\n", err.message);
		return 2;
	}
	if (llm_wake_create(&main_wake, &err) != LLM_OK)
	{
		fprintf(stderr, "postgres_llm_engine: %s\n", err.message);
		return 1;
	}
	install_signals();
	exit_code = run(&arguments);
	llm_wake_destroy(&main_wake);
	return exit_code;
}
