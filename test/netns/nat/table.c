/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <netinet/in.h>
#include <stdlib.h>

#define SWEEP_EVERY 4096 /* packets */

struct permission {
	struct {
		uint64_t serial;
		struct endpoint remote;
	} key;
	uint64_t used_at;
	UT_hash_handle hh;
};

struct stranger {
	struct {
		uint32_t port;
		struct endpoint remote;
	} key;
	uint64_t seen_at;
	UT_hash_handle hh;
};

static void *allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL)
		abort();
	return memory;
}

void table_init(struct table *t, const struct table_config *config)
{
	*t = (struct table){.config = *config, .random = config->seed};
	t->next = port_random(t, 60000);
	t->first_block = port_random(t, 60000);
}

static struct endpoint mask(struct endpoint remote, enum dependence dependence)
{
	if (dependence == ON_NOTHING)
		return (struct endpoint){0};
	if (dependence == ON_ADDRESS)
		remote.port = 0;
	return remote;
}

static enum dependence mapping_of(const struct table *t, uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? ON_NOTHING : t->config.mapping;
}

static enum dependence filtering_of(const struct table *t, uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? ON_ADDRESS_AND_PORT : t->config.filtering;
}

static uint64_t timeout_of(const struct table *t, uint32_t protocol)
{
	return protocol == IPPROTO_TCP ? TABLE_TCP_MS : t->config.timeout_ms;
}

/* ---- permissions ---- */

static struct permission *permission_find(
	struct table *t, const struct mapping *m, struct endpoint remote)
{
	struct permission like = {.key = {.serial = m->serial}}, *p;

	like.key.remote = mask(remote, filtering_of(t, (uint8_t)m->key.protocol));
	HASH_FIND(hh, t->permissions, &like.key, sizeof(like.key), p);
	return p;
}

static void permit(struct table *t, const struct mapping *m, struct endpoint remote)
{
	struct permission *p = permission_find(t, m, remote);

	if (p == NULL) {
		p = allocate(sizeof(*p));
		p->key.serial = m->serial;
		p->key.remote = mask(remote, filtering_of(t, (uint8_t)m->key.protocol));
		HASH_ADD(hh, t->permissions, key, sizeof(p->key), p);
	}
	p->used_at = t->now;
}

static bool permits(struct table *t, const struct mapping *m, struct endpoint remote)
{
	const struct permission *p = permission_find(t, m, remote);

	if (m->moved &&
		(m->key.remote.ip != remote.ip || m->key.remote.port != remote.port))
		return false;
	return p != NULL && t->now - p->used_at < timeout_of(t, m->key.protocol);
}

/* ---- strangers ---- */

static struct stranger *stranger_find(
	struct table *t, uint32_t port, struct endpoint remote)
{
	struct stranger like = {.key = {.port = port, .remote = remote}}, *s;

	HASH_FIND(hh, t->strangers, &like.key, sizeof(like.key), s);
	return s;
}

static void note_stranger(struct table *t, uint32_t port, struct endpoint remote)
{
	struct stranger *s = stranger_find(t, port, remote);

	if (s == NULL) {
		s = allocate(sizeof(*s));
		s->key.port = port;
		s->key.remote = remote;
		HASH_ADD(hh, t->strangers, key, sizeof(s->key), s);
	}
	s->seen_at = t->now;
}

static bool is_poisoned(struct table *t, uint32_t port, struct endpoint remote)
{
	const struct stranger *s = stranger_find(t, port, remote);

	return s != NULL && t->now - s->seen_at < TABLE_STRANGER_MS;
}

/* ---- mappings ---- */

static bool is_dead(const struct table *t, const struct mapping *m)
{
	return t->now - m->used_at >= timeout_of(t, m->key.protocol) ||
	       (t->config.lifetime_ms > 0 &&
		       t->now - m->made_at >= t->config.lifetime_ms);
}

static void mapping_free(struct table *t, struct mapping *m)
{
	HASH_DELETE(hh, t->mappings, m);
	HASH_DELETE(hh_outer, t->by_outer, m);
	free(m);
}

static struct mapping *unless_dead(struct table *t, struct mapping *m)
{
	if (m == NULL || !is_dead(t, m))
		return m;
	mapping_free(t, m);
	return NULL;
}

