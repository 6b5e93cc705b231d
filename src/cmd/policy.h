/* SPDX-License-Identifier: MIT */
/* The file of --guests: whom a host lets in, what it calls them, and at which address its
 * target sees them. A line is
 *
 *	FINGERPRINT NAME ADDRESS allow|deny
 *
 * with 43 characters of fingerprint, "-" for no name, 127.64.x.y or "-" for any address.
 * The fingerprint "*" stands for all guests that have no line. '#' begins a comment. */
#ifndef EYELET_CMD_POLICY_H
#define EYELET_CMD_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_NAME_MAX 33 /* with its NUL */

struct policy_guest {
	uint8_t identity[32];
	char name[POLICY_NAME_MAX]; /* empty for none */
	uint32_t number;            /* of the address 127.64.0.0 + number; 0 for any */
	bool allowed;
	unsigned line;
};

struct policy {
	struct policy_guest *guests; /* by identity */
	size_t count, cap;
	bool unknown_allowed;  /* of guests without a line; true unless the file says */
	unsigned unknown_line; /* which said; 0 for none */
};

/* Reads the file into *p, whatever it holds. Returns 0; or -1 with a sentence in why (cap
 * bytes), and p empty. */
int policy_read(struct policy *p, const char *path, char *why, size_t cap);
void policy_free(struct policy *p);

/* Returns NULL if there is none. */
const struct policy_guest *policy_find(
	const struct policy *p, const uint8_t identity[32]);

#endif
