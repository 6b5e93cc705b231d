/* SPDX-License-Identifier: MIT */
/* Where a text key comes from: -k, --key-file or EYELET_KEY. */
#ifndef EYELET_CMD_KEY_H
#define EYELET_CMD_KEY_H

#include <stdbool.h>

#include "cmd/options.h"

#define KEY_TEXT_MAX 512 /* with its NUL */

/* Estimated bits below which a host refuses a text without --weak-key. */
#define KEY_STRENGTH_MIN 40

struct key {
	bool given;
	bool shown; /* it was on the command line */
	char text[KEY_TEXT_MAX];
};

/* Takes -k's value: copies it, and overwrites it where `ps` would show it. */
bool key_from_option(struct options *o, struct key *key, char *value);

/* Takes the first line of a file. */
bool key_from_file(struct options *o, struct key *key, const char *path);

/* The last of them: takes EYELET_KEY unless there is a key already, and takes it out of
 * the environment in any case. Warns of a key that was on the command line. */
bool key_from_environment(struct options *o, struct key *key);

/* Refuses a key that is easily guessed. */
bool key_check_strength(struct options *o, const struct key *key);

/* All return false with a sentence said and o->code set. */

void key_wipe(struct key *key);

#endif
