/* SPDX-License-Identifier: MIT */
#include "net/interfaces.h"

struct interface *interfaces_find(struct interface_table *table, uint32_t index)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->interfaces[i].index == index)
			return &table->interfaces[i];
	}
	return NULL;
}

void interfaces_add(struct interface_table *table, uint32_t index, bool bridge)
{
	if (table->count == INTERFACES_MAX || interfaces_find(table, index))
		return;
	table->interfaces[table->count++] =
		(struct interface){.index = index, .bridge = bridge};
}

void interfaces_add_addr(
	struct interface_table *table, uint32_t index, const struct addr *addr)
{
	struct interface *interface = interfaces_find(table, index);

	if (!interface || table->addr_count == INTERFACE_ADDRS_MAX)
		return;
	if (addr_is_loopback(addr) || addr_is_link_local(addr) ||
		addr_is_multicast(addr) || addr_is_unspecified(addr))
		return;
	interface->address = true;
	table->addrs[table->addr_count].index = index;
	table->addrs[table->addr_count++].addr = *addr;
}

/* The strictest rule that leaves any: those with a route onwards, else those that are no
 * bridges, else all. */
enum rule { RULE_LEADS, RULE_NO_BRIDGE, RULE_ALL };

static bool passes(const struct interface *interface, enum rule rule)
{
	if (rule == RULE_LEADS)
		return interface->leads;
	return rule == RULE_ALL || !interface->bridge;
}

static enum rule choose_rule(const struct interface_table *table)
{
	for (enum rule rule = RULE_LEADS; rule < RULE_ALL; rule++) {
		for (size_t i = 0; i < table->count; i++) {
			const struct interface *interface = &table->interfaces[i];

			if (interface->address && passes(interface, rule))
				return rule;
		}
	}
	return RULE_ALL;
}

static bool is_listed(const struct addr *addrs, size_t count, const struct addr *a)
{
	for (size_t i = 0; i < count; i++) {
		if (addr_equal(&addrs[i], a))
			return true;
	}
	return false;
}

size_t interfaces_choose(struct interface_table *table, struct addr *addrs, size_t max)
{
	enum rule rule = choose_rule(table);
	size_t count = 0;

	for (int private = 0; private <= 1; private ++) {
		for (size_t i = 0; i < table->addr_count && count < max; i++) {
			const struct addr *a = &table->addrs[i].addr;

			if (addr_is_private(a) == (private == 1) &&
				passes(interfaces_find(table, table->addrs[i].index),
					rule) &&
				!is_listed(addrs, count, a))
				addrs[count++] = *a;
		}
	}
	return count;
}
