/* SPDX-License-Identifier: MIT */
/* What a rendezvous remembers, for how long, and how much. */
#include "core/registry.h"
#include "unit.h"

#define T0 (1000 * SECOND)

static const uint8_t hash_key[16] = {3};
static struct registry registry;

static int begin(void **state)
{
	(void)state;
	registry_init(&registry, hash_key, 3, 2);
	return 0;
}

static int end(void **state)
{
	(void)state;
	registry_fini(&registry);
	return 0;
}

/* Names, instances and ids that differ in their last byte only. */
static const uint8_t *name(uint8_t last)
{
	static uint8_t bytes[4][32];
	static unsigned turn;
	uint8_t *of = bytes[turn++ % 4];

	memset(of, 0x55, 32);
	of[31] = last;
	of[15] = last;
	return of;
}

static struct path path_from(const char *remote)
{
	struct path path = {.socket = 2,
		.ifindex = 3,
		.local = {.family = ADDR_V4, .port = 3478, .ip = {198, 51, 100, 1}}};

	assert_true(addr_parse(&path.remote, remote, 0));
	return path;
}

static bool grant(uint8_t service, uint8_t instance, const char *remote, uint64_t now)
{
	const struct path path = path_from(remote);

	return registry_lease(
		&registry, name(service), name(100), name(instance), &path, now, now);
}

static bool holds(uint8_t service, uint8_t instance, const char *remote, uint64_t now)
{
	struct registered_service *s = registry_find(&registry, name(service));
	struct registered_host *host =
		s ? registry_host(&registry, s, name(instance)) : NULL;
	const struct path path = path_from(remote);

	return host && registry_holds(&registry, host, &path.remote, now);
}

static unsigned hosts_of(uint8_t service)
{
	struct registered_service *s = registry_find(&registry, name(service));
	struct registered_host *hosts[RENDEZVOUS_HOSTS_MAX];

	return s ? registry_hosts(&registry, s, hosts) : 0;
}

static void drop(uint8_t service, uint8_t instance)
{
	registry_drop_host(
		&registry, registry_find(&registry, name(service)), name(instance));
}

static void opens_each_service_once(void **state)
{
	struct registered_service *one, *two;

	(void)state;
	assert_true(grant(1, 1, "192.0.2.1:1", T0));
	assert_true(grant(2, 1, "192.0.2.1:1", T0));
	one = registry_find(&registry, name(1));
	two = registry_find(&registry, name(2));
	assert_non_null(one);
	assert_ptr_not_equal(one, two);
	assert_true(grant(1, 1, "192.0.2.1:1", T0));
	assert_ptr_equal(registry_find(&registry, name(1)), one);
	assert_null(registry_find(&registry, name(3)));
	assert_memory_equal(one->entry.key, name(1), 32);
	assert_memory_equal(one->asking, name(100), 32);
	assert_int_equal(registry.services.count, 2);
	assert_int_equal(registry.hosts.count, 2);
}

static void keeps_no_more_services_than_its_limit(void **state)
{
	(void)state;
	for (uint8_t i = 1; i <= 3; i++)
		assert_true(grant(i, 1, "192.0.2.1:1", T0));
	assert_false(grant(4, 1, "192.0.2.1:1", T0));
	assert_true(grant(2, 1, "192.0.2.1:1", T0 + 1)); /* known ones go on */
	registry_expire(&registry, T0 + 15 * SECOND + 1);
	assert_null(registry_find(&registry, name(2)));
	assert_true(grant(4, 1, "192.0.2.1:1", T0 + 15 * SECOND));
}

static void forgets_hosts_when_their_leases_end(void **state)
{
	(void)state;
	assert_true(grant(1, 1, "192.0.2.1:1", T0));
	assert_true(grant(1, 2, "192.0.2.2:1", T0 + 5 * SECOND));
	registry_expire(&registry, T0 + 15 * SECOND - 1);
	assert_int_equal(hosts_of(1), 2);
	assert_int_equal(registry_next_timeout(&registry), T0 + 15 * SECOND);
	registry_expire(&registry, T0 + 15 * SECOND);
	assert_int_equal(hosts_of(1), 1);
	assert_false(holds(1, 1, "192.0.2.1:1", T0 + 15 * SECOND));
	assert_true(holds(1, 2, "192.0.2.2:1", T0 + 15 * SECOND));
	assert_int_equal(registry_next_timeout(&registry), T0 + 20 * SECOND);
	registry_expire(&registry, T0 + 20 * SECOND);
	assert_null(registry_find(&registry, name(1)));
	assert_int_equal(registry.hosts.count, 0);
	assert_true(registry_next_timeout(&registry) == NEVER);
}