static struct mapping *mapping_find(
	struct table *t, uint8_t protocol, struct endpoint inner, struct endpoint remote)
{
	struct mapping like = {
		.key = {.protocol = protocol, .inner = inner, .remote = remote}};
	struct mapping *m;

	HASH_FIND(hh, t->mappings, &like.key, sizeof(like.key), m);
	return unless_dead(t, m);
}

static struct mapping *mapping_new(struct table *t, uint8_t protocol,
	struct endpoint inner, struct endpoint remote, bool moved)
{
	uint32_t port = port_allocate(t, protocol, inner, moved);
	struct mapping *m;

	if (port == 0)
		return NULL;
	m = allocate(sizeof(*m));
	m->key.protocol = m->outer.protocol = protocol;
	m->key.inner = inner;
	m->key.remote = remote;
	m->outer.port = port;
	m->moved = moved;
	m->serial = ++t->serial;
	m->made_at = m->used_at = t->now;
	HASH_ADD(hh, t->mappings, key, sizeof(m->key), m);
	HASH_ADD(hh_outer, t->by_outer, outer, sizeof(m->outer), m);
	return m;
}

struct mapping *table_at(struct table *t, uint8_t protocol, uint32_t port)
{
	struct mapping like = {.outer = {.protocol = protocol, .port = port}}, *m;

	HASH_FIND(hh_outer, t->by_outer, &like.outer, sizeof(like.outer), m);
	return unless_dead(t, m);
}

struct mapping *table_find(
	struct table *t, uint8_t protocol, struct endpoint inner, struct endpoint remote)
{
	struct mapping *m = mapping_find(t, protocol, inner, remote);

	if (m != NULL) /* moved, or it depends on all of the remote */
		return m;
	return mapping_find(t, protocol, inner, mask(remote, mapping_of(t, protocol)));
}

static void sweep(struct table *t, bool all)
{
	struct permission *p, *next_p;
	struct stranger *s, *next_s;
	struct mapping *m, *next_m;

	HASH_ITER (hh, t->mappings, m, next_m) {
		if (all || is_dead(t, m))
			mapping_free(t, m);
	}
	HASH_ITER (hh, t->permissions, p, next_p) {
		if (!all && t->now - p->used_at < TABLE_TCP_MS)
			continue;
		HASH_DEL(t->permissions, p);
		free(p);
	}
	HASH_ITER (hh, t->strangers, s, next_s) {
		if (!all && t->now - s->seen_at < TABLE_STRANGER_MS)
			continue;
		HASH_DEL(t->strangers, s);
		free(s);
	}
}

void table_flush(struct table *t)
{
	sweep(t, true);
}

/* Makes a mapping, and one for this remote alone where a stranger holds the port, unless
 * it is for this remote alone already. */
static struct mapping *find_or_make(
	struct table *t, uint8_t protocol, struct endpoint inner, struct endpoint remote)
{
	struct mapping *m = table_find(t, protocol, inner, remote);

	if (m == NULL)
		m = mapping_new(
			t, protocol, inner, mask(remote, mapping_of(t, protocol)), false);
	if (m == NULL || m->key.remote.port != 0 || protocol == IPPROTO_TCP ||
		permits(t, m, remote) || !is_poisoned(t, m->outer.port, remote))
		return m;
	return mapping_new(t, protocol, inner, remote, true);
}

struct mapping *table_outward(
	struct table *t, uint8_t protocol, struct endpoint inner, struct endpoint remote)
{
	struct mapping *m;

	if (t->until_sweep-- == 0) {
		t->until_sweep = SWEEP_EVERY;
		sweep(t, false);
	}
	m = find_or_make(t, protocol, inner, remote);
	if (m == NULL)
		return NULL;
	m->used_at = t->now;
	permit(t, m, remote);
	return m;
}

struct mapping *table_inward(
	struct table *t, uint8_t protocol, uint32_t port, struct endpoint remote)
{
	struct mapping *m = table_at(t, protocol, port);

	if (m == NULL || !permits(t, m, remote)) {
		if (protocol == IPPROTO_UDP &&
			t->config.unsolicited == UNSOLICITED_POISON)
			note_stranger(t, port, remote);
		return NULL;
	}
	if (t->config.refreshed_inbound || protocol == IPPROTO_TCP) {
		m->used_at = t->now;
		permit(t, m, remote);
	}
	return m;
}
