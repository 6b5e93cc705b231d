/* SPDX-License-Identifier: MIT */
/* Services and hosts are records of pools and know each other by number. All leases last
 * equally long, so the list of hosts by their last renewal is also that of their ends. */
#include "core/registry.h"

#include <string.h>

#include "core/registry_parts.h"

/* Of the room for leases one network has a fifth at most. */
#define LEASES_PART 4
#define LEASES_FEW  1024

_Static_assert(REGISTRY_SERVICE_SIZE <= 160, "a million services have to fit");

void registry_init(struct registry *r, const uint8_t hash_key[16], uint32_t services_max,
	uint32_t attempts_max)
{
	uint32_t hosts_max =
		services_max > RENDEZVOUS_HOSTS_MAX ? services_max : RENDEZVOUS_HOSTS_MAX;

	memset(r, 0, sizeof(*r));
	memcpy(r->hash_key, hash_key, sizeof(r->hash_key));
	r->attempts_max = attempts_max;
	pool_init(&r->services, sizeof(struct registered_service), services_max);
	pool_init(&r->hosts, sizeof(struct registered_host), hosts_max);
	pool_init(&r->streams, sizeof(struct lease_stream), STREAMS_MAX);
	directory_init(&r->directory, &r->services, hash_key);
	doors_init(&r->doors);
	tally_init(&r->leases, hash_key);
	tally_init(&r->attempts_from, hash_key);
	tally_init(&r->attempts_for, hash_key);
	timers_init(&r->timers);
}

void registry_fini(struct registry *r)
{
	attempts_fini(r);
	directory_fini(&r->directory);
	doors_fini(&r->doors);
	pool_fini(&r->services);
	pool_fini(&r->hosts);
	pool_fini(&r->streams);
}

static struct registered_service *service_at(const struct registry *r, uint32_t number)
{
	return pool_at(&r->services, number);
}

static struct registered_host *host_at(const struct registry *r, uint32_t number)
{
	return pool_at(&r->hosts, number);
}

/* Times. */

static uint32_t milliseconds(uint64_t time)
{
	return (uint32_t)(time / MILLISECOND);
}

/* The nanosecond of a time near now. */
static uint64_t time_near(uint64_t now, uint32_t cut)
{
	int32_t from_now = (int32_t)(cut - milliseconds(now));

	return (uint64_t)((int64_t)(now / MILLISECOND) + from_now) * MILLISECOND;
}

/* Differences of these are right up to 9 minutes. */
static uint16_t sixteens(uint64_t time)
{
	return (uint16_t)(time / (16 * MILLISECOND));
}

static bool is_over(uint32_t ends_at, uint64_t now)
{
	return (int32_t)(ends_at - milliseconds(now)) <= 0;
}

/* Services and their hosts. */

struct registered_service *registry_find(
	const struct registry *r, const uint8_t name[CRYPTO_KEY_SIZE])
{
	uint32_t number = directory_find(&r->directory, name);

	return number != 0 ? service_at(r, number) : NULL;
}

unsigned registry_hosts(const struct registry *r, const struct registered_service *s,
	struct registered_host *hosts[RENDEZVOUS_HOSTS_MAX])
{
	unsigned count = 0;

	for (uint32_t number = s->hosts; number != 0; number = hosts[count++]->next)
		hosts[count] = host_at(r, number);
	return count;
}

struct registered_host *registry_host(const struct registry *r,
	const struct registered_service *s, const uint8_t instance[INSTANCE_SIZE])
{
	for (uint32_t number = s->hosts; number != 0;) {
		struct registered_host *host = host_at(r, number);

		if (memcmp(host->instance, instance, INSTANCE_SIZE) == 0)
			return host;
		number = host->next;
	}
	return NULL;
}

static uint32_t service_open(struct registry *r, const uint8_t name[CRYPTO_KEY_SIZE])
{
	uint32_t number = directory_find(&r->directory, name);

	if (number != 0)
		return number;
	number = pool_take(&r->services);
	if (number == 0)
		return 0;
	memcpy(service_at(r, number)->entry.key, name, CRYPTO_KEY_SIZE);
	service_at(r, number)->attempts = UINT32_MAX;
	if (directory_add(&r->directory, number))
		return number;
	pool_give(&r->services, number);
	return 0;
}

