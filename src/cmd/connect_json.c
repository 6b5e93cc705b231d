/* SPDX-License-Identifier: MIT */
/* What a guest's --json says. */
#include "cmd/connect.h"
#include "cmd/mapping.h"
#include "cmd/pacing.h"

static void start(const struct connect *c, struct json *j, const char *event)
{
	feed_start(j, event);
	json_string(j, "state", c->connected ? "connected" : "connecting");
}

void connect_feed_listening(struct connect *c, const struct addr *bound, size_t count)
{
	struct json j;

	for (size_t i = 0; i < count; i++) {
		start(c, &j, "listening");
		feed_addr(&j, "address", &bound[i]);
		feed_end(&c->feed, &j);
	}
}

void connect_feed(struct connect *c, const struct event *e)
{
	struct guest_counts counts;
	struct json j;

	if (feed_is_internal(e))
		return;
	guest_get_counts(guest_driver_core(c->driver), &counts);
	start(c, &j, event_name(e->type));
	feed_event(&j, e);
	if (e->type == EVENT_RELAYED)
		reason_add(&j, &c->facts);
	if (c->connected)
		feed_span(&j, "rtt_ms", counts.rtt);
	feed_end(&c->feed, &j);
}

void connect_feed_counters(struct connect *c)
{
	struct forwarder_counts forwarder;
	struct guest_counts counts;
	struct json j;

	guest_get_counts(guest_driver_core(c->driver), &counts);
	guest_driver_get_counts(c->driver, &forwarder);
	start(c, &j, "counters");
	feed_span(&j, "rtt_ms", counts.rtt);
	json_number(&j, "datagrams_out", counts.datagrams_out);
	json_number(&j, "bytes_out", counts.bytes_out);
	json_number(&j, "datagrams_in", counts.datagrams_in);
	json_number(&j, "bytes_in", counts.bytes_in);
	json_number(&j, "lost_in", counts.lost_in);
	json_number(&j, "unqueued", forwarder.queue_dropped);
	json_number(&j, "unsent", forwarder.send_failed);
	pacing_feed(&j, &forwarder.pacing);
	feed_drops(&j, &counts.verdicts);
	feed_end(&c->feed, &j);
}

void connect_feed_mapping(struct connect *c, const struct portmap_event *e)
{
	struct json j;

	start(c, &j, portmap_event_name(e->type));
	mapping_feed(&j, e);
	feed_end(&c->feed, &j);
}

void connect_feed_renamed(struct connect *c)
{
	struct json j;

	for (size_t i = 0; i < c->servers.count; i++) {
		start(c, &j, "renamed");
		feed_addr(&j, "rendezvous", &c->servers.addrs[i]);
		feed_end(&c->feed, &j);
	}
}

void connect_feed_failed(struct connect *c, const char *why)
{
	struct json j;

	start(c, &j, "failed");
	json_number(&j, "code", c->code);
	json_string(&j, "why", why);
	feed_end(&c->feed, &j);
}
