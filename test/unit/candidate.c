/* SPDX-License-Identifier: MIT */
/* Which addresses may be sent to on a stranger's word, and offers on their way. */
#include "core/candidate.h"
#include "unit.h"

static const uint8_t attempt[ID_SIZE] = {1, 2, 3};
static uint64_t seed;

static struct addr address(const char *text)
{
	struct addr addr = {.family = ADDR_NONE};

	if (*text != '\0')
		assert_true(addr_parse(&addr, text, 0));
	return addr;
}

static void fill(void *arg, uint8_t *bytes, size_t len)
{
	random_bytes(arg, bytes, len);
}

static const struct entropy entropy = {fill, &seed};

/* The list. */

static void lists_each_once(void **state)
{
	const struct addr one = address("192.0.2.1:1"), none = {.family = ADDR_NONE};
	struct addr other = one;
	struct candidates list = {.count = 0};

	(void)state;
	assert_true(candidates_add(&list, &one, CANDIDATE_LOCAL));
	assert_false(candidates_add(&list, &one, CANDIDATE_PUBLIC));
	assert_int_equal(list.of[0].kind, CANDIDATE_LOCAL);
	assert_false(candidates_add(&list, &none, CANDIDATE_LOCAL));
	other.port = 2;
	assert_true(candidates_add(&list, &other, CANDIDATE_OBSERVED));
	for (unsigned i = 0; i < 6; i++) {
		other.port = (uint16_t)(10 + i);
		assert_true(candidates_add(&list, &other, CANDIDATE_OBSERVED));
	}
	other.port = 20;
	assert_false(candidates_add(&list, &other, CANDIDATE_OBSERVED));
	assert_int_equal(list.count, 8);
}

/* Nobody but the rendezvous reaches the end of a stream. */
static void takes_no_stream(void **state)
{
	struct addr one = address("192.0.2.1:1");
	const struct vantage nothing = {.server_count = 0};
	struct candidates list = {.count = 0};

	(void)state;
	assert_true(candidate_allowed(&nothing, &one, &one));
	for (one.transport = ADDR_TCP; one.transport <= ADDR_TLS; one.transport++) {
		assert_false(candidates_add(&list, &one, CANDIDATE_OBSERVED));
		assert_false(candidate_allowed(&nothing, &one, &one));
	}
	assert_int_equal(list.count, 0);
}

static void knows_global_ipv6(void **state)
{
	const struct addr v4 = address("192.0.2.1:1"), local = address("[fd00::1]:1"),
			  global = address("[2001:db8::1]:1");
	struct candidates list = {.count = 0};

	(void)state;
	candidates_add(&list, &v4, CANDIDATE_OBSERVED);
	candidates_add(&list, &local, CANDIDATE_LOCAL);
	assert_false(candidates_have_v6(&list));
	candidates_add(&list, &global, CANDIDATE_LOCAL);
	assert_true(candidates_have_v6(&list));
}

/* The vantage. */

#define LIST_MAX 2

/* A machine by what it knows of itself; texts, or NULL. */
struct place {
	const char *servers[LIST_MAX], *locals[LIST_MAX], *observed[LIST_MAX],
		*forbidden[LIST_MAX];
};

static size_t addresses(struct addr out[LIST_MAX], const char *const texts[LIST_MAX])
{
	size_t count = 0;

	for (; count < LIST_MAX && texts[count] != NULL; count++)
		out[count] = address(texts[count]);
	return count;
}

static bool allowed(const struct place *p, const char *addr, const char *peer)
{
	struct addr servers[LIST_MAX], locals[LIST_MAX], observed[LIST_MAX],
		forbidden[LIST_MAX];
	const struct vantage v = {
		.servers = servers,
		.server_count = addresses(servers, p->servers),
		.locals = locals,
		.local_count = addresses(locals, p->locals),
		.observed = observed,
		.observed_count = addresses(observed, p->observed),
		.forbidden = forbidden,
		.forbidden_count = addresses(forbidden, p->forbidden),
	};
	const struct addr to = address(addr), from = address(peer);

	return candidate_allowed(&v, &to, &from);
}

/* At home behind a NAT, with a rendezvous on the Internet. */
static const struct place home = {.servers = {"198.51.100.1:3478"},
	.locals = {"192.168.1.7", "fd00:1::7"},
	.observed = {"203.0.113.5:4000", "[2001:db8:5::7]:4000"},
	.forbidden = {"203.0.113.99:53", "192.168.1.9:22"}};

