/* SPDX-License-Identifier: MIT */
/* What comes to a trial from the host itself: punches, and what it says to a hello. */
#include <string.h>

#include "core/guest_parts.h"
#include "core/host.h"

/* A punch got through: the host is where it came from, whatever it said (a peer-reflexive
 * candidate, RFC 8445, section 7.3.1.3). Since anybody may repeat a punch from anywhere,
 * such an address earns a few hellos only, one a punch. */
static void try_reflexive(struct guest *g, struct reach *host, const struct path *path)
{
	unsigned i = 0;

	while (i < host->to.count && !addr_equal(&host->to.of[i].addr, &path->remote))
		i++;
	if (i == host->to.count) {
		reach_add(g, host, &path->remote, path->socket, CANDIDATE_OBSERVED);
		if (i == host->to.count)
			return;
		host->hello_max[i] = 0;
	}
	if (g->trial.spray && addr_same_ip(&path->remote, &g->host_seen))
		host->hello_max[i] = SPRAY_HELLOS;
	else if (host->hello_max[i] < REFLEXIVE_HELLOS)
		host->hello_max[i]++;
	else
		return;
	reach_hello(g, host, i);
}

static enum verdict input_punch(
	struct guest *g, const struct path *path, const uint8_t *buf, size_t len)
{
	if (!g->trial.live || memcmp(message_id(buf), g->trial.id, ID_SIZE) != 0)
		return VERDICT_DROP_UNSOLICITED;
	if (!punch_verify(buf, len, g->credentials.mac_key))
		return VERDICT_DROP_FORGED;
	if (!reach_may_try(g, &path->remote, &path->remote))
		return VERDICT_DROP_NOT_ALLOWED;
	for (unsigned i = 0; i < g->trial.host_count; i++)
		if (!g->trial.hosts[i].refused)
			try_reflexive(g, &g->trial.hosts[i], path);
	return VERDICT_CONSUMED;
}

static bool was_tried(const struct reach *host, const struct path *path)
{
	if (path->channel != 0)
		return host->relay.channel == path->channel;
	for (unsigned i = 0; i < host->to.count; i++)
		if (addr_equal(&host->to.of[i].addr, &path->remote))
			return true;
	return false;
}

/* A WELCOME can be repeated from anywhere. The host's comes from where a hello went, or from
 * another port of that address, where its NAT maps by destination. */
static bool may_welcome(const struct reach *host, const struct path *path)
{
	if (path->channel != 0)
		return was_tried(host, path);
	for (unsigned i = 0; i < host->to.count; i++)
		if (addr_same_ip(&host->to.of[i].addr, &path->remote))
			return true;
	return false;
}

/* The host of the trial that a hello went to there; NULL if none. */
static struct reach *reach_at(struct trial *t, const struct path *path)
{
	for (unsigned i = 0; i < t->host_count; i++)
		if (was_tried(&t->hosts[i], path))
			return &t->hosts[i];
	return NULL;
}

static enum verdict input_busy(struct guest *g, struct trial *t, const struct path *path,
	const uint8_t *buf, size_t len)
{
	struct reach *host = reach_at(t, path);

	if (host == NULL)
		return VERDICT_DROP_UNSOLICITED;
	if (!busy_decode(host->cookie, buf, len, g->credentials.mac_key))
		return VERDICT_DROP_FORGED;
	host->has_cookie = true;
	return VERDICT_CONSUMED;
}

/* One host refuses. Another may have room, and may not have answered yet: the trial ends
 * when all have refused and a short while has passed. */
static enum verdict input_refuse(struct guest *g, struct trial *t,
	const struct path *path, const uint8_t *buf, size_t len, uint64_t now)
{
	struct reach *host = reach_at(t, path);
	uint8_t code;

	if (host == NULL)
		return VERDICT_DROP_UNSOLICITED;
	if (!refuse_decode(&code, buf, len, g->credentials.mac_key))
		return VERDICT_DROP_FORGED;
	/* The next hello may find it done with some: worth telling only if none did. */
	if (code == HOST_REFUSAL_HALF_OPEN) {
		g->progress.refused = code;
		return VERDICT_CONSUMED;
	}
	host->refused = true;
	host->refusal = code;
	if (trial_is_refused(t) && t->give_up_at == NEVER) {
		t->give_up_at = now + REFUSED_PATIENCE;
		trial_rearm(g);
	}
	return VERDICT_CONSUMED;
}

static enum verdict input_welcome(struct guest *g, struct trial *t,
	const struct path *path, const uint8_t *buf, size_t len, uint64_t now)
{
	const uint8_t *message = welcome_decode(buf, len, g->credentials.mac_key);
	uint8_t payload[WELCOME_PAYLOAD_SIZE];
	struct noise_keys keys;
	bool ok;

	if (message == NULL)
		return VERDICT_DROP_MALFORMED;
	for (unsigned i = 0; i < t->host_count; i++) {
		struct reach *host = &t->hosts[i];

		if (!may_welcome(host, path) ||
			!noise_read_welcome(&host->noise, message, WELCOME_NOISE_SIZE,
				payload, &keys))
			continue;
		ok = (payload[SESSION_ID_SIZE] & g->config.ciphers) != 0 &&
		     link_open(g, &keys, payload[SESSION_ID_SIZE], payload, host, path,
			     now);
		crypto_wipe(&keys, sizeof(keys));
		if (ok) {
			guest_remember(g, path);
			trial_end(g);
			improve_begin(g, now);
		}
		return ok ? VERDICT_CONSUMED : VERDICT_DROP_MEMORY;
	}
	return VERDICT_DROP_FORGED;
}

/* Another version: only believed of an address that a hello went to. */
static enum verdict input_version(
	struct guest *g, struct trial *t, const struct path *path, const uint8_t *buf)
{
	struct event *event;

	if (reach_at(t, path) == NULL)
		return VERDICT_DROP_UNSOLICITED;
	if (g->progress.version == message_version(buf))
		return VERDICT_CONSUMED; /* one HELLO after the other is answered so */
	g->progress.version = message_version(buf);
	event = events_add(&g->events, EVENT_VERSION_MISMATCH);
	event->addr = path->remote;
	event->number = message_version(buf);
	return VERDICT_CONSUMED;
}

enum verdict trial_input(struct guest *g, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now)
{
	struct trial *t = &g->trial;

	if (message_type(buf) == MESSAGE_PUNCH)
		return input_punch(g, path, buf, len);
	if (!t->live || memcmp(t->id, message_id(buf), ID_SIZE) != 0)
		t = &g->before;
	if (!t->live || memcmp(t->id, message_id(buf), ID_SIZE) != 0)
		return VERDICT_DROP_UNSOLICITED;
	switch (message_type(buf)) {
	case MESSAGE_WELCOME: return input_welcome(g, t, path, buf, len, now);
	case MESSAGE_BUSY: return input_busy(g, t, path, buf, len);
	case MESSAGE_REFUSE: return input_refuse(g, t, path, buf, len, now);
	default: return input_version(g, t, path, buf);
	}
}
