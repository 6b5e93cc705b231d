/* SPDX-License-Identifier: MIT */
/* What a guest's user should hear of, in words. The attempts follow each other until one
 * gets through: only the first says its steps, the others are details. */
#include <stdio.h>

#include "cmd/connect.h"
#include "cmd/log.h"
#include "core/host.h"
#include "core/message.h"

/* Returns true if that server's complaint is another than its last one. */
static bool is_news(struct connect *c, const struct addr *server, uint32_t complaint)
{
	size_t i = servers_index(&c->servers, server);

	if (i == SERVERS_MAX)
		return true;
	if (c->complaint[i] == complaint)
		return false;
	c->complaint[i] = complaint;
	return true;
}

static void tell_asking(struct connect *c, const struct event *e)
{
	char name[SERVERS_NAME_MAX];

	c->anew = c->anew || e->number == 0;
	if (c->asked)
		log_detail("asking %s%s, attempt %u",
			servers_name(name, &c->servers, &e->addr),
			servers_transport(&e->addr), e->number + 1);
	else
		log_step("asking %s", c->servers.text);
	c->asked = true;
}

static void tell_observed(struct connect *c, const struct event *e)
{
	char name[SERVERS_NAME_MAX], seen[ADDR_TEXT_MAX];

	if (c->heard == 0 && e->addr.transport != ADDR_UDP)
		log_step("UDP seems to be blocked here");
	c->heard |= (uint8_t)(1u << e->addr.transport);
	log_detail("%s%s sees us as %s", servers_name(name, &c->servers, &e->addr),
		servers_transport(&e->addr), addr_format(seen, &e->peer));
}

static void tell_host_found(struct connect *c, const struct event *e)
{
	const char *plural = e->number == 1 ? "" : "es";

	if (c->found) {
		log_detail("host found, punching %u address%s", e->number, plural);
		return;
	}
	c->found = true;
	log_step("host found");
	log_step("punching %u address%s", e->number, plural);
}

static void tell_ask_refused(struct connect *c, const struct event *e)
{
	char name[SERVERS_NAME_MAX];

	servers_name(name, &c->servers, &e->addr);
	if (is_news(c, &e->addr, e->number))
		log_state("%s: %s; trying on", name, refusal_text((uint8_t)e->number));
}

static void tell_version(struct connect *c, const struct event *e)
{
	char name[SERVERS_NAME_MAX];

	servers_name(name, &c->servers, &e->addr);
	if (is_news(c, &e->addr, 0x100 | e->number))
		log_state("%s speaks version %u of the protocol, this eyelet version %d",
			name, e->number, WIRE_VERSION);
}

/* A direct path's successor that was asked for in time, to the same address. */
static bool is_renewal(const struct connect *c, const struct event *e)
{
	return c->connected && !c->anew && e->path.channel == 0 &&
	       c->direct.family != ADDR_NONE && addr_same_ip(&c->direct, &e->path.remote);
}

static void say_connected(struct connect *c, const struct event *e)
{
	char remote[ADDR_TEXT_MAX], name[SERVERS_NAME_MAX], since[64] = "";
	unsigned long long took = e->span / MILLISECOND;

	/* A path in doubt may be followed by another before it was given up. */
	if (c->was_connected && !c->connected)
		snprintf(since, sizeof(since), ", after %.1f s without",
			ev_now(c->loop) - c->lost_at);
	if (e->path.channel != 0)
		log_last_step(
			"connected over the relay at %s%s in %llu ms%s; a direct path is "
			"being tried for",
			servers_name(name, &c->servers, &e->path.remote),
			servers_transport(&e->path.remote), took, since);
	else
		log_last_step("connected directly in %llu ms to %s%s", took,
			addr_format(remote, &e->path.remote), since);
}

static void tell_connected(struct connect *c, const struct event *e)
{
	char remote[ADDR_TEXT_MAX];

	if (is_renewal(c, e))
		log_detail("path renewed to %s", addr_format(remote, &e->path.remote));
	else
		say_connected(c, e);
	c->anew = false;
	c->direct = e->path.channel == 0 ? e->path.remote : (struct addr){0};
	for (size_t i = 0; i < c->servers.count; i++)
		c->complaint[i] = 0;
	c->refusal = 0;
}

static void tell_trying(const struct event *e)
{
	log_state("trying for a direct path%s%s: %u socket%s, %u probes, %.1f s, %u %% "
		  "chance",
		e->why != NULL ? ", " : "", e->why != NULL ? e->why : "", e->sockets,
		e->sockets == 1 ? "" : "s", e->number, (double)e->span / (double)SECOND,
		reason_percent(e->ppm));
}

/* Before the first connection it is the last word, which connect.c says. */
static void tell_refused(struct connect *c, const struct event *e)
{
	if (!c->was_connected || c->refusal == e->number)
		return;
	c->refusal = e->number;
	log_state(
		"the host refuses: %s; trying on", host_refusal_text((uint8_t)e->number));
}

static void tell_lost(struct connect *c, const struct event *e)
{
	char remote[ADDR_TEXT_MAX] = "";

	if (e->path.remote.family != ADDR_NONE)
		addr_format(remote, &e->path.remote);
	log_state("connection lost%s%s: %s; connecting again",
		*remote != '\0' ? " to " : "", remote,
		e->why != NULL ? e->why : "unknown");
	c->asked = c->found = false;
	c->direct = (struct addr){0};
}

static void tell_relayed(struct connect *c, const struct event *e)
{
	char name[SERVERS_NAME_MAX], why[REASON_MAX];

	log_state("staying on the relay at %s, for now, after %u attempts: %s",
		servers_name(name, &c->servers, &e->path.remote), e->number,
		reason_sentence(why, &c->facts));
}

static void tell_moved(const struct event *e)
{
	char remote[ADDR_TEXT_MAX];

	log_state("path changed: the host is at %s now",
		addr_format(remote, &e->path.remote));
}

void connect_tell(struct connect *c, const struct event *e)
{
	char name[SERVERS_NAME_MAX];

	switch (e->type) {
	case EVENT_ASKING: tell_asking(c, e); break;
	case EVENT_OBSERVED: tell_observed(c, e); break;
	case EVENT_SERVICE_FOUND:
		is_news(c, &e->addr, 0);
		log_detail("%s knows the service",
			servers_name(name, &c->servers, &e->addr));
		break;
	case EVENT_ASK_REFUSED: tell_ask_refused(c, e); break;
	case EVENT_HOST_FOUND: tell_host_found(c, e); break;
	case EVENT_TRYING: tell_trying(e); break;
	case EVENT_CONNECTED: tell_connected(c, e); break;
	case EVENT_RELAYED: tell_relayed(c, e); break;
	case EVENT_MOVED: tell_moved(e); break;
	case EVENT_LOST: tell_lost(c, e); break;
	case EVENT_REFUSED: tell_refused(c, e); break;
	case EVENT_VERSION_MISMATCH: tell_version(c, e); break;
	default: log_detail("%s", event_name(e->type));
	}
}