/* Times are kept in 32 bits of milliseconds: they come round in 49 days. */
static void keeps_time_where_it_comes_round(void **state)
{
	const uint64_t round = (UINT64_C(1) << 32) * MILLISECOND, now = round - SECOND;
	struct lease_path lease;

	(void)state;
	assert_true(grant(1, 1, "192.0.2.1:1", now));
	assert_true(registry_lease_of(&registry,
		registry_host(&registry, registry_find(&registry, name(1)), name(1)),
		LEASE_V4, now + 2 * SECOND, &lease));
	assert_int_equal(lease.renewed_at, now);
	assert_int_equal(registry_next_timeout(&registry), now + 15 * SECOND);
	registry_expire(&registry, now + 14 * SECOND);
	assert_true(holds(1, 1, "192.0.2.1:1", now + 14 * SECOND));
	registry_expire(&registry, now + 15 * SECOND);
	assert_null(registry_find(&registry, name(1)));
}

static void keeps_what_is_refreshed(void **state)
{
	struct registered_service *s = NULL;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		const uint64_t now = T0 + i * 5 * SECOND;

		assert_true(grant(1, 1, "192.0.2.1:1", now));
		s = registry_find(&registry, name(1));
		registry_expire(&registry, now);
		assert_true(holds(1, 1, "192.0.2.1:1", now));
	}
	assert_int_equal(hosts_of(1), 1);
	registry_expire(&registry, T0 + 60 * SECOND - 1);
	assert_ptr_equal(registry_find(&registry, name(1)), s);
	registry_expire(&registry, T0 + 60 * SECOND);
	assert_null(registry_find(&registry, name(1)));
}

/* Who was refreshed later ends later, whatever the order in which they came. */
static void ends_in_the_order_of_refreshing(void **state)
{
	(void)state;
	for (uint8_t i = 1; i <= 3; i++)
		assert_true(grant(1, i, "192.0.2.1:1", T0));
	assert_true(grant(1, 2, "192.0.2.1:1", T0 + SECOND));
	assert_true(grant(1, 1, "192.0.2.1:1", T0 + 2 * SECOND));
	registry_expire(&registry, T0 + 15 * SECOND);
	assert_int_equal(hosts_of(1), 2);
	assert_int_equal(registry_next_timeout(&registry), T0 + 16 * SECOND);
	registry_expire(&registry, T0 + 16 * SECOND);
	assert_true(holds(1, 1, "192.0.2.1:1", T0 + 16 * SECOND));
	assert_int_equal(registry_next_timeout(&registry), T0 + 17 * SECOND);
}

/* One lease a family: a host behind NAT64 or with two stacks has two. */
static void holds_a_lease_of_each_family(void **state)
{
	(void)state;
	assert_true(grant(1, 1, "192.0.2.1:1", T0));
	assert_true(grant(1, 1, "[2001:db8::1]:1", T0 + 5 * SECOND));
	assert_int_equal(hosts_of(1), 1);
	assert_true(holds(1, 1, "192.0.2.1:1", T0 + 5 * SECOND));
	assert_true(holds(1, 1, "[2001:db8::1]:1", T0 + 5 * SECOND));
	assert_false(holds(1, 1, "192.0.2.1:1", T0 + 15 * SECOND));
	registry_expire(&registry, T0 + 19 * SECOND);
	assert_true(holds(1, 1, "[2001:db8::1]:1", T0 + 19 * SECOND));
	registry_expire(&registry, T0 + 20 * SECOND);
	assert_null(registry_find(&registry, name(1)));
}

