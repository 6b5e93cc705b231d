/* SPDX-License-Identifier: MIT */
/* The rendezvous of -r, EYELET_RENDEZVOUS or a ticket: texts, their addresses, and which
 * address goes by which text. */
#ifndef EYELET_CMD_SERVERS_H
#define EYELET_CMD_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/ticket.h"

#define SERVERS_MAX      16 /* addresses */
#define SERVERS_PER_NAME 4  /* addresses taken of one name */

#define SERVERS_DIAL_MAX (3 * SERVERS_MAX) /* each by UDP, TCP and TLS */

struct servers {
	char text[TICKET_SERVERS_MAX + 1]; /* as given, separated by commas */
	struct addr addrs[SERVERS_MAX];
	uint8_t name_of[SERVERS_MAX]; /* where the name of each begins in text */
	size_t count;
};

/* Adds one text or several separated by commas. Returns NULL or a static sentence part.
 */
const char *servers_add(struct servers *s, const char *list);

/* Resolves all, blocking, and says which do not. Addresses of a family that this machine
 * does not have are left out. Returns false if there is no address at all. */
bool servers_resolve(struct servers *s);

/* Writes all by UDP, then the same by TCP, then, if so told, by TLS at port 443 or the one given, into
 * SERVERS_DIAL_MAX addresses. Returns how many. */
size_t servers_dial(const struct servers *s, bool tls, struct addr *addrs);

/* Returns the index of the one that is meant, by whatever transport; SERVERS_MAX if none. */
size_t servers_index(const struct servers *s, const struct addr *addr);

/* Returns ", by TCP", ", by TLS", or nothing for UDP. */
const char *servers_transport(const struct addr *addr);

#define SERVERS_NAME_MAX (TICKET_SERVERS_MAX + ADDR_TEXT_MAX + 8)
/* Writes "rdv.example.net (192.0.2.130:3478)", or the address alone where that is what
 * was given, and returns it. */
const char *servers_name(char *text, const struct servers *s, const struct addr *addr);

/* As servers_name, without the address: "rdv.example.net". */
const char *servers_short_name(
	char *text, const struct servers *s, const struct addr *addr);

/* As servers_short_name, without a port: what its certificate has to bear. */
const char *servers_host(char *text, const struct servers *s, const struct addr *addr);

#endif