static void service_close(struct registry *r, uint32_t number)
{
	directory_remove(&r->directory, number);
	pool_give(&r->services, number);
}

/* The list by renewal. */

static void list_remove(struct registry *r, struct registered_host *host)
{
	*(host->older ? &host_at(r, host->older)->newer : &r->oldest) = host->newer;
	*(host->newer ? &host_at(r, host->newer)->older : &r->newest) = host->older;
}

static void list_append(struct registry *r, uint32_t number)
{
	struct registered_host *host = host_at(r, number);

	host->newer = 0;
	host->older = r->newest;
	*(r->newest ? &host_at(r, r->newest)->newer : &r->oldest) = number;
	r->newest = number;
}

/* The host's own number: its neighbour in the list, or the list's end, knows it. */
static uint32_t number_of(const struct registry *r, const struct registered_host *host)
{
	return host->newer ? host_at(r, host->newer)->older : r->newest;
}

/* Leases. */

/* One of any place, where it stands. */
struct lease {
	uint8_t *ip; /* NULL: there is no room for it yet */
	uint16_t *port, *door;
	uint32_t *ends_at;
	uint16_t *proved_at;
	size_t ip_len;
	uint8_t family;
};

static enum lease_place place_of(const struct addr *remote)
{
	if (remote->transport != ADDR_UDP)
		return remote->transport == ADDR_TCP ? LEASE_TCP : LEASE_TLS;
	return remote->family == ADDR_V4 ? LEASE_V4 : LEASE_V6;
}

static bool is_stream(enum lease_place place)
{
	return place >= LEASE_TCP;
}

static struct lease lease_in_v6(struct lease_v6 *l, uint16_t *proved_at, uint8_t family)
{
	return (struct lease){
		l->ip, &l->port, &l->door, &l->ends_at, proved_at, sizeof(l->ip), family};
}

static struct lease lease_in(
	const struct registry *r, struct registered_host *host, enum lease_place place)
{
	struct lease_stream *stream;
	uint32_t number;

	if (place == LEASE_V4)
		return (struct lease){host->v4.ip, &host->v4.port, &host->v4.door,
			&host->v4.ends_at, &host->proved_at[LEASE_V4],
			sizeof(host->v4.ip), ADDR_V4};
	if (place == LEASE_V6)
		return lease_in_v6(&host->v6, &host->proved_at[LEASE_V6], ADDR_V6);
	number = host->streams[place - LEASE_TCP];
	if (number == 0)
		return (struct lease){.ip = NULL};
	stream = pool_at(&r->streams, number);
	return lease_in_v6(&stream->lease, &stream->proved_at, stream->family);
}

static bool is_lease(const struct lease *lease)
{
	return lease->ip != NULL && *lease->door != 0;
}

static void lease_path(
	const struct registry *r, const struct lease *lease, struct path *path)
{
	*path = (struct path){.remote = {.family = lease->family, .port = *lease->port}};
	memcpy(path->remote.ip, lease->ip, lease->ip_len);
	doors_path(&r->doors, *lease->door, path);
}

static uint32_t *tally_at(struct registry *r, const struct addr *remote)
{
	struct addr network = addr_network(remote);

	return tally_of(&r->leases, &network, sizeof(network));
}

/* Where a lease is counted; NULL if there is none. */
static uint32_t *lease_tally(struct registry *r, const struct lease *lease)
{
	struct path path;

	if (!is_lease(lease))
		return NULL;
	lease_path(r, lease, &path);
	return tally_at(r, &path.remote);
}

static void lease_end(
	struct registry *r, struct registered_host *host, enum lease_place place)
{
	struct lease lease = lease_in(r, host, place);

	if (is_lease(&lease)) {
		--*lease_tally(r, &lease);
		doors_let_go(&r->doors, *lease.door);
		*lease.door = 0;
	}
	if (is_stream(place) && host->streams[place - LEASE_TCP] != 0) {
		pool_give(&r->streams, host->streams[place - LEASE_TCP]);
		host->streams[place - LEASE_TCP] = 0;
	}
}

bool registry_lease_of(const struct registry *r, struct registered_host *host,
	enum lease_place place, uint64_t now, struct lease_path *lease)
{
	struct lease l = lease_in(r, host, place);