/* All of a path comes back, not only the address. */
static void gives_the_path_back(void **state)
{
	static const char *const remotes[] = {"192.0.2.1:1", "[2001:db8::1:2]:65535"};

	(void)state;
	for (uint8_t i = 0; i < 2; i++) {
		const struct path path = path_from(remotes[i]);
		struct registered_service *s;
		struct lease_path lease;

		assert_true(grant(1, 1, remotes[i], T0 + i));
		s = registry_find(&registry, name(1));
		assert_true(
			registry_lease_of(&registry, registry_host(&registry, s, name(1)),
				i ? LEASE_V6 : LEASE_V4, T0 + i, &lease));
		assert_memory_equal(&lease.path, &path, sizeof(path));
		assert_int_equal(lease.renewed_at, T0);
	}
}

/* A lease by a stream stands beside those by UDP, ends by itself and is counted. */
static void holds_a_lease_by_a_stream(void **state)
{
	struct path path = path_from("[2001:db8::7]:4000");
	struct registered_host *host;
	struct lease_path lease;

	(void)state;
	path.remote.transport = ADDR_TCP;
	assert_true(
		registry_lease(&registry, name(1), name(100), name(1), &path, T0, T0));
	assert_true(grant(1, 1, "[2001:db8::7]:4000", T0 + 5 * SECOND));
	host = registry_host(&registry, registry_find(&registry, name(1)), name(1));
	assert_true(registry_lease_of(&registry, host, LEASE_TCP, T0, &lease));
	assert_memory_equal(&lease.path, &path, sizeof(path));
	assert_true(registry_holds(&registry, host, &path.remote, T0));
	assert_int_equal(registry.streams.count, 1);
	path.remote.port++;
	assert_false(registry_holds(&registry, host, &path.remote, T0));
	assert_true(
		registry_lease(&registry, name(1), name(100), name(1), &path, T0, T0));
	assert_int_equal(registry.streams.count, 1);
	path.remote.transport = ADDR_TLS;
	assert_true(
		registry_lease(&registry, name(1), name(100), name(1), &path, T0, T0));
	assert_int_equal(registry.streams.count, 2);
	assert_true(registry_lease_of(&registry, host, LEASE_TLS, T0, &lease));
	assert_memory_equal(&lease.path, &path, sizeof(path));
	path.remote.transport = ADDR_TCP;
	assert_true(registry_holds(&registry, host, &path.remote, T0));
	assert_false(
		registry_lease_of(&registry, host, LEASE_TCP, T0 + 15 * SECOND, &lease));
	registry_expire(&registry, T0 + 20 * SECOND);
	assert_int_equal(registry.streams.count, 0);
	assert_null(registry.doors.table);
}

/* It is refreshed by another socket: what goes to it leaves by that one. */
static void follows_to_another_socket(void **state)
{
	struct path path = path_from("192.0.2.1:1");
	struct registered_host *host;
	struct lease_path lease;

	(void)state;
	assert_true(grant(1, 1, "192.0.2.1:1", T0));
	host = registry_host(&registry, registry_find(&registry, name(1)), name(1));
	path.socket = 9;
	registry_renew(&registry, host, &path, T0);
	assert_true(registry_lease_of(&registry, host, LEASE_V4, T0, &lease));
	assert_int_equal(lease.path.socket, 9);
}

/* Its NAT gives it another port, or its network another address: the old one ends. */
static void moves_a_lease(void **state)
{
	(void)state;
	assert_true(grant(1, 1, "192.0.2.1:1", T0));
	assert_true(grant(1, 1, "192.0.2.1:2", T0));
	assert_false(holds(1, 1, "192.0.2.1:1", T0));
	assert_true(holds(1, 1, "192.0.2.1:2", T0));
	assert_false(holds(1, 2, "192.0.2.1:2", T0)); /* another instance's */
	assert_int_equal(registry.hosts.count, 1);
}

static void keeps_no_more_hosts_than_eight(void **state)
{
	(void)state;
	for (uint8_t i = 1; i <= 8; i++)
		assert_true(grant(1, i, "192.0.2.1:1", T0));
	assert_false(grant(1, 9, "192.0.2.1:1", T0));
	assert_true(grant(1, 8, "192.0.2.1:2", T0));
	assert_int_equal(hosts_of(1), 8);
	drop(1, 3);
	assert_true(grant(1, 9, "192.0.2.1:1", T0));
}

