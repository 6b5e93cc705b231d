/* SPDX-License-Identifier: MIT */
/* Follows the names of rendezvous to other addresses: asks for them anew as long as there
 * is doubt that a rendezvous is still where it was. */
#ifndef EYELET_CMD_RENEW_H
#define EYELET_CMD_RENEW_H

#include <ev.h>

#include "cmd/servers.h"
#include "net/names.h"

#define RENEW_PATIENCE 5.0         /* seconds of silence that make for doubt */
#define RENEW_NEW      SERVERS_MAX /* where from, of an address that is new */

/* The servers are others: from[i] is the index that the i-th had before, not below i, or
 * RENEW_NEW. Called from the loop; must not call renew_fini. */
typedef void renew_changed(void *arg, const uint8_t from[SERVERS_MAX]);

struct renew {
	struct ev_loop *loop; /* NULL if there is nothing to renew */
	struct servers *servers;
	renew_changed *changed;
	void *arg;
	struct names *names;               /* NULL until there was doubt */
	ev_timer again;                    /* active while there is doubt */
	unsigned rounds;                   /* since the doubt began */
	char text[TICKET_SERVERS_MAX + 1]; /* that of servers, cut at its commas */
	const char *texts[NAMES_MAX];      /* into text */
	size_t count;
	uint8_t told[NAMES_MAX]; /* families that were ever told of each, as bits */
};

/* Begins without doubt, for servers that are resolved; they and changed are the caller's.
 * A name that gave no address is asked for at once, and until it gives one. Does nothing
 * if all texts are addresses. Until then, and if r is zeroed, the others do nothing. */
void renew_start(struct renew *r, struct ev_loop *loop, struct servers *servers,
	renew_changed *changed, void *arg);
void renew_fini(struct renew *r);

/* Asks after so many seconds, and then every 5 s, after a minute every 60 s. Doubt that
 * there is already is only hastened. */
void renew_doubt(struct renew *r, double after);
/* Ends the doubt. */
void renew_trust(struct renew *r);

#endif
