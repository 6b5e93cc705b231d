/* SPDX-License-Identifier: MIT */
#include "cmd/wrap.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/log.h"
#include "cmd/words.h"

#define PAUSE 0.1 /* seconds: a stop that is the terminal's reaches us by itself before */

extern char **environ;

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCONT};
#define SIGNALS (sizeof(numbers) / sizeof(numbers[0]))

/* What signal handlers touch. */
static struct {
	struct wrap *wrap; /* NULL: no signals are taken */
	volatile sig_atomic_t by_process[SIGNALS], by_kernel[SIGNALS];
	struct sigaction old[SIGNALS];
	bool taken[SIGNALS];
} caught;

static size_t index_of(int number)
{
	size_t i = 0;

	while (i + 1 < SIGNALS && numbers[i] != number)
		i++;
	return i;
}

static bool is_kernels(const siginfo_t *info)
{
#ifdef SI_KERNEL
	return info->si_code == SI_KERNEL;
#else
	return info->si_pid == 0;
#endif
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	int error = errno;

	(void)context;
	if (is_kernels(info))
		caught.by_kernel[index_of(number)] = 1;
	else
		caught.by_process[index_of(number)] = 1;
	ev_async_send(caught.wrap->loop, &caught.wrap->signalled);
	errno = error;
}

static void take_signals(struct wrap *w)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART};

	caught.wrap = w;
	action.sa_sigaction = on_signal;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < SIGNALS; i++) {
		caught.by_process[i] = caught.by_kernel[i] = 0;
		sigaction(numbers[i], NULL, &caught.old[i]);
		/* As nohup(1) and shells want it, for us and for the command. */
		caught.taken[i] = caught.old[i].sa_handler != SIG_IGN;
		if (caught.taken[i])
			sigaction(numbers[i], &action, NULL);
	}
}

static void give_signals(void)
{
	for (size_t i = 0; i < SIGNALS; i++)
		if (caught.taken[i])
			sigaction(numbers[i], &caught.old[i], NULL);
	caught.wrap = NULL;
}

static void resume(struct wrap *w)
{
	ev_timer_stop(w->loop, &w->pause);
	if (w->paused)
		kill(w->pid, SIGCONT);
	w->paused = false;
}

static void pass_on(struct wrap *w, int number, bool by_process)
{
	if (number == SIGCONT) {
		resume(w);
		return;
	}
	if (!by_process && getpgid(w->pid) == getpgrp())
		return;
	log_detail("passing on: %s", strsignal(number));
	kill(w->pid, number);
}

static void on_signalled(struct ev_loop *loop, ev_async *async, int events)
{
	struct wrap *w = async->data;

	(void)events;
	for (size_t i = 0; i < SIGNALS; i++) {
		bool by_process = caught.by_process[i], by_kernel = caught.by_kernel[i];

		caught.by_process[i] = caught.by_kernel[i] = 0;
		if (!by_process && !by_kernel)
			continue;
		if (w->pid != 0) {
			pass_on(w, numbers[i], by_process);
		} else if (numbers[i] != SIGCONT) {
			log_detail("ending: %s", strsignal(numbers[i]));
			w->code = WRAP_SIGNALLED + numbers[i];
			ev_break(loop, EVBREAK_ALL);
		}
	}
}

/* SIGTSTP and not SIGSTOP: where no shell could let us go on, it does nothing. */
static void on_pause(struct ev_loop *loop, ev_timer *timer, int events)
{
	const struct wrap *w = timer->data;
	size_t i = index_of(SIGCONT);

	(void)loop;
	(void)events;
	if (w->paused && !caught.by_process[i] && !caught.by_kernel[i])
		raise(SIGTSTP);
}

int wrap_exit_code(int status)
{
	if (WIFSIGNALED(status))
		return WRAP_SIGNALLED + WTERMSIG(status);
	return WEXITSTATUS(status);
}

/* A command that was killed, or made groups of its own, may leave the terminal as nobody
 * else wants it. */
static void take_terminal(const struct wrap *w, bool killed)
{
	void (*old)(int);

	if (w->terminal < 0)
		return;
	old = signal(SIGTTOU, SIG_IGN);
	if (tcgetpgrp(w->terminal) != getpgrp())
		(void)tcsetpgrp(w->terminal, getpgrp());
	if (killed)
		(void)tcsetattr(w->terminal, TCSADRAIN, &w->modes);
	signal(SIGTTOU, old);
}