static void drops_hosts_that_say_so(void **state)
{
	(void)state;
	assert_true(grant(1, 1, "192.0.2.1:1", T0));
	assert_true(grant(1, 2, "192.0.2.2:1", T0));
	drop(1, 7); /* no such one */
	assert_int_equal(registry.hosts.count, 2);
	drop(1, 1);
	assert_false(holds(1, 1, "192.0.2.1:1", T0));
	assert_true(holds(1, 2, "192.0.2.2:1", T0));
	drop(1, 2); /* and the service with its last */
	assert_null(registry_find(&registry, name(1)));
	assert_int_equal(registry.hosts.count, 0);
	assert_true(registry_next_timeout(&registry) == NEVER);
}

/* From one network no more than a fifth of all, however many there are. */
static void one_network_cannot_hold_all(void **state)
{
	const struct path here = path_from("192.0.2.1:1"),
			  there = path_from("203.0.113.1:1");
	uint32_t held = 0;

	(void)state;
	registry_fini(&registry);
	registry_init(&registry, hash_key, 10000, 2);
	for (uint32_t i = 0; i < 10000; i++) {
		uint8_t key[32];

		memcpy(key, name(1), sizeof(key));
		memcpy(key, &i, sizeof(i));
		held += registry_lease(&registry, key, key, key, &here, T0, T0);
	}
	assert_int_equal(held, 2000);
	assert_int_equal(registry.services.count, 2000);
	assert_true(registry_lease(&registry, name(1), name(1), name(1), &there, T0, T0));
	registry_expire(&registry, T0 + 15 * SECOND); /* in parts */
	assert_in_range(registry.services.count, 1, 1999);
	while (registry_next_timeout(&registry) <= T0 + 15 * SECOND)
		registry_expire(&registry, T0 + 15 * SECOND);
	assert_int_equal(registry.services.count, 0);
	assert_true(registry_lease(
		&registry, name(1), name(1), name(1), &here, T0, T0 + SECOND));
}

/* Who repeats a registration moves nothing back, until its proof is too old anyway. */
static void goes_on_in_order_of_proof(void **state)
{
	const struct path first = path_from("192.0.2.1:1000"),
			  second = path_from("192.0.2.1:2000");
	const struct path v6 = path_from("[2001:db8::7]:4000");
	const uint64_t later = T0 + 100 * MILLISECOND;
	const struct addr *back = &first.remote;

	(void)state;
	assert_false(registry_is_newer(&registry, name(1), name(1), back, T0, T0));
	assert_true(registry_lease(
		&registry, name(1), name(100), name(1), &first, T0, later));
	assert_false(registry_is_newer(
		&registry, name(1), name(1), &second.remote, later, later));
	assert_true(registry_lease(
		&registry, name(1), name(100), name(1), &second, later, later));
	assert_true(registry_is_newer(&registry, name(1), name(1), back, T0, later));
	assert_false(registry_is_newer(&registry, name(1), name(1), back, later, later));
	assert_false(registry_is_newer(&registry, name(1), name(2), back, T0, later));
	assert_false(registry_is_newer(&registry, name(2), name(1), back, T0, later));
	assert_false(
		registry_is_newer(&registry, name(1), name(1), &v6.remote, T0, later));
	/* A registration at the same place may be repeated late. */
	assert_true(registry_lease(
		&registry, name(1), name(100), name(1), &second, T0, later + SECOND));
	assert_true(
		registry_is_newer(&registry, name(1), name(1), back, T0, later + SECOND));
}

/* Times are cut short: a lease that was held for hours lets its host move on all the same. */
static void lets_an_old_lease_move(void **state)
{
	const struct path here = path_from("192.0.2.1:1000"),
			  elsewhere = path_from("192.0.2.1:2000");
	const struct addr *there = &elsewhere.remote;
	struct registered_host *host;

	(void)state;
	assert_true(
		registry_lease(&registry, name(1), name(100), name(1), &here, T0, T0));
	host = registry_host(&registry, registry_find(&registry, name(1)), name(1));
	for (uint64_t now = T0; now < T0 + 3600 * SECOND; now += 3 * SECOND) {
		registry_renew(&registry, host, &here, now);
		assert_false(
			registry_is_newer(&registry, name(1), name(1), there, now, now));
	}
}

