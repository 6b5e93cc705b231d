/* SPDX-License-Identifier: MIT */
/* The addresses behind several names, kept up to date on a loop without blocking it: in
 * both families, asked for again after a failure and when the owner has a reason to doubt
 * (dynamic DNS). */
#ifndef EYELET_NET_NAMES_H
#define EYELET_NET_NAMES_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

#define NAMES_MAX       16
#define NAMES_ADDRS_MAX 16

/* With why NULL: addrs are all addresses of all names, others than told before. Otherwise
 * *why is a sentence part ("rdv.example.net: no name server answers") about one name that
 * gave none this time, and addrs are what is known still, perhaps from before. Never
 * called from within a function of names; must not free them. */
typedef void names_told(
	void *arg, const struct addr *addrs, size_t count, const char *why);

struct names_config {
	const char *const *texts; /* "HOST", "HOST:PORT", "ADDR", "[V6]:PORT"; copied */
	size_t count;             /* those above NAMES_MAX are left out */
	uint16_t default_port;
	names_told *told;
	void *arg;
	const char *servers; /* NULL, or what dns_new takes instead of the system's */
	unsigned timeout_ms; /* of the first attempt; 0 is a second */
	unsigned pause_ms;   /* between the rounds of names_again; 0 is 5 s */
};

/* Begins to resolve all as soon as the loop runs. A name that gave no address is asked for
 * again after 2, 4, .. 60 s; the same failure is told once. Returns NULL if memory ran
 * out. */
struct names;
struct names *names_new(struct ev_loop *loop, const struct names_config *config);
void names_free(struct names *n);

/* Resolves all names anew, with the name servers that the system has by then: at once, or
 * pause_ms after the last time. told is called only if addresses changed, or of failures. */
void names_again(struct names *n);

/* Returns the index of the text that a told address came from (the first of several);
 * NAMES_MAX if none gives it now. */
size_t names_origin(const struct names *n, const struct addr *addr);

#endif