	if (!is_lease(&l) || is_over(*l.ends_at, now))
		return false;
	lease_path(r, &l, &lease->path);
	lease->renewed_at = time_near(now, *l.ends_at) - LEASE_SPAN;
	return true;
}

bool registry_holds(const struct registry *r, struct registered_host *host,
	const struct addr *remote, uint64_t now)
{
	struct lease_path lease;

	return registry_lease_of(r, host, place_of(remote), now, &lease) &&
	       addr_equal(&lease.path.remote, remote);
}

void registry_renew(struct registry *r, struct registered_host *host,
	const struct path *path, uint64_t now)
{
	struct lease l = lease_in(r, host, place_of(&path->remote));
	uint32_t number = number_of(r, host);

	if (!doors_is(&r->doors, *l.door, path)) {
		uint16_t door = doors_hold(&r->doors, path);

		if (door != 0) {
			doors_let_go(&r->doors, *l.door);
			*l.door = door;
		}
	}
	*l.ends_at = milliseconds(now + LEASE_SPAN);
	if ((uint16_t)(sixteens(now) - *l.proved_at) > sixteens(REGISTRY_ORDER))
		*l.proved_at = (uint16_t)(sixteens(now) - sixteens(REGISTRY_ORDER));
	r->now = now;
	list_remove(r, host);
	list_append(r, number);
}

/* A host that has no lease yet is at the end of the list. */
static struct registered_host *host_open(
	struct registry *r, uint32_t service, const uint8_t instance[INSTANCE_SIZE])
{
	struct registered_service *s = service_at(r, service);
	struct registered_host *host = registry_host(r, s, instance);
	struct registered_host *others[RENDEZVOUS_HOSTS_MAX];
	uint32_t number;

	if (host != NULL)
		return host;
	if (registry_hosts(r, s, others) == RENDEZVOUS_HOSTS_MAX)
		return NULL;
	number = pool_take(&r->hosts);
	if (number == 0)
		return NULL;
	host = host_at(r, number);
	memcpy(host->instance, instance, INSTANCE_SIZE);
	host->service = service;
	host->next = s->hosts;
	s->hosts = number;
	list_append(r, number);
	return host;
}

/* Ends a host, and its service with the last. */
static void host_close(struct registry *r, uint32_t number)
{
	struct registered_host *host = host_at(r, number);
	struct registered_service *s = service_at(r, host->service);
	uint32_t *at = &s->hosts;

	while (*at != number)
		at = &host_at(r, *at)->next;
	*at = host->next;
	for (enum lease_place place = 0; place < LEASE_PLACES; place++)
		lease_end(r, host, place);
	list_remove(r, host);
	if (s->hosts == 0)
		service_close(r, host->service);
	pool_give(&r->hosts, number);
}

static bool stream_open(struct registry *r, struct registered_host *host,
	enum lease_place place, const struct addr *remote)
{
	uint32_t number = pool_take(&r->streams);
	struct lease_stream *stream;

	if (number == 0)
		return false;
	stream = pool_at(&r->streams, number);
	stream->family = remote->family;
	host->streams[place - LEASE_TCP] = (uint16_t)number;
	return true;
}

/* Gives a host a lease in the place of what it had there. */
static bool lease_begin(struct registry *r, struct registered_host *host,
	const struct path *path, uint64_t proved_at, uint64_t now)
{
	enum lease_place place = place_of(&path->remote);
	struct lease l = lease_in(r, host, place);
	uint32_t *tally = tally_at(r, &path->remote);
	uint16_t door;

	if (!(is_lease(&l) && lease_tally(r, &l) == tally) &&
		!room_allows(*tally, r->services.max, r->services.count, LEASES_PART,
			LEASES_FEW))
		return false;
	door = doors_hold(&r->doors, path);
	if (door == 0)
		return false;
	lease_end(r, host, place);
	if (is_stream(place) && !stream_open(r, host, place, &path->remote)) {
		doors_let_go(&r->doors, door);
		return false;
	}
	l = lease_in(r, host, place);
	memcpy(l.ip, path->remote.ip, l.ip_len);
	*l.port = path->remote.port;
	*l.door = door;
	*l.proved_at = sixteens(proved_at);
	++*tally;
	registry_renew(r, host, path, now);
	return true;
}