/* In a network whose rendezvous is inside it. */
static const struct place office = {.servers = {"10.0.0.1:3478"}, .locals = {"10.1.2.3"}};

/* On the machine that the rendezvous runs on. */
static const struct place same_machine = {
	.servers = {"127.0.0.1:3478"}, .locals = {"192.168.1.7"}};

static void allows_public_addresses(void **state)
{
	(void)state;
	assert_true(allowed(&home, "192.0.2.1:1", "192.0.2.1:1"));
	assert_true(allowed(&home, "192.0.2.1:1", ""));
	assert_true(allowed(&home, "192.0.2.1:65535", "198.51.100.9:4"));
	assert_true(allowed(&home, "[2001:db8::1]:9", ""));
}

static void refuses_what_is_nobodys(void **state)
{
	static const char *const bad[] = {"192.0.2.1:0", "0.0.0.0:9", "0.1.2.3:9",
		"224.0.0.1:9", "239.255.255.250:1900", "255.255.255.255:9", "240.0.0.1:9",
		"[::]:9", "[ff02::1]:9", "[::ffff:192.0.2.1]:9", "[::ffff:127.0.0.1]:9",
		"[fe80::1]:9", "169.254.169.254:80"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (allowed(&home, bad[i], "203.0.113.5:1") ||
			allowed(&home, bad[i], bad[i]) ||
			allowed(&same_machine, bad[i], bad[i]))
			fail_msg("%s is allowed", bad[i]);
	}
	assert_false(allowed(&home, "", "203.0.113.5:1"));
}

static void never_sends_to_the_forbidden(void **state)
{
	(void)state;
	assert_false(allowed(&home, "203.0.113.99:53", "203.0.113.99:53"));
	assert_true(allowed(&home, "203.0.113.99:54", "203.0.113.99:53"));
	assert_false(allowed(&home, "192.168.1.9:22", "203.0.113.5:1"));
	assert_true(allowed(&home, "192.168.1.9:23", ""));
}

static void reaches_its_own_subnet(void **state)
{
	(void)state;
	assert_true(allowed(&home, "192.168.1.200:9", ""));
	assert_true(allowed(&home, "192.168.1.200:9", "198.51.100.9:4"));
	assert_false(allowed(&home, "192.168.2.200:9", ""));
	assert_true(allowed(&home, "[fd00:1::ffff]:9", ""));
	assert_false(allowed(&home, "[fd00:1:0:1::7]:9", ""));
}

/* RFC 1918, 6598 and 4193 alike: elsewhere only for who is behind the same NAT. */
static void reaches_private_ones_behind_the_same_nat(void **state)
{
	static const char *const private[] = {"10.9.9.9:9", "172.16.0.1:9",
		"172.31.255.255:9", "192.168.77.1:9", "100.64.0.1:9", "[fd77::1]:9"};

	(void)state;
	for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
		assert_true(allowed(&home, private[i], "203.0.113.5:61000"));
		assert_true(allowed(&home, private[i], "[2001:db8:5::7]:9"));
		assert_false(allowed(&home, private[i], "203.0.113.6:4000"));
		assert_false(allowed(&home, private[i], "[2001:db8:5::8]:9"));
		assert_false(allowed(&home, private[i], ""));
		/* A rendezvous on the Internet cannot see anyone there. */
		assert_false(allowed(&home, private[i], private[i]));
	}
	assert_true(allowed(&home, "172.32.0.1:9", "")); /* is public */
	assert_true(allowed(&home, "100.128.0.1:9", ""));
}

static void believes_a_rendezvous_of_its_own_network(void **state)
{
	(void)state;
	assert_true(allowed(&office, "10.200.0.9:9", "10.200.0.9:9"));
	assert_true(allowed(&office, "10.200.0.9:10", "10.200.0.9:9")); /* same machine */
	assert_false(allowed(&office, "10.200.0.10:9", "10.200.0.9:9"));
	assert_false(allowed(&office, "10.200.0.9:9", "192.0.2.1:9"));
	assert_true(allowed(&same_machine, "10.200.0.9:9", "10.200.0.9:9"));
	assert_false(allowed(&same_machine, "10.200.0.9:9", "10.200.0.8:9"));
}