static void on_child(struct ev_loop *loop, ev_child *child, int events)
{
	struct wrap *w = child->data;
	int status = child->rstatus;

	(void)events;
	if (WIFSTOPPED(status)) {
		w->paused = true;
		ev_timer_stop(loop, &w->pause);
		ev_timer_set(&w->pause, PAUSE, 0.);
		ev_timer_start(loop, &w->pause);
	} else if (WIFCONTINUED(status)) {
		w->paused = false;
	} else {
		w->pid = 0;
		w->code = wrap_exit_code(status);
		take_terminal(w, WIFSIGNALED(status));
		log_lend_terminal(false);
		if (WIFSIGNALED(status))
			log_state("%s: %s", w->command[0], strsignal(WTERMSIG(status)));
		ev_break(loop, EVBREAK_ALL);
	}
}

static int own_terminal(struct termios *modes)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (isatty(fd) == 1 && tcgetpgrp(fd) == getpgrp() &&
			tcgetattr(fd, modes) == 0)
			return fd;
	return -1;
}

void wrap_init(struct wrap *w, struct ev_loop *loop)
{
	w->loop = loop;
	w->limited = getrlimit(RLIMIT_NOFILE, &w->files) == 0;
	w->terminal = own_terminal(&w->modes);
	ev_timer_init(&w->pause, on_pause, PAUSE, 0.);
	w->pause.data = w;
	ev_async_init(&w->signalled, on_signalled);
	w->signalled.data = w;
	ev_async_start(loop, &w->signalled);
	take_signals(w);
}

void wrap_fini(struct wrap *w)
{
	if (w->loop == NULL)
		return;
	give_signals();
	ev_async_stop(w->loop, &w->signalled);
	ev_timer_stop(w->loop, &w->pause);
	ev_child_stop(w->loop, &w->child);
}

struct addr wrap_address(const struct addr *listen)
{
	struct addr loopback = addr_v4(127, 0, 0, 1, listen->port);

	if (!addr_is_unspecified(listen))
		return *listen;
	if (listen->family == ADDR_V6) {
		memset(loopback.ip, 0, sizeof(loopback.ip));
		loopback.family = ADDR_V6;
		loopback.ip[15] = 1;
	}
	return loopback;
}

/* Cuts "[::1]:7001" into "::1" and "7001"; both point into text. */
static void split(char *text, const char **host, const char **port)
{
	char *colon = strrchr(text, ':');

	*colon = '\0';
	*port = colon + 1;
	*host = text;
	if (*text == '[') {
		colon[-1] = '\0';
		*host = text + 1;
	}
}

/* Returns 0 or an errno. The limit of descriptors is lowered for a moment: programs that
 * use select(2) break under a high one. */
static int spawn(struct wrap *w, char **words)
{
	posix_spawnattr_t attributes;
	struct rlimit raised;
	sigset_t to_default;
	int error = posix_spawnattr_init(&attributes);

	if (error != 0)
		return error;
	sigemptyset(&to_default);
	sigaddset(&to_default, SIGPIPE); /* which main() ignores */
	posix_spawnattr_setsigdefault(&attributes, &to_default);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	if (w->limited && getrlimit(RLIMIT_NOFILE, &raised) == 0)
		(void)setrlimit(RLIMIT_NOFILE, &w->files);
	else
		w->limited = false;
	error = posix_spawnp(&w->pid, words[0], NULL, &attributes, words, environ);
	if (error != 0)
		w->pid = 0;
	if (w->limited)
		(void)setrlimit(RLIMIT_NOFILE, &raised);
	posix_spawnattr_destroy(&attributes);
	return error;
}

static bool failed(struct wrap *w, const char *name, int error)
{
	w->code = error == ENOENT ? WRAP_NOT_FOUND : WRAP_CANNOT_RUN;
	log_error("cannot start \"%s\": %s", name, strerror(error));
	return false;
}

bool wrap_start(struct wrap *w, const struct addr *listen)
{
	char address[ADDR_TEXT_MAX], parts[ADDR_TEXT_MAX];
	struct addr addr = wrap_address(listen);
	const char *host, *port;
	char **words;
	int error = ENOMEM;

	if (w->pid != 0)
		return true;
	addr_format(address, &addr);
	addr_format(parts, &addr);
	split(parts, &host, &port);
	setenv("EYELET_ADDRESS", address, 1);
	setenv("EYELET_HOST", host, 1);
	setenv("EYELET_PORT", port, 1);
	words = words_fill(w->command, address, host, port);
	if (words != NULL)
		error = spawn(w, words);
	if (error != 0) {
		(void)failed(w, words != NULL ? words[0] : w->command[0], error);
		words_free(words);
		return false;
	}
	words_free(words);
	log_detail("started %s with %s", w->command[0], address);
	log_lend_terminal(true);
	ev_child_init(&w->child, on_child, w->pid, 1);
	w->child.data = w;
	ev_child_start(w->loop, &w->child);
	return true;
}
