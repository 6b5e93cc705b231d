/* SPDX-License-Identifier: MIT */
/* The file that says which services a private rendezvous takes: one name a line, '#'
 * begins a comment. */
#ifndef EYELET_CMD_ALLOW_H
#define EYELET_CMD_ALLOW_H

#include <stddef.h>
#include <stdint.h>

struct allow {
	uint8_t (*services)[32]; /* NULL if there are none */
	size_t count, cap;
};

/* Reads the file into *list, which must be all zeros. Returns 0; or -1 with a sentence in
 * why (cap bytes), and the list empty. */
int allow_read(struct allow *list, const char *path, char *why, size_t cap);
void allow_free(struct allow *list);

#endif