static void takes_attempts_at_a_rate(void **state)
{
	struct registered_service *s;
	unsigned taken = 0;

	(void)state;
	assert_true(grant(1, 1, "192.0.2.1:1", T0));
	s = registry_find(&registry, name(1));
	for (unsigned i = 0; i < 100; i++)
		taken += registry_service_take(s, 10, 40, T0);
	assert_int_equal(taken, 40);
	assert_false(registry_service_take(s, 10, 40, T0 + SECOND / 10 - 1));
	assert_true(registry_service_take(s, 10, 40, T0 + SECOND / 10));
	for (unsigned i = 0; i < 100; i++)
		taken += registry_service_take(s, 10, 40, T0 + 1000 * SECOND);
	assert_int_equal(taken, 80);
}

static struct registered_attempt *attempt(uint8_t id, uint64_t now)
{
	const struct addr guest = addr_v4(203, 0, 113, id, 1);

	return registry_attempt_open(&registry, name(id), name(9), &guest, now);
}

static void forgets_attempts_30_seconds_after_the_last_ask(void **state)
{
	struct registered_attempt *a = attempt(1, T0);

	(void)state;
	assert_ptr_equal(registry_attempt(&registry, name(1)), a);
	assert_null(registry_attempt(&registry, name(2)));
	assert_memory_equal(a->service, name(9), 32);
	a->asked_at = T0 + 10 * SECOND; /* it asked again */
	registry_expire(&registry, T0 + 30 * SECOND);
	assert_ptr_equal(registry_attempt(&registry, name(1)), a);
	registry_expire(&registry, T0 + 40 * SECOND - 1);
	assert_ptr_equal(registry_attempt(&registry, name(1)), a);
	registry_expire(&registry, T0 + 40 * SECOND);
	assert_null(registry_attempt(&registry, name(1)));
	assert_int_equal(registry.timers.count, 0);
}

/* Memory of attempts never eats that of services, nor the other way about. */
static void limits_attempts_by_themselves(void **state)
{
	(void)state;
	assert_non_null(attempt(1, T0));
	assert_non_null(attempt(2, T0));
	assert_null(attempt(3, T0));
	for (uint8_t i = 1; i <= 3; i++)
		assert_true(grant(i, 1, "192.0.2.1:1", T0));
	registry_expire(&registry, T0 + 30 * SECOND);
	assert_non_null(attempt(3, T0 + 30 * SECOND));
}

static bool keep(struct registered_attempt *a, uint8_t instance, uint8_t sequence,
	const char *payload, const char *host)
{
	struct answer_message m = {.sequence = sequence,
		.payload = (const uint8_t *)payload,
		.payload_len = strlen(payload)};
	struct path path = {0};

	memcpy(m.instance, name(instance), INSTANCE_SIZE);
	assert_true(addr_parse(&path.remote, host, 0));
	return registry_keep_answer(a, &m, &path);
}

static void keeps_the_newest_answer_of_each_host(void **state)
{
	struct registered_attempt *a = attempt(1, T0);

	(void)state;
	assert_true(keep(a, 1, 0, "first", "192.0.2.1:1"));
	assert_false(keep(a, 1, 0, "again", "192.0.2.9:1"));
	assert_int_equal(a->answer_count, 1);
	assert_memory_equal(a->answers[0].payload, "first", 5);
	assert_true(keep(a, 1, 2, "third and last", "192.0.2.2:1"));
	assert_false(keep(a, 1, 1, "second", "192.0.2.1:1"));
	assert_int_equal(a->answers[0].sequence, 2);
	assert_int_equal(a->answers[0].payload_len, 14);
	assert_memory_equal(a->answers[0].payload, "third and last", 14);
	assert_int_equal(a->answers[0].host.remote.ip[3], 2);
	assert_true(keep(a, 2, 0, "", "192.0.2.3:1"));
	assert_int_equal(a->answer_count, 2);
	assert_int_equal(a->answers[1].payload_len, 0);
}

