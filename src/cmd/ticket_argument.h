/* SPDX-License-Identifier: MIT */
/* The argument TICKET, which may name a file. */
#ifndef EYELET_CMD_TICKET_ARGUMENT_H
#define EYELET_CMD_TICKET_ARGUMENT_H

#include "cmd/key.h"
#include "core/ticket.h"

/* Reads a ticket from text; @FILE reads it from a file, - from the standard input. The secret
 * of a ticket on the command line is overwritten there, where `ps` would show it. Returns
 * false, with a sentence said and o->code set, if it is none. */
bool ticket_argument(struct options *o, struct ticket *ticket, char *text);

/* Derives what a guest asks with, from the ticket, or where that is NULL from the key. Returns
 * false, with a sentence said, if memory ran out. */
bool ticket_or_key(
	struct credentials *c, const struct ticket *ticket, const struct key *key);

#endif
