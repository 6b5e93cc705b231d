/* SPDX-License-Identifier: MIT */
#include "core/registry.h"

#include <stdlib.h>
#include <string.h>

void registry_init(struct registry *r, const uint8_t hash_key[16], uint32_t services_max,
	uint32_t attempts_max)
{
	*r = (struct registry){
		.services_max = services_max, .attempts_max = attempts_max};
	memcpy(r->hash_key, hash_key, sizeof(r->hash_key));
	timers_init(&r->timers);
}

static void drop_hosts(struct registry *r, struct registered_service *s)
{
	while (s->hosts != NULL) {
		struct registered_host *host = s->hosts;

		s->hosts = host->next;
		r->host_count--;
		free(host);
	}
	s->host_count = 0;
}

static void drop_service(struct registry *r, struct registered_service *s)
{
	drop_hosts(r, s);
	timers_clear(&r->timers, &s->timer);
	HASH_DEL(r->services, s);
	free(s);
}

static void drop_attempt(struct registry *r, struct registered_attempt *a)
{
	for (unsigned i = 0; i < a->answer_count; i++)
		free(a->answers[i].payload);
	timers_clear(&r->timers, &a->timer);
	HASH_DEL(r->attempts, a);
	free(a);
}

void registry_fini(struct registry *r)
{
	while (r->services != NULL)
		drop_service(r, r->services);
	while (r->attempts != NULL)
		drop_attempt(r, r->attempts);
	timers_fini(&r->timers);
}

struct registered_service *registry_find(
	const struct registry *r, const uint8_t name[CRYPTO_KEY_SIZE])
{
	struct registered_service *s;

	TABLE_FIND(r->services, r->hash_key, name, CRYPTO_KEY_SIZE, s);
	return s;
}

struct registered_service *registry_open(
	struct registry *r, const uint8_t name[CRYPTO_KEY_SIZE], uint64_t now)
{
	struct registered_service *s = registry_find(r, name);

	if (s != NULL)
		return s;
	if (HASH_COUNT(r->services) >= r->services_max)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	memcpy(s->name, name, CRYPTO_KEY_SIZE);
	s->timer.owner = s;
	s->timer.kind = REGISTRY_SERVICE;
	TABLE_ADD(r->services, r->hash_key, name, CRYPTO_KEY_SIZE, s);
	if (!TABLE_HOLDS(s)) {
		free(s);
		return NULL;
	}
	if (!timers_set(&r->timers, &s->timer, now + RENDEZVOUS_LEASE * SECOND)) {
		drop_service(r, s);
		return NULL;
	}
	return s;
}

struct registered_host *registry_host(
	const struct registered_service *s, const uint8_t instance[INSTANCE_SIZE])
{
	struct registered_host *host = s->hosts;

	while (host != NULL && memcmp(host->instance, instance, INSTANCE_SIZE) != 0)
		host = host->next;
	return host;
}

static struct registered_host *host_open(struct registry *r, struct registered_service *s,
	const uint8_t instance[INSTANCE_SIZE])
{
	struct registered_host *host = registry_host(s, instance);

	if (host != NULL)
		return host;
	if (s->host_count >= RENDEZVOUS_HOSTS_MAX)
		return NULL;
	host = calloc(1, sizeof(*host));
	if (host == NULL)
		return NULL;
	memcpy(host->instance, instance, INSTANCE_SIZE);
	host->next = s->hosts;
	s->hosts = host;
	s->host_count++;
	r->host_count++;
	return host;
}

/* A lease by a stream stands beside that by UDP: the host tries the one while it keeps the
 * other. */
static struct lease_path *path_of(struct registered_host *host, const struct addr *remote)
{
	if (remote->transport != ADDR_UDP)
		return &host->paths[2];
	return &host->paths[remote->family == ADDR_V4 ? 0 : 1];
}

bool registry_lease(struct registry *r, struct registered_service *s,
	const uint8_t instance[INSTANCE_SIZE], const struct lease_path *lease)
{
	struct registered_host *host = host_open(r, s, instance);

	if (host == NULL)
		return false;
	*path_of(host, &lease->path.remote) = *lease;
	return true;
}

struct lease_path *registry_lease_at(
	struct registered_host *host, const struct addr *remote, uint64_t now)
{
	struct lease_path *lease = path_of(host, remote);

