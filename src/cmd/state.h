/* SPDX-License-Identifier: MIT */
/* The state directory: what must be the same in the next run. Where it cannot be read or
 * written, a warning is said and the run goes on with what it makes for itself. */
#ifndef EYELET_CMD_STATE_H
#define EYELET_CMD_STATE_H

#include <limits.h>
#include <stdbool.h>

#include "core/secrets.h"

#define STATE_NAME_MAX 64 /* with its NUL */

struct state {
	char dir[PATH_MAX]; /* empty if there is none */
	int locks;          /* descriptor of the file that is locked in parts; or -1 */
	struct entropy entropy;
	void (*warn)(const char *sentence); /* what a user should hear of */
};

/* Finds the directory: the first of $STATE_DIRECTORY, else $XDG_STATE_HOME/eyelet, else
 * ~/.local/state/eyelet; and makes it, mode 0700. */
void state_open(struct state *s, const struct entropy *entropy,
	void (*warn)(const char *sentence));

/* Writes the path of the file PREFIX-NAME (or PREFIX, if name is NULL) into PATH_MAX
 * bytes. Returns false if there is no directory, or the path is too long. */
bool state_path(const struct state *s, char *path, const char *prefix, const char *name);

/* True if name may stand in a file name: letters, digits, dot, dash, underscore, not too
 * many. */
bool state_name_valid(const char *name);

/* Derives such a name from any text, into STATE_NAME_MAX bytes. */
void state_name_from(char *name, const char *text);

/* Takes the lock of a name for as long as the process lives. Waits a moment for a process
 * that is just ending. Returns false if another process holds it; true, too, where there
 * is no locking. */
bool state_lock(struct state *s, const char *name);

/* Read what is kept, or make it and keep it. */
void state_service(struct state *s, const char *name, struct service *service);
void state_instance(struct state *s, const char *name, uint8_t instance[INSTANCE_SIZE]);
/* The user's identity as a guest; another one for each further process that is connected
 * to the same service now (a host takes one connection an identity), the same ones again
 * in the next run. */
void state_identity(
	struct state *s, const char *service_name, uint8_t identity[CRYPTO_KEY_SIZE]);

/* Warns: "cannot VERB PATH: reason of errno error; CONSEQUENCE". */
void state_warn(const struct state *s, const char *verb, const char *path, int error,
	const char *consequence);

#endif
