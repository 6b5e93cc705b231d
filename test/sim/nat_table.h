/* SPDX-License-Identifier: MIT */
/* What a NAT remembers: bindings, whom they admit, and strangers. nat.c's own. */
#ifndef EYELET_SIM_NAT_TABLE_H
#define EYELET_SIM_NAT_TABLE_H

#include <uthash.h>

#include "sim/nat.h"

/* An inner socket's outer port. */
struct nat_binding {
	struct {
		struct addr inner;
		struct addr
			remote; /* as far as the mapping depends on it, the rest zeros */
	} key;
	uint32_t port;
	bool remapped; /* made for one remote because of a stranger */
	uint64_t made_at, used_at;
	UT_hash_handle hh, hh_port;
};

/* A remote that an outer port sent to, or that came to it uncalled. */
struct nat_permission {
	struct {
		uint32_t port;
		struct addr remote;
	} key;
	uint64_t used_at;
	UT_hash_handle hh;
};

/* The binding for what goes from inner to remote; made if there is none. */
struct nat_binding *nat_bind(
	struct nat *n, const struct addr *inner, const struct addr *remote);

/* The binding of an outer port, or NULL. */
struct nat_binding *nat_binding_at(struct nat *n, uint16_t port);

/* Notes that the binding sent to remote. */
void nat_permit(struct nat *n, struct nat_binding *b, const struct addr *remote);
bool nat_permits(struct nat *n, const struct nat_binding *b, const struct addr *remote);

/* Notes that remote came uncalled to that port. */
void nat_note_stranger(struct nat *n, uint16_t port, const struct addr *remote);

#endif
