/* SPDX-License-Identifier: MIT */
#include "sim/trial.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

struct trial *trials_add(
	struct trials *list, void (*run)(struct trial *t), int arg, const char *name, ...)
{
	struct trial *t;
	va_list args;

	if (list->count == list->cap) {
		list->cap = list->cap > 0 ? 2 * list->cap : 64;
		list->of = realloc(list->of, list->cap * sizeof(*list->of));
		if (list->of == NULL)
			abort();
	}
	t = &list->of[list->count++];
	*t = (struct trial){.run = run, .arg = arg, .seed = TRIAL_SEED};
	va_start(args, name);
	vsnprintf(t->name, sizeof(t->name), name, args);
	va_end(args);
	return t;
}

void trial_fail(struct trial *t, const char *format, ...)
{
	va_list args;

	if (t->failed)
		return;
	t->failed = true;
	va_start(args, format);
	vsnprintf(t->failure, sizeof(t->failure), format, args);
	va_end(args);
}

void trial_note(struct trial *t, const char *format, ...)
{
	size_t len = strlen(t->note);
	va_list args;

	va_start(args, format);
	vsnprintf(t->note + len, sizeof(t->note) - len, format, args);
	va_end(args);
}

/* What the child tells its parent. */
struct result {
	bool failed;
	char failure[1024];
	char note[256];
};

static struct result result_of(const struct trial *t)
{
	struct result r = {.failed = t->failed};

	memcpy(r.failure, t->failure, sizeof(r.failure));
	memcpy(r.note, t->note, sizeof(r.note));
	return r;
}

static void child(struct trial *t, int fd, unsigned seconds_max)
{
	const struct itimerval limit = {.it_value.tv_sec = seconds_max};
	struct result r;

	setitimer(ITIMER_PROF, &limit, NULL); /* ends in SIGPROF */
	t->run(t);
	r = result_of(t);
	if (write(fd, &r, sizeof(r)) != (ssize_t)sizeof(r))
		_exit(3);
	close(fd);
	exit(0); /* not _exit: LeakSanitizer looks at what is left */
}

static void judge_status(struct result *r, int status)
{
	if (WIFSIGNALED(status))
		snprintf(r->failure, sizeof(r->failure), "died of signal %d (%s)",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		snprintf(r->failure, sizeof(r->failure), "exit status %d (a sanitizer?)",
			WEXITSTATUS(status));
	else
		return;
	r->failed = true;
}

static struct result run_apart(struct trial *t, unsigned seconds_max)
{
	struct result r = {.failed = true, .failure = "told nothing"};
	int pipes[2], status;
	pid_t pid;

	fflush(stdout);
	if (pipe(pipes) != 0)
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		close(pipes[0]);
		child(t, pipes[1], seconds_max);
	}
	close(pipes[1]);
	if (read(pipes[0], &r, sizeof(r)) != (ssize_t)sizeof(r))
		r.failed = true;
	close(pipes[0]);
	while (waitpid(pid, &status, 0) < 0)
		;
	judge_status(&r, status);
	return r;
}

static const char *again(const struct trial *t)
{
	static char text[128];

	if (strncmp(t->name, "random", 6) == 0)
		snprintf(
			text, sizeof(text), "random --seeds 1 --first %" PRIu64, t->seed);
	else
		snprintf(text, sizeof(text), "scenario '%s' --seed %" PRIu64, t->name,
			t->seed);
	return text;
}

void trial_try(struct trial *t, bool here, unsigned seconds_max)
{
	struct result r;

	if (here) {
		t->run(t);
		return;
	}
	r = run_apart(t, seconds_max);
	t->failed = r.failed;
	memcpy(t->failure, r.failure, sizeof(t->failure));
	memcpy(t->note, r.note, sizeof(t->note));
}

void trial_run(struct trial *t, struct tally *tally, bool here, unsigned seconds_max)
{
	trial_try(t, here, seconds_max);
	tally->number++;
	if (t->failed)
		tally->failed++;
	else
		tally->passed++;
	printf("%sok %u - %s%s%s\n", t->failed ? "not " : "", tally->number, t->name,
		t->note[0] != '\0' ? " # " : "", t->note);
	if (t->failed)
		printf("# %s: %s\n# again: build/sim %s -v\n", t->name, t->failure,
			again(t));
	fflush(stdout);
}

void trial_skip(const struct trial *t, struct tally *tally, const char *why)
{
	tally->number++;
	tally->skipped++;
	printf("ok %u - %s # SKIP %s\n", tally->number, t->name, why);
}

int tally_end(const struct tally *tally)
{
	printf("1..%u\n", tally->number);
	printf("%u passed, %u failed, %u skipped\n", tally->passed, tally->failed,
		tally->skipped);
	return tally->failed > 0 ? 1 : 0;
}
