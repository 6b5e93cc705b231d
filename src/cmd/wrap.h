/* SPDX-License-Identifier: MIT */
/* The command behind "--": started once there is a path, in the foreground and in our own
 * process group, so that the terminal's signals and job control are its own affair.
 *
 * Signals: those that a process sent (kill) are passed on. Those of the terminal go to the
 * whole foreground group, so the command has them already; they are passed on only if it
 * left our group. Until it runs, each of them ends the loop. When it stops by itself, as
 * "less" does, we stop too, so that the shell notices; SIGCONT is passed on. */
#ifndef EYELET_CMD_WRAP_H
#define EYELET_CMD_WRAP_H

#include <ev.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <termios.h>

#include "core/addr.h"

enum {
	WRAP_CANNOT_RUN = 126, /* exit code: it is there, and cannot be run */
	WRAP_NOT_FOUND = 127,  /* exit code: there is no such command */
	WRAP_SIGNALLED = 128, /* exit code, plus the number of the signal that ended it */
};

struct wrap {
	char **command; /* COMMAND ARG... and NULL, as given; NULL if there is none */
	struct ev_loop *loop;
	struct rlimit files; /* the limit of descriptors, as we were given it */
	bool limited;        /* files is known */
	pid_t pid;           /* while it runs, else 0 */
	bool paused;         /* it stopped, by its own will or another's */
	int code;            /* what to exit with; set when the loop is ended */
	ev_child child;
	ev_async signalled;
	ev_timer pause;       /* until we stop as well */
	int terminal;         /* descriptor of the terminal that we have; or -1 */
	struct termios modes; /* of the terminal, at the start */
};

/* Returns the exit code that tells a status of waitpid(2). */
int wrap_exit_code(int status);

/* Returns where a client on this machine reaches a socket bound to listen: loopback for an
 * unspecified address. */
struct addr wrap_address(const struct addr *listen);

/* Takes the signals. To be called on a zeroed wrap with its command, before the limit of
 * descriptors is raised; there is one wrap in a process. */
void wrap_init(struct wrap *w, struct ev_loop *loop);
/* Gives the signals and the terminal back. */
void wrap_fini(struct wrap *w);

/* Starts the command with the address of listen, if it was not started. Returns true if it
 * runs; else a sentence was said, and w->code is set. */
bool wrap_start(struct wrap *w, const struct addr *listen);

#endif
