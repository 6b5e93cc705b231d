/* SPDX-License-Identifier: MIT */
/* What the system's list of interfaces is sifted by, for interfaces_list. */
#ifndef EYELET_NET_INTERFACES_H
#define EYELET_NET_INTERFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

#define INTERFACES_MAX      64  /* more are left out */
#define INTERFACE_ADDRS_MAX 256 /* of all interfaces; more are left out */

struct interface {
	uint32_t index;
	bool bridge;  /* a software bridge, such as containers hang on */
	bool leads;   /* by a route to more than its own subnet */
	bool address; /* has a usable one */
};

struct interface_table {
	struct interface interfaces[INTERFACES_MAX]; /* those that are up */
	size_t count;
	struct {
		uint32_t index; /* of the interface */
		struct addr addr;
	} addrs[INTERFACE_ADDRS_MAX]; /* usable ones */
	size_t addr_count;
};

/* Adds an interface that is up; a second one of that index is ignored. */
void interfaces_add(struct interface_table *table, uint32_t index, bool bridge);

/* Returns the interface, NULL if it is not in the table. */
struct interface *interfaces_find(struct interface_table *table, uint32_t index);

/* Adds an address, unless the interface is not in the table or the address is of no use
 * (loopback, link-local, multicast, unspecified). */
void interfaces_add_addr(
	struct interface_table *table, uint32_t index, const struct addr *addr);

/* Writes the addresses that count, global ones first, as interfaces_list does. */
size_t interfaces_choose(struct interface_table *table, struct addr *addrs, size_t max);

#endif