static void keeps_to_one_machine_for_loopback(void **state)
{
	(void)state;
	assert_true(allowed(&same_machine, "127.0.0.1:9", "127.0.0.1:9"));
	assert_true(allowed(&same_machine, "127.0.0.1:10", "127.0.0.1:9"));
	assert_false(allowed(&same_machine, "127.0.0.1:0", "127.0.0.1:9"));
	assert_false(allowed(&same_machine, "127.0.0.1:9", "192.168.1.8:9"));
	assert_false(allowed(&same_machine, "127.0.0.1:9", ""));
	assert_false(allowed(&home, "127.0.0.1:9", "127.0.0.1:9"));
	assert_false(allowed(&home, "[::1]:9", "[::1]:9"));
	assert_false(allowed(&office, "127.0.0.1:9", "127.0.0.1:9"));
}

/* A dialled address of an Internet rendezvous is believed for nothing private, even when
 * this machine's own observed address is unknown. */
static void believes_nothing_without_grounds(void **state)
{
	const struct place bare = {.servers = {"198.51.100.1:3478"}};

	(void)state;
	assert_false(allowed(&bare, "10.0.0.1:9", "10.0.0.1:9"));
	assert_false(allowed(&bare, "192.168.1.1:80", ""));
	assert_true(allowed(&bare, "192.0.2.1:9", ""));
}

/* Offers. */

static struct service service;
static struct credentials credentials;

static int make_service(void **state)
{
	(void)state;
	seed = 20;
	service_generate(&service, &entropy);
	credentials_of(&credentials, &service);
	return 0;
}

static struct candidates some(unsigned count)
{
	struct candidates list;

	memset(&list, 0, sizeof(list));
	for (unsigned i = 0; i < count; i++) {
		struct addr a = i % 2 ? address("[2001:db8::1]:1") : address("192.0.2.1");

		a.port = (uint16_t)(1000 + i);
		assert_true(candidates_add(&list, &a, CANDIDATE_LOCAL + i % 3));
	}
	return list;
}

static void expect_candidates(const struct candidates *a, const struct candidates *b)
{
	assert_int_equal(a->count, b->count);
	for (unsigned i = 0; i < a->count; i++) {
		assert_true(addr_equal(&a->of[i].addr, &b->of[i].addr));
		assert_int_equal(a->of[i].kind, b->of[i].kind);
	}
}

static void carries_guest_offers(void **state)
{
	uint8_t sealed[PAYLOAD_MAX];
	struct guest_offer back;

	(void)state;
	for (unsigned count = 0; count <= 8; count++) {
		const struct guest_offer offer = {.trial = (uint8_t)(250 + count),
			.behaviour = {.mapping = BEHAVIOUR_FIXED, .probes = 756},
			.candidates = some(count)};
		size_t len =
			guest_offer_seal(sealed, &offer, &credentials, attempt, &entropy);

		assert_int_equal(len, 16 + 12 + 20 * count + 16);
		assert_true(guest_offer_open(&back, sealed, len, &credentials, attempt));
		assert_int_equal(back.trial, offer.trial);
		assert_int_equal(back.behaviour.mapping, BEHAVIOUR_FIXED);
		assert_int_equal(back.behaviour.probes, 756);
		expect_candidates(&back.candidates, &offer.candidates);
	}
}

static size_t seal_host(uint8_t *out, uint8_t sequence)
{
	struct host_offer offer = {
		.behaviour = {.mapping = BEHAVIOUR_RANDOM}, .candidates = some(8)};

	crypto_x25519_public(offer.host_static, service.host_static);
	return host_offer_seal(
		out, &offer, &service, &credentials, attempt, sequence, &entropy);
}

static bool open_host(struct host_offer *offer, const uint8_t *sealed, size_t len)
{
	return host_offer_open(
		offer, sealed, len, &credentials, attempt, service.instance, 3);
}

static void carries_host_offers(void **state)
{
	const struct candidates expected = some(8);
	uint8_t sealed[PAYLOAD_MAX], public[32];
	struct host_offer back;
	size_t len = seal_host(sealed, 3);

	(void)state;
	assert_int_equal(len, 16 + 32 + 64 + 11 + 20 * 8 + 16);
	assert_true(open_host(&back, sealed, len));
	crypto_x25519_public(public, service.host_static);
	assert_memory_equal(back.host_static, public, 32);
	assert_int_equal(back.behaviour.mapping, BEHAVIOUR_RANDOM);
	expect_candidates(&back.candidates, &expected);
}

