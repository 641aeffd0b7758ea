/*
 * process.c
 *	  The engine's process; see process.h.
 *
 * The child must share nothing with the server but the socket and stderr, which is the server's
 * log: every other descriptor is closed, signals are as a fresh program expects them, and exec
 * follows at once.  It dies with the broker (PR_SET_PDEATHSIG), and is the process that the
 * kernel kills first when memory runs out: it is the biggest, and the only one that can go
 * without taking the server with it.  How large a core file it may leave is what the server was
 * started with.
 */
#include "postgres.h"

#include "compat.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "miscadmin.h"

#include "broker/process.h"

#define ENGINE_NAME "postgres_llm_engine"
#define CHANNEL_FD 3 /* the child's end, first after the standard ones */
#define CANNOT_EXECUTE 127
#define OOM_SCORE_ADJ "800" /* of 1000; the server's own processes are at 0 or below */

/* ---- in the child, between fork and exec ---- */

static void
reset_signals(void)
{
	sigset_t none;

	for (int signal_no = 1; signal_no < NSIG; signal_no++)
		signal(signal_no, SIG_DFL); /* fails for two of them, which have no handlers */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard input and output to nowhere, the channel in its place, everything above closed. */
static void
arrange_descriptors(int channel)
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (channel == CHANNEL_FD)
		fcntl(channel, F_SETFD, 0);
	else
		dup2(channel, CHANNEL_FD);
#ifdef SYS_close_range
	if (syscall(SYS_close_range, CHANNEL_FD + 1, ~0U, 0) == 0)
		return;
#endif
	for (long fd = CHANNEL_FD + 1; fd < sysconf(_SC_OPEN_MAX); fd++)
		close((int) fd);
}

static void
die_with_parent(pid_t parent)
{
#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
	/* It may have died before we asked. */
	if (getppid() != parent)
		_exit(0);
}

static void
offer_to_oom_killer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, OOM_SCORE_ADJ, strlen(OOM_SCORE_ADJ)) < 0)
	{
		/* It may be forbidden; then the kernel decides by size alone. */
	}
	close(fd);
}

static void
become_engine(const char *path, int channel, pid_t parent)
{
	char channel_arg[12];

	snprintf(channel_arg, sizeof(channel_arg), "%d", CHANNEL_FD);
	arrange_descriptors(channel);
	offer_to_oom_killer();
	die_with_parent(parent);
	reset_signals();
	execl(path, ENGINE_NAME, "--fd", channel_arg, (char *) NULL);
	dprintf(STDERR_FILENO, "could not execute \"%s\": %s\n", path, strerror(errno));
	_exit(CANNOT_EXECUTE);
}

/* ---- in the broker ---- */

static LlmStatus
check_executable(const char *path, LlmError *err)
{
	if (access(path, X_OK) == 0)
		return LLM_OK;
	llm_error_set(err, LLM_ERR_NOT_FOUND, "could not execute the inference engine \"%s\": %s", path,
				  strerror(errno));
	return llm_error_hint(err, "Install postgres_llm with all of its files.");
}

LlmStatus
llm_process_start(pid_t *pid, pgsocket *fd, LlmError *err)
{
	char path[MAXPGPATH];
	int ends[2];
	sigset_t all, before;
	pid_t broker = getpid();
	LlmStatus status;

	snprintf(path, sizeof(path), "%s/%s", pkglib_path, ENGINE_NAME);
	status = check_executable(path, err);
	if (status != LLM_OK)
		return status;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return llm_error_set(err, LLM_ERR_IO, "could not create a socket pair: %s",
							 strerror(errno));
	for (int i = 0; i < 2; i++)
		fcntl(ends[i], F_SETFD, FD_CLOEXEC);
	pg_set_noblock(ends[0]);

	/* No handler of the server may run in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	*pid = fork();
	if (*pid == 0)
		become_engine(path, ends[1], broker);
	status = LLM_OK;
	if (*pid < 0)
		status = llm_error_set(err, LLM_ERR_IO, "could not fork the inference engine: %s",
							   strerror(errno));
	sigprocmask(SIG_SETMASK, &before, NULL);

	close(ends[1]);
	if (status != LLM_OK)
		close(ends[0]);
	else
		*fd = ends[0];
	return status;
}

bool
llm_process_ended(pid_t pid, char *description, size_t size)
{
	int status;
	pid_t ended = waitpid(pid, &status, WNOHANG);

	if (ended == 0 || (ended < 0 && errno == EINTR))
		return false;
	if (ended < 0)
		snprintf(description, size, "ended in an unknown way: %s", strerror(errno));
	else if (WIFSIGNALED(status))
		snprintf(description, size, "was terminated by signal %d: %s", WTERMSIG(status),
				 pg_strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == CANNOT_EXECUTE)
		snprintf(description, size, "could not be executed, see the server's log");
	else
		snprintf(description, size, "exited with status %d", WEXITSTATUS(status));
	return true;
}

void
llm_process_kill(pid_t pid)
{
	kill(pid, SIGKILL);
}
