/* SPDX-License-Identifier: MIT */
#include "cmd/mapping.h"

#include "cmd/feed.h"
#include "cmd/log.h"

bool mapping_is_useful(const struct servers *servers)
{
	for (size_t i = 0; i < servers->count; i++)
		if (!addr_is_loopback(&servers->addrs[i]))
			return true;
	return false;
}

void mapping_tell(const struct portmap_event *e)
{
	char external[ADDR_TEXT_MAX];

	addr_format(external, &e->external);
	switch (e->type) {
	case PORTMAP_MAPPED:
		log_state("the router maps %s to us (%s)", external, e->protocol);
		break;
	case PORTMAP_LOST:
		log_state("the router maps %s to us no more: %s", external, e->why);
		break;
	case PORTMAP_NESTED:
		log_state(
			"the router maps no port that is of use: its own address %s is a "
			"private one, so another NAT stands before it (%s)",
			external, e->protocol);
		break;
	default: log_detail("no port is mapped to us: %s", e->why);
	}
}

void mapping_feed(struct json *j, const struct portmap_event *e)
{
	feed_addr(j, "address", &e->external);
	if (e->type == PORTMAP_MAPPED)
		json_number(j, "port", e->port);
	if (e->type != PORTMAP_FAILED)
		json_string(j, "protocol", e->protocol);
	json_string(j, "why", e->why);
}