static void opens_nothing_that_was_changed(void **state)
{
	uint8_t sealed[PAYLOAD_MAX], changed[PAYLOAD_MAX + 1] = {0};
	struct host_offer back;
	size_t len = seal_host(sealed, 3);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		memcpy(changed, sealed, len);
		changed[i] ^= 0x10;
		assert_false(open_host(&back, changed, len));
	}
	memcpy(changed, sealed, len);
	for (size_t shorter = 0; shorter < len; shorter++)
		assert_false(open_host(&back, changed, shorter));
	assert_false(open_host(&back, changed, len + 1));
	assert_false(open_host(&back, changed, sizeof(changed)));
	assert_true(open_host(&back, changed, len));
}

static void ties_offers_to_their_place(void **state)
{
	const struct guest_offer offer = {.candidates = some(1)};
	uint8_t sealed[PAYLOAD_MAX], other[16] = {9};
	struct credentials stranger = credentials;
	struct guest_offer guest;
	struct host_offer back;
	size_t len = seal_host(sealed, 3);

	(void)state;
	assert_false(host_offer_open(
		&back, sealed, len, &credentials, other, service.instance, 3));
	assert_false(
		host_offer_open(&back, sealed, len, &credentials, attempt, other, 3));
	assert_false(host_offer_open(
		&back, sealed, len, &credentials, attempt, service.instance, 4));
	stranger.seal_key[0] ^= 1;
	assert_false(host_offer_open(
		&back, sealed, len, &stranger, attempt, service.instance, 3));
	/* A guest's is no host's, and the other way about. */
	assert_false(guest_offer_open(&guest, sealed, len, &credentials, attempt));
	len = guest_offer_seal(sealed, &offer, &credentials, attempt, &entropy);
	assert_false(open_host(&back, sealed, len));
	assert_false(guest_offer_open(&guest, sealed, len, &credentials, other));
	assert_false(guest_offer_open(&guest, sealed, len, &stranger, attempt));
	assert_true(guest_offer_open(&guest, sealed, len, &credentials, attempt));
}

/* Whoever holds a ticket can seal, and yet cannot pose as the host. */
static void wants_the_services_signature(void **state)
{
	struct host_offer offer = {.candidates = some(1)}, back;
	struct service impostor = service;
	uint8_t sealed[PAYLOAD_MAX];
	size_t len;

	(void)state;
	impostor.seed[0] ^= 1;
	len = host_offer_seal(
		sealed, &offer, &impostor, &credentials, attempt, 3, &entropy);
	assert_false(open_host(&back, sealed, len));
	len = host_offer_seal(
		sealed, &offer, &service, &credentials, attempt, 3, &entropy);
	assert_true(open_host(&back, sealed, len));
}

/* The same words twice share no key stream. */
static void seals_differently_each_time(void **state)
{
	uint8_t one[PAYLOAD_MAX], two[PAYLOAD_MAX];
	size_t len = seal_host(one, 3);
	unsigned same = 0;

	(void)state;
	assert_int_equal(seal_host(two, 3), len);
	for (size_t i = 0; i < len; i++)
		same += one[i] == two[i];
	assert_true(same < 20); /* of 289 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_each_once),
		cmocka_unit_test(takes_no_stream),
		cmocka_unit_test(knows_global_ipv6),
		cmocka_unit_test(allows_public_addresses),
		cmocka_unit_test(refuses_what_is_nobodys),
		cmocka_unit_test(never_sends_to_the_forbidden),
		cmocka_unit_test(reaches_its_own_subnet),
		cmocka_unit_test(reaches_private_ones_behind_the_same_nat),
		cmocka_unit_test(believes_a_rendezvous_of_its_own_network),
		cmocka_unit_test(keeps_to_one_machine_for_loopback),
		cmocka_unit_test(believes_nothing_without_grounds),
		cmocka_unit_test(carries_guest_offers),
		cmocka_unit_test(carries_host_offers),
		cmocka_unit_test(opens_nothing_that_was_changed),
		cmocka_unit_test(ties_offers_to_their_place),
		cmocka_unit_test(wants_the_services_signature),
		cmocka_unit_test(seals_differently_each_time),
	};

	return cmocka_run_group_tests(tests, make_service, NULL);
}