static void prove_again(struct registry *r, struct registered_host *host,
	const struct path *path, uint64_t proved_at, uint64_t now)
{
	uint16_t *last = lease_in(r, host, place_of(&path->remote)).proved_at;

	registry_renew(r, host, path, now);
	if ((int16_t)(sixteens(proved_at) - *last) > 0)
		*last = sixteens(proved_at);
}

static bool has_lease(const struct registered_host *host)
{
	return host->v4.door != 0 || host->v6.door != 0 || host->streams[0] != 0 ||
	       host->streams[1] != 0;
}

bool registry_is_newer(const struct registry *r, const uint8_t name[CRYPTO_KEY_SIZE],
	const uint8_t instance[INSTANCE_SIZE], const struct addr *remote,
	uint64_t proved_at, uint64_t now)
{
	const struct registered_service *s = registry_find(r, name);
	struct registered_host *host = s != NULL ? registry_host(r, s, instance) : NULL;
	struct lease_path held;

	if (host == NULL || !registry_lease_of(r, host, place_of(remote), now, &held) ||
		addr_equal(&held.path.remote, remote))
		return false;
	return (int16_t)(*lease_in(r, host, place_of(remote)).proved_at -
			 sixteens(proved_at)) > 0;
}

bool registry_lease(struct registry *r, const uint8_t name[CRYPTO_KEY_SIZE],
	const uint8_t asking[CRYPTO_KEY_SIZE], const uint8_t instance[INSTANCE_SIZE],
	const struct path *path, uint64_t proved_at, uint64_t now)
{
	uint32_t service = service_open(r, name);
	struct registered_host *host =
		service != 0 ? host_open(r, service, instance) : NULL;

	if (host != NULL && registry_holds(r, host, &path->remote, now))
		prove_again(r, host, path, proved_at, now);
	else if (host != NULL && !lease_begin(r, host, path, proved_at, now)) {
		if (!has_lease(host))
			host_close(r, number_of(r, host));
		return false;
	}
	if (host != NULL)
		memcpy(service_at(r, service)->asking, asking, CRYPTO_KEY_SIZE);
	else if (service != 0 && service_at(r, service)->hosts == 0)
		service_close(r, service);
	return host != NULL;
}

void registry_drop_host(struct registry *r, struct registered_service *s,
	const uint8_t instance[INSTANCE_SIZE])
{
	struct registered_host *host = registry_host(r, s, instance);

	if (host != NULL)
		host_close(r, number_of(r, host));
}

bool registry_service_take(
	struct registered_service *s, uint32_t rate, uint32_t burst, uint64_t now)
{
	uint64_t full = (uint64_t)burst * 1000;
	uint64_t left = s->attempts;

	/* In a millisecond a rate gives as many thousandths. */
	left += (uint64_t)(uint32_t)(milliseconds(now) - s->attempts_at) * rate;
	if (full > UINT32_MAX)
		full = UINT32_MAX;
	left = left < full ? left : full;
	s->attempts_at = milliseconds(now);
	s->attempts = (uint32_t)left;
	if (left < 1000)
		return false;
	s->attempts -= 1000;
	return true;
}

/* When its last lease ends. */
static uint64_t end_of(const struct registry *r, uint32_t host)
{
	uint64_t last = 0;

	for (enum lease_place place = 0; place < LEASE_PLACES; place++) {
		struct lease l = lease_in(r, host_at(r, host), place);
		uint64_t end = is_lease(&l) ? time_near(r->now, *l.ends_at) : 0;

		last = end > last ? end : last;
	}
	return last;
}

void registry_expire(struct registry *r, uint64_t now)
{
	r->now = now;
	for (unsigned i = 0; i < REGISTRY_SWEEP && r->oldest != 0; i++) {
		if (end_of(r, r->oldest) > now)
			break;
		host_close(r, r->oldest);
	}
	attempts_expire(r, now);
}

uint64_t registry_next_timeout(const struct registry *r)
{
	uint64_t attempts = timers_next(&r->timers);
	uint64_t leases = r->oldest ? end_of(r, r->oldest) : NEVER;

	return leases < attempts ? leases : attempts;
}
