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

static struct lease_path lease(const char *remote, uint64_t expires_at)
{
	struct lease_path l = {.expires_at = expires_at};

	assert_true(addr_parse(&l.path.remote, remote, 0));
	return l;
}

static bool grant(struct registered_service *s, uint8_t instance, const char *remote,
	uint64_t expires_at)
{
	const struct lease_path l = lease(remote, expires_at);

	return registry_lease(&registry, s, name(instance), &l);
}

static struct lease_path *lease_of(
	struct registered_service *s, uint8_t instance, const char *remote, uint64_t now)
{
	struct registered_host *host = registry_host(s, name(instance));
	const struct lease_path l = lease(remote, 0);

	return host ? registry_lease_at(host, &l.path.remote, now) : NULL;
}

static void opens_each_service_once(void **state)
{
	struct registered_service *one = registry_open(&registry, name(1), T0),
				  *two = registry_open(&registry, name(2), T0);

	(void)state;
	assert_non_null(one);
	assert_ptr_not_equal(one, two);
	assert_ptr_equal(registry_open(&registry, name(1), T0), one);
	assert_ptr_equal(registry_find(&registry, name(2)), two);
	assert_null(registry_find(&registry, name(3)));
	assert_memory_equal(one->name, name(1), 32);
}

static void keeps_no_more_services_than_its_limit(void **state)
{
	(void)state;
	for (uint8_t i = 1; i <= 3; i++)
		assert_non_null(registry_open(&registry, name(i), T0));
	assert_null(registry_open(&registry, name(4), T0));
	assert_non_null(registry_open(&registry, name(2), T0)); /* known ones go on */
	registry_expire(&registry, T0 + 15 * SECOND);           /* none got a lease */
	assert_null(registry_find(&registry, name(2)));
	assert_non_null(registry_open(&registry, name(4), T0 + 15 * SECOND));
}

static void forgets_hosts_when_their_leases_end(void **state)
{
	struct registered_service *s = registry_open(&registry, name(1), T0);

	(void)state;
	assert_true(grant(s, 1, "192.0.2.1:1", T0 + 15 * SECOND));
	assert_true(grant(s, 2, "192.0.2.2:1", T0 + 20 * SECOND));
	assert_int_equal(registry.host_count, 2);
	registry_expire(&registry, T0 + 15 * SECOND - 1);
	assert_int_equal(s->host_count, 2);
	assert_int_equal(timers_next(&registry.timers), T0 + 15 * SECOND);
	registry_expire(&registry, T0 + 15 * SECOND);
	assert_int_equal(s->host_count, 1);
	assert_null(registry_host(s, name(1)));
	assert_int_equal(timers_next(&registry.timers), T0 + 20 * SECOND);
	registry_expire(&registry, T0 + 20 * SECOND);
	assert_null(registry_find(&registry, name(1)));
	assert_int_equal(registry.host_count, 0);
	assert_true(timers_next(&registry.timers) == NEVER);
}

static void looks_again_at_the_next_end(void **state)
{
	struct registered_service *s = registry_open(&registry, name(1), T0);

	(void)state;
	assert_true(grant(s, 1, "192.0.2.1:1", T0 + 25 * SECOND));
	assert_true(grant(s, 2, "192.0.2.2:1", T0 + 20 * SECOND));
	assert_true(grant(s, 3, "192.0.2.3:1", T0 + 30 * SECOND));
	registry_expire(&registry, T0 + 15 * SECOND);
	assert_int_equal(s->host_count, 3);
	assert_int_equal(timers_next(&registry.timers), T0 + 20 * SECOND);
}

static void keeps_what_is_refreshed(void **state)
{
	struct registered_service *s = registry_open(&registry, name(1), T0);

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		const uint64_t now = T0 + i * 5 * SECOND;

		assert_true(grant(s, 1, "192.0.2.1:1", now + 15 * SECOND));
		registry_expire(&registry, now);
		assert_non_null(lease_of(s, 1, "192.0.2.1:1", now));
	}
	assert_int_equal(s->host_count, 1);
	registry_expire(&registry, T0 + 60 * SECOND - 1);
	assert_ptr_equal(registry_find(&registry, name(1)), s);
	registry_expire(&registry, T0 + 60 * SECOND);
	assert_null(registry_find(&registry, name(1)));
}

/* One lease a family: a host behind NAT64 or with two stacks has two. */
static void holds_a_lease_of_each_family(void **state)
{
	struct registered_service *s = registry_open(&registry, name(1), T0);

	(void)state;
	assert_true(grant(s, 1, "192.0.2.1:1", T0 + 10 * SECOND));
	assert_true(grant(s, 1, "[2001:db8::1]:1", T0 + 15 * SECOND));
	assert_int_equal(s->host_count, 1);
	assert_non_null(lease_of(s, 1, "192.0.2.1:1", T0));
	assert_non_null(lease_of(s, 1, "[2001:db8::1]:1", T0));
	assert_null(lease_of(s, 1, "192.0.2.1:1", T0 + 10 * SECOND));
	registry_expire(&registry, T0 + 14 * SECOND);
	assert_non_null(lease_of(s, 1, "[2001:db8::1]:1", T0 + 14 * SECOND));
	registry_expire(&registry, T0 + 15 * SECOND);
	assert_null(registry_find(&registry, name(1)));
}