	return lease->expires_at > now && addr_equal(&lease->path.remote, remote) ? lease
										  : NULL;
}

void registry_drop_host(
	struct registry *r, struct registered_service *s, const uint8_t *instance)
{
	struct registered_host **at = &s->hosts;

	while (*at != NULL && memcmp((*at)->instance, instance, INSTANCE_SIZE) != 0)
		at = &(*at)->next;
	if (*at != NULL) {
		struct registered_host *host = *at;

		*at = host->next;
		free(host);
		s->host_count--;
		r->host_count--;
	}
	if (s->hosts == NULL)
		drop_service(r, s);
}

/* Drops hosts whose leases ran out; sets the timer to the next end. */
static void expire_service(struct registry *r, struct registered_service *s, uint64_t now)
{
	struct registered_host **at = &s->hosts;
	uint64_t next = NEVER;

	while (*at != NULL) {
		struct registered_host *host = *at;
		uint64_t last = 0;

		for (unsigned i = 0; i < LEASE_PATHS; i++)
			if (host->paths[i].expires_at > last)
				last = host->paths[i].expires_at;
		if (last <= now) {
			*at = host->next;
			free(host);
			s->host_count--;
			r->host_count--;
			continue;
		}
		next = last < next ? last : next;
		at = &host->next;
	}
	if (s->hosts == NULL)
		drop_service(r, s);
	else
		timers_set(&r->timers, &s->timer, next);
}

struct registered_attempt *registry_attempt(
	const struct registry *r, const uint8_t id[ID_SIZE])
{
	struct registered_attempt *a;

	TABLE_FIND(r->attempts, r->hash_key, id, ID_SIZE, a);
	return a;
}

struct registered_attempt *registry_attempt_open(struct registry *r,
	const uint8_t id[ID_SIZE], const uint8_t service[CRYPTO_KEY_SIZE], uint64_t now)
{
	struct registered_attempt *a;

	if (HASH_COUNT(r->attempts) >= r->attempts_max)
		return NULL;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return NULL;
	memcpy(a->id, id, ID_SIZE);
	memcpy(a->service, service, CRYPTO_KEY_SIZE);
	a->asked_at = now;
	a->timer.owner = a;
	a->timer.kind = REGISTRY_ATTEMPT;
	TABLE_ADD(r->attempts, r->hash_key, id, ID_SIZE, a);
	if (!TABLE_HOLDS(a)) {
		free(a);
		return NULL;
	}
	if (!timers_set(&r->timers, &a->timer, now + ATTEMPT_SPAN)) {
		drop_attempt(r, a);
		return NULL;
	}
	return a;
}

static struct kept_answer *answer_of(
	struct registered_attempt *a, const uint8_t instance[INSTANCE_SIZE])
{
	for (unsigned i = 0; i < a->answer_count; i++)
		if (memcmp(a->answers[i].instance, instance, INSTANCE_SIZE) == 0)
			return &a->answers[i];
	if (a->answer_count == ATTEMPT_ANSWERS)
		return NULL;
	memcpy(a->answers[a->answer_count].instance, instance, INSTANCE_SIZE);
	return &a->answers[a->answer_count++];
}

bool registry_keep_answer(struct registered_attempt *a, const struct answer_message *m,
	const struct path *host)
{
	struct kept_answer *kept;
	uint8_t *payload = malloc(m->payload_len + 1);

	if (payload == NULL)
		return false;
	kept = answer_of(a, m->instance);
	if (kept == NULL || (kept->payload != NULL && m->sequence <= kept->sequence)) {
		free(payload);
		return false;
	}
	memcpy(payload, m->payload, m->payload_len);
	free(kept->payload);
	kept->payload = payload;
	kept->payload_len = m->payload_len;
	kept->sequence = m->sequence;
	kept->host = *host;
	return true;
}

void registry_expire(struct registry *r, uint64_t now)
{
	struct timer *timer;

	while ((timer = timers_pop(&r->timers, now)) != NULL) {
		if (timer->kind == REGISTRY_SERVICE) {
			expire_service(r, timer->owner, now);
		} else {
			struct registered_attempt *a = timer->owner;

			if (now - a->asked_at >= ATTEMPT_SPAN)
				drop_attempt(r, a);
			else
				timers_set(&r->timers, &a->timer,
					a->asked_at + ATTEMPT_SPAN);
		}
	}
}
