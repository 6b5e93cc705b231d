/* SPDX-License-Identifier: MIT */
/* What a host's --json says. */
#include <stdio.h>

#include "cmd/mapping.h"
#include "cmd/serve.h"

void serve_feed_start(const struct serve *s, struct json *j, const char *event)
{
	feed_start(j, event);
	json_string(j, "state", serve_is_registered(s) ? "registered" : "registering");
}

void serve_feed_ticket(struct serve *s, const char *ticket)
{
	struct json j;

	serve_feed_start(s, &j, "ticket");
	json_string(&j, "ticket", ticket);
	feed_end(&s->feed, &j);
	crypto_wipe(&j, sizeof(j));
}

/* What the file of --guests calls it. */
static void add_name(const struct serve *s, struct json *j, const uint8_t identity[32])
{
	const struct policy_guest *guest = policy_find(&s->policy, identity);

	if (guest != NULL && guest->name[0] != '\0')
		json_string(j, "name", guest->name);
}

/* Its name, and where the target sees it. */
static void add_guest(const struct serve *s, struct json *j, const struct event *e)
{
	char source[ADDR_TEXT_MAX];

	add_name(s, j, e->identity);
	if (e->type != EVENT_GUEST_CONNECTED ||
		!addr_is_loopback(&s->options.target.addrs[0]))
		return;
	snprintf(source, sizeof(source), "127.%u.%u.%u", 64 | e->number >> 16,
		e->number >> 8 & 255, e->number & 255);
	json_string(j, "source", source);
}

void serve_feed(struct serve *s, const struct event *e)
{
	struct json j;

	if (feed_is_internal(e))
		return;
	serve_feed_start(s, &j, event_name(e->type));
	feed_event(&j, e);
	if (e->type == EVENT_GUEST_CONNECTED && e->path.channel != 0 &&
		reason_is_expected(&s->facts))
		reason_add(&j, &s->facts);
	add_guest(s, &j, e);
	feed_end(&s->feed, &j);
}

void serve_feed_relayed(struct serve *s, const struct relayed_guest *guest)
{
	char print[SERVICE_NAME_MAX];
	struct json j;

	serve_feed_start(s, &j, "guest-relayed");
	json_number(&j, "number", guest->number);
	service_name_encode(print, guest->identity);
	json_string(&j, "guest", print);
	add_name(s, &j, guest->identity);
	reason_add(&j, &s->facts);
	feed_end(&s->feed, &j);
}

void serve_feed_mapping(struct serve *s, const struct portmap_event *e)
{
	struct json j;

	serve_feed_start(s, &j, portmap_event_name(e->type));
	mapping_feed(&j, e);
	feed_end(&s->feed, &j);
}

void serve_feed_renamed(struct serve *s)
{
	struct json j;

	for (size_t i = 0; i < s->servers.count; i++) {
		serve_feed_start(s, &j, "renamed");
		feed_addr(&j, "rendezvous", &s->servers.addrs[i]);
		feed_end(&s->feed, &j);
	}
}
