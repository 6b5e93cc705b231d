/* SPDX-License-Identifier: MIT */
/* One round of questions to the hosts file and the name servers, on a loop: the only file
 * that knows c-ares. */
#ifndef EYELET_NET_DNS_H
#define EYELET_NET_DNS_H

#include <ev.h>

#include "core/addr.h"

#define DNS_ADDRS_MAX 8 /* of one name and family; more are left out */

enum dns_result {
	DNS_PENDING,
	DNS_FOUND, /* at least one address */
	DNS_NONE,  /* there is certainly none */
	DNS_FAILED /* nobody knows */
};

struct dns_answer {
	enum dns_result result;
	const char *why;                  /* a static sentence unless PENDING or FOUND */
	struct addr addrs[DNS_ADDRS_MAX]; /* port 0 */
	size_t count;
};

/* The system's name servers as they are at that moment, or those that servers names in the
 * syntax of ares_set_servers_ports_csv(3). timeout_ms is what the first of three attempts
 * waits, each further one twice as long. progress is called from the loop, when one or
 * more answers have come, and may free the whole. Returns NULL if memory or descriptors
 * ran out, or servers is not understood. */
struct dns;
struct dns *dns_new(struct ev_loop *loop, const char *servers, unsigned timeout_ms,
	void (*progress)(void *arg), void *arg);
/* Leaves answers that are pending as they are. */
void dns_free(struct dns *dns);

/* Asks for the addresses of a host in one family (ADDR_V4 or ADDR_V6). *answer is filled
 * in, now or later, and has to live until dns_free. */
void dns_ask(
	struct dns *dns, const char *host, uint8_t family, struct dns_answer *answer);

#endif
