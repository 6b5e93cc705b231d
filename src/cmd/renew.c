/* SPDX-License-Identifier: MIT */
#include "cmd/renew.h"

#include <string.h>

#include "cmd/endpoint.h"
#include "cmd/log.h"
#include "cmd/probe.h"
#include "core/rendezvous.h"
#include "net/system.h"

#define ROUNDS_OFTEN 12   /* a minute of them */
#define PAUSE_LONG   60.0 /* seconds */

/* What a name server told. */
struct told {
	const struct addr *addrs;
	size_t count;
};

static bool is_listed(const struct addr *addrs, size_t count, const struct addr *a)
{
	for (size_t i = 0; i < count; i++)
		if (addr_equal(&addrs[i], a))
			return true;
	return false;
}

/* Returns which text begins there in that of the servers; NAMES_MAX if none. */
static size_t text_at(const struct renew *r, uint8_t start)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->texts[i] == r->text + start)
			return i;
	return NAMES_MAX;
}

/* True if the i-th server's name is at other addresses now. Names that have not answered,
 * or not yet for this family, say nothing about those that are known. */
static bool is_superseded(const struct renew *r, size_t i, const struct told *told)
{
	const struct addr *server = &r->servers->addrs[i];
	size_t text = text_at(r, r->servers->name_of[i]);
	bool answered = false;

	if (text == NAMES_MAX || is_listed(told->addrs, told->count, server))
		return false;
	for (size_t k = 0; k < told->count; k++) {
		if (names_origin(r->names, &told->addrs[k]) != text)
			continue;
		if (told->addrs[k].family == server->family)
			return true;
		answered = true;
	}
	return answered && (r->told[text] >> server->family & 1) != 0;
}

/* True if there is room for one more of a name and family. */
static bool has_room(const struct servers *s, uint8_t name_of, uint8_t family)
{
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		count += s->name_of[i] == name_of && s->addrs[i].family == family;
	return s->count < SERVERS_MAX && count < SERVERS_PER_NAME;
}

static void add(struct servers *s, const struct addr *addr, uint8_t name_of)
{
	s->name_of[s->count] = name_of;
	s->addrs[s->count++] = *addr;
}

/* Fills in what stays, and returns the set of texts that lose an address. */
static uint32_t keep(const struct renew *r, struct servers *now,
	uint8_t from[SERVERS_MAX], const struct told *told)
{
	const struct servers *s = r->servers;
	uint32_t texts = 0;

	for (size_t i = 0; i < s->count; i++) {
		if (is_superseded(r, i, told)) {
			texts |= 1u << text_at(r, s->name_of[i]);
			continue;
		}
		from[now->count] = (uint8_t)i;
		add(now, &s->addrs[i], s->name_of[i]);
	}
	return texts;
}

/* Adds what is new, and returns the set of texts that gain an address. */
static uint32_t extend(const struct renew *r, struct servers *now,
	uint8_t from[SERVERS_MAX], const struct told *told)
{
	uint32_t texts = 0;

	for (size_t k = 0; k < told->count; k++) {
		const struct addr *a = &told->addrs[k];
		size_t text = names_origin(r->names, a);
		uint8_t start;

		if (text >= r->count || a->port == 0 || addr_is_unspecified(a) ||
			addr_is_multicast(a) || is_listed(now->addrs, now->count, a))
			continue;
		start = (uint8_t)(r->texts[text] - r->text);
		if (!has_room(now, start, a->family) || !probe_family(a->family))
			continue;
		from[now->count] = RENEW_NEW;
		add(now, a, start);
		texts |= 1u << text;
	}
	return texts;
}

static void tell(const struct renew *r, size_t text)
{
	const struct servers *s = r->servers;
	struct addr addrs[SERVERS_MAX];
	char list[ENDPOINT_LIST_MAX];
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		if (text_at(r, s->name_of[i]) == text)
			addrs[count++] = s->addrs[i];
	if (count > 0)
		log_state("%s is now at %s", r->texts[text],
			endpoint_list(list, addrs, count));
}

static void on_told(void *arg, const struct addr *addrs, size_t count, const char *why)
{
	struct renew *r = arg;
	const struct told told = {addrs, count};
	struct servers now = {.count = 0};
	uint8_t from[SERVERS_MAX];
	uint32_t texts;

	if (why != NULL) {
		log_detail("%s", why);
		return;
	}
	for (size_t k = 0; k < count; k++)
		r->told[names_origin(r->names, &addrs[k])] |=
			(uint8_t)(1u << addrs[k].family);
	texts = keep(r, &now, from, &told);
	texts |= extend(r, &now, from, &told);
	if (texts == 0 || now.count == 0)
		return;
	memcpy(now.text, r->servers->text, sizeof(now.text));
	*r->servers = now;
	for (size_t text = 0; text < r->count; text++)
		if ((texts >> text & 1) != 0)
			tell(r, text);
	r->changed(r->arg, from);
}

/* Made late: at the start, names have just been resolved. */
static void resolve_again(struct renew *r)
{
	const struct names_config config = {.texts = r->texts,
		.count = r->count,
		.default_port = RENDEZVOUS_PORT,
		.told = on_told,
		.arg = r};

	if (r->names != NULL)
		names_again(r->names);
	else
		r->names = names_new(r->loop, &config);
}

static void schedule(struct renew *r, double after)
{
	ev_timer_stop(r->loop, &r->again);
	ev_timer_set(&r->again, after, 0.);
	ev_timer_start(r->loop, &r->again);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
	struct renew *r = w->data;

	(void)loop;
	(void)events;
	resolve_again(r);
	schedule(r, r->rounds++ < ROUNDS_OFTEN ? RENEW_PATIENCE : PAUSE_LONG);
}

/* Returns true if any text is a name. */
static bool split(struct renew *r)
{
	struct addr addr;
	bool named = false;
	char *at = r->text;

	memcpy(r->text, r->servers->text, sizeof(r->text));
	while (*at != '\0' && r->count < NAMES_MAX) {
		size_t len = strcspn(at, ",");
		bool last = at[len] == '\0';

		at[len] = '\0';
		r->texts[r->count++] = at;
		named |= !resolve_numeric(&addr, at, RENDEZVOUS_PORT);
		at += len + !last;
	}
	return named;
}

static bool is_resolved(const struct renew *r, size_t text)
{
	for (size_t i = 0; i < r->servers->count; i++)
		if (text_at(r, r->servers->name_of[i]) == text)
			return true;
	return false;
}

void renew_start(struct renew *r, struct ev_loop *loop, struct servers *servers,
	renew_changed *changed, void *arg)
{
	*r = (struct renew){.servers = servers, .changed = changed, .arg = arg};
	if (!split(r))
		return;
	r->loop = loop;
	ev_init(&r->again, on_again);
	r->again.data = r;
	for (size_t i = 0; i < r->count && r->names == NULL; i++)
		if (!is_resolved(r, i))
			resolve_again(r);
}

void renew_fini(struct renew *r)
{
	if (r->loop == NULL)
		return;
	ev_timer_stop(r->loop, &r->again);
	names_free(r->names);
	*r = (struct renew){.loop = NULL};
}

void renew_doubt(struct renew *r, double after)
{
	if (r->loop == NULL)
		return;
	if (!ev_is_active(&r->again))
		r->rounds = 0;
	if (!ev_is_active(&r->again) || after < ev_timer_remaining(r->loop, &r->again))
		schedule(r, after);
}

void renew_trust(struct renew *r)
{
	if (r->loop != NULL)
		ev_timer_stop(r->loop, &r->again);
}
