/* SPDX-License-Identifier: MIT */
/* What a host's user should hear of, in words. */
#include <stdio.h>
#include <string.h>

#include "cmd/log.h"
#include "cmd/serve.h"
#include "core/host.h"
#include "core/message.h"
#include "net/system.h"

/* Returns true if that server's complaint is another than its last one. */
static bool is_news(struct serve *s, const struct addr *server, uint32_t complaint)
{
	size_t i = servers_index(&s->servers, server);

	if (i == SERVERS_MAX)
		return true;
	if (s->complaint[i] == complaint)
		return false;
	s->complaint[i] = complaint;
	return true;
}

static void tell_registered(struct serve *s, const struct event *e, const char *server)
{
	char seen[ADDR_TEXT_MAX];

	is_news(s, &e->addr, 0);
	addr_format(seen, &e->peer);
	if (s->inside)
		log_detail("registered at %s", server);
	else
		log_state("registered at %s%s, which sees us as %s", server,
			servers_transport(&e->addr), seen);
}

/* One by a stream ends as soon as UDP gets through again. */
static void tell_lost(const struct serve *s, const struct event *e, const char *server)
{
	const char *why = e->why != NULL ? e->why : "unknown";

	if (e->addr.transport != ADDR_UDP && serve_is_registered(s))
		log_detail("registration at %s%s ended: %s", server,
			servers_transport(&e->addr), why);
	else
		log_state("registration at %s%s lost: %s; asking again", server,
			servers_transport(&e->addr), why);
}

static void tell_refused(struct serve *s, const struct event *e, const char *server)
{
	struct credentials credentials;
	char name[SERVICE_NAME_MAX] = "";

	if (!is_news(s, &e->addr, e->number))
		return;
	log_state("not registered at %s: %s; trying on", server,
		refusal_text((uint8_t)e->number));
	if (e->number != REFUSAL_NOT_ALLOWED)
		return;
	credentials_of(&credentials, &s->service);
	service_name_encode(name, credentials.service);
	crypto_wipe(&credentials, sizeof(credentials));
	log_state("its operator has to add this line to the --allow file: %s", name);
}

static void tell_version(struct serve *s, const struct event *e, const char *server)
{
	if (is_news(s, &e->addr, 0x100 | e->number))
		log_state("%s speaks version %u of the protocol, this eyelet version %d: "
			  "update "
			  "the older one; trying on",
			server, e->number, WIRE_VERSION);
}

/* Each fresh socket may turn out as the one before: told in full once. */
static void tell_spoilt(struct serve *s, const struct event *e)
{
	char one[ADDR_TEXT_MAX], other[ADDR_TEXT_MAX];

	addr_format(one, &e->addr);
	addr_format(other, &e->peer);
	if (s->spoilt)
		log_detail("so does the fresh socket: as %s and as %s", one, other);
	else
		log_state("our NAT shows us as %s to one destination and as %s to "
			  "another: both "
			  "are offered to guests, and new ones get a fresh socket",
			one, other);
	s->spoilt = true;
}

/* The whole fingerprint: what the file of --guests wants. */
static void tell_new(const struct serve *s, const struct event *e)
{
	char name[SERVE_GUEST_MAX], print[SERVICE_NAME_MAX];

	service_name_encode(print, e->identity);
	log_state("guest %u (%s) is new: %s", e->number,
		serve_guest_name(s, name, e->identity), print);
}

/* Over the relay, the reason is told where it is a lasting one; else a direct path may be
 * found within seconds. */
static void tell_connected(struct serve *s, const struct event *e)
{
	char remote[ADDR_TEXT_MAX], name[SERVE_GUEST_MAX], why[REASON_MAX] = "";

	s->guest_count++;
	if (rhythm_renews(rhythms_find(&s->rhythms, e->number), &e->path, clock_now())) {
		log_detail("guest %u (%s): path renewed from %s", e->number,
			serve_guest_name(s, name, e->identity),
			addr_format(remote, &e->path.remote));
		return;
	}
	if (e->path.channel != 0 && reason_is_expected(&s->facts))
		reason_sentence(why, &s->facts);
	log_state("guest %u (%s) connected %s %s%s in %llu ms%s%s", e->number,
		serve_guest_name(s, name, e->identity),
		e->path.channel != 0 ? "over the relay at" : "from",
		addr_format(remote, &e->path.remote), servers_transport(&e->path.remote),
		(unsigned long long)(e->span / MILLISECOND), why[0] != '\0' ? ": " : "",
		why);
}

static void tell_moved(const struct serve *s, const struct event *e)
{
	char remote[ADDR_TEXT_MAX], name[SERVE_GUEST_MAX];

	log_state("guest %u (%s): path changed, it is at %s now", e->number,
		serve_guest_name(s, name, e->identity),
		addr_format(remote, &e->path.remote));
}

static void tell_guest_refused(const struct serve *s, const struct event *e)
{
	static const uint8_t nobody[sizeof(e->identity)];
	char remote[ADDR_TEXT_MAX], name[SERVE_GUEST_MAX];
	bool known = memcmp(e->identity, nobody, sizeof(nobody)) != 0;

	addr_format(remote, &e->path.remote);
	if (known)
		log_state("refused a guest (%s) at %s: %s",
			serve_guest_name(s, name, e->identity), remote, e->why);
	else
		log_state("refused a guest at %s: %s", remote, e->why);
}

static void tell_flow_refused(const struct serve *s, const struct event *e)
{
	char name[SERVE_GUEST_MAX];

	log_state("guest %u (%s): a further socket of its applications is refused, %s "
		  "(--max-flows, --max-sockets)",
		e->number, serve_guest_name(s, name, e->identity), e->why);
}

static void tell_gone(struct serve *s, const struct event *e)
{
	char name[SERVE_GUEST_MAX];

	*rhythms_find(&s->rhythms, e->number) = (struct rhythm){.since = 0};
	log_state("guest %u (%s) is gone: %s", e->number,
		serve_guest_name(s, name, e->identity),
		e->why != NULL ? e->why : "it ended");
}

void serve_tell(struct serve *s, const struct event *e)
{
	char server[SERVERS_NAME_MAX], text[ADDR_TEXT_MAX];

	servers_name(server, &s->servers, &e->addr);
	switch (e->type) {
	case EVENT_REGISTERED: tell_registered(s, e, server); break;
	case EVENT_LEASE_LOST: tell_lost(s, e, server); break;
	case EVENT_LEASE_REFUSED: tell_refused(s, e, server); break;
	case EVENT_VERSION_MISMATCH: tell_version(s, e, server); break;
	case EVENT_MAPPING_SPOILT: tell_spoilt(s, e); break;
	case EVENT_LIMIT_REACHED:
		log_warning("the rendezvous inside: %s; %u times, the last time for %s",
			e->why, e->number, addr_format(text, &e->addr));
		break;
	case EVENT_LEVELS_COUNTED:
		log_detail("%u NATs of our own stand before %s", e->number, server);
		break;
	case EVENT_PUNCHING:
		log_detail("a guest asks: punching %u addresses", e->number);
		break;
	case EVENT_GUEST_NEW: tell_new(s, e); break;
	case EVENT_GUEST_CONNECTED: tell_connected(s, e); break;
	case EVENT_GUEST_MOVED: tell_moved(s, e); break;
	case EVENT_GUEST_GONE: tell_gone(s, e); break;
	case EVENT_GUEST_REFUSED: tell_guest_refused(s, e); break;
	case EVENT_FLOW_REFUSED: tell_flow_refused(s, e); break;
	default: log_detail("%s", event_name(e->type));
	}
}