static void keeps_answers_of_four_hosts(void **state)
{
	struct registered_attempt *a = attempt(1, T0);

	(void)state;
	for (uint8_t i = 1; i <= 4; i++)
		assert_true(keep(a, i, 0, "answer", "192.0.2.1:1"));
	assert_false(keep(a, 5, 0, "answer", "192.0.2.1:1"));
	assert_int_equal(a->answer_count, 4);
	assert_true(keep(a, 4, 1, "another", "192.0.2.1:1"));
}

/* Room for attempts is kept for other networks and services. */
static void one_network_cannot_hold_all_attempts(void **state)
{
	unsigned of_network = 0, of_service = 0;
	struct addr other;

	(void)state;
	registry_fini(&registry);
	registry_init(&registry, hash_key, 3, 1000);
	for (uint32_t i = 0; i < 2000; i++) {
		struct addr guest = addr_v4(203, 0, 113, (uint8_t)i, 1);
		uint8_t id[32] = {(uint8_t)i, (uint8_t)(i >> 8), 1};

		of_network +=
			registry_attempt_open(&registry, id, id, &guest, T0) != NULL;
		guest.ip[1] = (uint8_t)(i >> 8);
		guest.ip[2] = (uint8_t)i;
		id[2] = 2;
		of_service +=
			registry_attempt_open(&registry, id, name(9), &guest, T0) != NULL;
	}
	assert_in_range(of_network, 100, 210);
	assert_in_range(of_service, 390, 460);
	other = addr_v4(198, 51, 100, 1, 1);
	assert_non_null(registry_attempt_open(&registry, name(1), name(7), &other, T0));
	while (registry_next_timeout(&registry) <= T0 + 30 * SECOND)
		registry_expire(&registry, T0 + 30 * SECOND);
	assert_null(registry.attempts);
}

/* Many services by random names: each is found, and ends when it should. 100,000, or as many as
 * EYELET_SERVICES says. */
static void holds_many(void **state)
{
	const char *given = getenv("EYELET_SERVICES");
	const uint32_t count = given ? (uint32_t)strtoul(given, NULL, 10) : 100000;
	uint64_t random = random_start(), seed = random;
	uint8_t key[32];

	(void)state;
	registry_fini(&registry);
	registry_init(&registry, hash_key, count, 1);
	for (uint32_t i = 0; i < count; i++) {
		struct path path = path_from("192.0.2.1:1");

		random_bytes(&random, key, sizeof(key));
		memcpy(path.remote.ip, &i, 3);
		assert_true(registry_lease(&registry, key, key, key, &path, T0,
			T0 + i * UINT64_C(10) * SECOND / count));
	}
	assert_int_equal(registry.services.count, count);
	for (uint64_t at = 0; at <= 10; at++) {
		const uint64_t now = T0 + (15 + at) * SECOND;

		while (registry_next_timeout(&registry) <= now)
			registry_expire(&registry, now);
		random = seed;
		for (uint32_t i = 0; i < count; i++) {
			bool gone = i * UINT64_C(10000) / count <= at * 1000;

			random_bytes(&random, key, sizeof(key));
			assert_int_equal(registry_find(&registry, key) == NULL, gone);
		}
	}
	assert_int_equal(registry.hosts.count, 0);
	assert_null(registry.doors.table);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opens_each_service_once),
		TEST(keeps_no_more_services_than_its_limit),
		TEST(forgets_hosts_when_their_leases_end),
		TEST(keeps_time_where_it_comes_round),
		TEST(keeps_what_is_refreshed),
		TEST(ends_in_the_order_of_refreshing),
		TEST(holds_a_lease_of_each_family),
		TEST(gives_the_path_back),
		TEST(holds_a_lease_by_a_stream),
		TEST(follows_to_another_socket),
		TEST(moves_a_lease),
		TEST(keeps_no_more_hosts_than_eight),
		TEST(drops_hosts_that_say_so),
		TEST(one_network_cannot_hold_all),
		TEST(goes_on_in_order_of_proof),
		TEST(lets_an_old_lease_move),
		TEST(takes_attempts_at_a_rate),
		TEST(forgets_attempts_30_seconds_after_the_last_ask),
		TEST(limits_attempts_by_themselves),
		TEST(one_network_cannot_hold_all_attempts),
		TEST(keeps_the_newest_answer_of_each_host),
		TEST(keeps_answers_of_four_hosts),
		TEST(holds_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