/* Its NAT gives it another port, or its network another address: the old one ends. */
static void moves_a_lease(void **state)
{
	struct registered_service *s = registry_open(&registry, name(1), T0);

	(void)state;
	assert_true(grant(s, 1, "192.0.2.1:1", T0 + 15 * SECOND));
	assert_true(grant(s, 1, "192.0.2.1:2", T0 + 15 * SECOND));
	assert_null(lease_of(s, 1, "192.0.2.1:1", T0));
	assert_non_null(lease_of(s, 1, "192.0.2.1:2", T0));
	assert_null(lease_of(s, 2, "192.0.2.1:2", T0)); /* another instance's */
	assert_int_equal(registry.host_count, 1);
}

static void keeps_no_more_hosts_than_eight(void **state)
{
	struct registered_service *s = registry_open(&registry, name(1), T0);

	(void)state;
	for (uint8_t i = 1; i <= 8; i++)
		assert_true(grant(s, i, "192.0.2.1:1", T0 + 15 * SECOND));
	assert_false(grant(s, 9, "192.0.2.1:1", T0 + 15 * SECOND));
	assert_true(grant(s, 8, "192.0.2.1:2", T0 + 15 * SECOND));
	assert_int_equal(s->host_count, 8);
	registry_drop_host(&registry, s, name(3));
	assert_true(grant(s, 9, "192.0.2.1:1", T0 + 15 * SECOND));
}

static void drops_hosts_that_say_so(void **state)
{
	struct registered_service *s = registry_open(&registry, name(1), T0);

	(void)state;
	assert_true(grant(s, 1, "192.0.2.1:1", T0 + 15 * SECOND));
	assert_true(grant(s, 2, "192.0.2.2:1", T0 + 15 * SECOND));
	registry_drop_host(&registry, s, name(7)); /* no such one */
	assert_int_equal(registry.host_count, 2);
	registry_drop_host(&registry, s, name(1));
	assert_null(registry_host(s, name(1)));
	assert_non_null(registry_host(s, name(2)));
	registry_drop_host(&registry, s, name(2)); /* and the service with its last */
	assert_null(registry_find(&registry, name(1)));
	assert_int_equal(registry.host_count, 0);
	assert_int_equal(registry.timers.count, 0);
}

static void forgets_attempts_30_seconds_after_the_last_ask(void **state)
{
	struct registered_attempt *a =
		registry_attempt_open(&registry, name(1), name(9), T0);

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
	assert_non_null(registry_attempt_open(&registry, name(1), name(9), T0));
	assert_non_null(registry_attempt_open(&registry, name(2), name(9), T0));
	assert_null(registry_attempt_open(&registry, name(3), name(9), T0));
	for (uint8_t i = 1; i <= 3; i++)
		assert_non_null(registry_open(&registry, name(i), T0));
	registry_expire(&registry, T0 + 30 * SECOND);
	assert_non_null(
		registry_attempt_open(&registry, name(3), name(9), T0 + 30 * SECOND));
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
	struct registered_attempt *a =
		registry_attempt_open(&registry, name(1), name(9), T0);

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
	struct registered_attempt *a =
		registry_attempt_open(&registry, name(1), name(9), T0);

	(void)state;
	for (uint8_t i = 1; i <= 4; i++)
		assert_true(keep(a, i, 0, "answer", "192.0.2.1:1"));
	assert_false(keep(a, 5, 0, "answer", "192.0.2.1:1"));
	assert_int_equal(a->answer_count, 4);
	assert_true(keep(a, 4, 1, "another", "192.0.2.1:1"));
}

/* Thousands of services by random names: each is found, and ends when it should. */
static void holds_many(void **state)
{
	uint64_t random = random_start();
	uint8_t names[2000][32];

	(void)state;
	registry_fini(&registry);
	registry_init(&registry, hash_key, 2000, 1);
	for (unsigned i = 0; i < 2000; i++) {
		struct registered_service *s;

		random_bytes(&random, names[i], 32);
		s = registry_open(&registry, names[i], T0);
		assert_non_null(s);
		assert_true(grant(s, 1, "192.0.2.1:1", T0 + (1 + i % 20) * SECOND));
	}
	for (unsigned at = 0; at <= 20; at++) {
		registry_expire(&registry, T0 + at * SECOND);
		/* A service is looked at when its own timer comes, 15 s after it began. */
		for (unsigned i = 0; i < 2000; i++) {
			bool gone = registry_find(&registry, names[i]) == NULL;
			unsigned last = 1 + i % 20 > 15 ? 1 + i % 20 : 15;

			assert_int_equal(gone, at >= last);
		}
	}
	assert_int_equal(registry.host_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opens_each_service_once),
		TEST(keeps_no_more_services_than_its_limit),
		TEST(forgets_hosts_when_their_leases_end),
		TEST(looks_again_at_the_next_end),
		TEST(keeps_what_is_refreshed),
		TEST(holds_a_lease_of_each_family),
		TEST(moves_a_lease),
		TEST(keeps_no_more_hosts_than_eight),
		TEST(drops_hosts_that_say_so),
		TEST(forgets_attempts_30_seconds_after_the_last_ask),
		TEST(limits_attempts_by_themselves),
		TEST(keeps_the_newest_answer_of_each_host),
		TEST(keeps_answers_of_four_hosts),
		TEST(holds_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
