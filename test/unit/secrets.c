/* SPDX-License-Identifier: MIT */
/* What is derived from a ticket's secret and from a text key. The expected bytes were made
 * with Python's hashlib and hmac (RFC 5869, RFC 7914). */
#include "core/secrets.h"
#include "unit.h"

static void fill_random(void *arg, uint8_t *bytes, size_t len)
{
	random_bytes(arg, bytes, len);
}

static void fill_counting(void *arg, uint8_t *bytes, size_t len)
{
	uint8_t step = *(const uint8_t *)arg;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(step * i);
}

static void derives_credentials(void **state)
{
	uint8_t service[32], secret[16], public[32];
	struct credentials c;

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		service[i] = (uint8_t)i;
	for (unsigned i = 0; i < 16; i++)
		secret[i] = (uint8_t)(255 - i);
	credentials_derive(&c, service, secret);
	assert_memory_equal(c.service, service, 32);
	assert_hex(c.asking_seed, 32,
		"6580c21d98e1c1aea6bd7cc3a178fe3ea7046f7c4127b72d5dd338208d5b5fe7");
	assert_hex(c.psk, 32,
		"c3f6049f3bddb4ee3a7d38d3d063f48927454186bbe9d1baa0ba997d4ffad9ad");
	assert_hex(c.seal_key, 32,
		"886eb18d91d5948c4fe7ccd3050ead23929b95207545db7886c89cc9ed991bd6");
	assert_hex(c.mac_key, 32,
		"ab3329a7ba2fa3971cdadbef537c2b78dadfed0c54ca9c18c72842060f090657");
	crypto_ed25519_public(public, c.asking_seed);
	assert_memory_equal(c.asking_public, public, 32);
}

/* Host and guest come to the same, from the service and from the ticket. */
static void agrees_on_both_sides(void **state)
{
	uint64_t random = random_start();
	const struct entropy entropy = {fill_random, &random};
	struct credentials host, guest;
	struct service s;
	uint8_t public[32];

	(void)state;
	service_generate(&s, &entropy);
	credentials_of(&host, &s);
	crypto_ed25519_public(public, s.seed);
	credentials_derive(&guest, public, s.secret);
	assert_memory_equal(&host, &guest, sizeof(host));
	s.instance[0] ^= 1; /* another host of the same service */
	s.host_static[0] ^= 1;
	credentials_of(&guest, &s);
	assert_memory_equal(&host, &guest, sizeof(host));
	s.secret[15] ^= 1;
	credentials_of(&guest, &s);
	assert_memory_not_equal(host.psk, guest.psk, 32);
	assert_memory_not_equal(host.mac_key, guest.mac_key, 32);
	assert_memory_not_equal(host.seal_key, guest.seal_key, 32);
	assert_memory_not_equal(host.asking_seed, guest.asking_seed, 32);
	assert_memory_equal(host.service, guest.service, 32);
}

static void generates_every_byte_at_random(void **state)
{
	uint64_t random = random_start();
	const struct entropy entropy = {fill_random, &random};
	uint8_t seen[sizeof(struct service)] = {0}, all[sizeof(struct service)];
	struct service s;

	(void)state;
	memset(all, 0xff, sizeof(all));
	for (unsigned i = 0; i < 64; i++) {
		service_generate(&s, &entropy);
		for (size_t at = 0; at < sizeof(s); at++)
			seen[at] |= ((const uint8_t *)&s)[at];
	}
	assert_memory_equal(seen, all, sizeof(all)); /* fails once in 2^53 runs */
}

static void derives_a_service_from_a_text_key(void **state)
{
	const uint8_t zeros[INSTANCE_SIZE] = {0};
	struct service s;

	(void)state;
	memset(&s, 0xff, sizeof(s));
	assert_true(service_from_key(&s, "correct horse"));
	assert_hex(s.seed, 32,
		"03a0b3a9f4507ec6f81298958eb7c9a920920bc95bafc7c3db5db0767c65fa55");
	assert_hex(s.host_static, 32,
		"7c46d5625b7008d00739dcc70f510e0e7aa19fa9b129a6ccad3fd991b3df7008");
	assert_hex(s.secret, 16, "70462f9122db81906d621f158d30622c");
	assert_memory_equal(s.instance, zeros, sizeof(zeros));
}

/* Two people with one passphrase and different names have different services; further
 * colons belong to the passphrase. */
static void salts_with_the_name(void **state)
{
	struct service s, other;

	(void)state;
	assert_true(service_from_key(&s, "name:correct horse"));
	assert_hex(s.seed, 32,
		"aa396c0a27075f0dbff3dd48eaf190585c7f84f816213db7bb485b363860174e");
	assert_hex(s.secret, 16, "5cf5330e14b3c387b7bb6886288f2fcb");
	assert_true(service_from_key(&other, "name:correct:horse"));
	assert_memory_not_equal(other.seed, s.seed, 32);
	assert_true(service_from_key(&other, ":correct horse"));
	assert_true(service_from_key(&s, "correct horse")); /* no name is the empty one */
	assert_memory_equal(&other, &s, sizeof(s));
}

static void writes_keys_in_groups(void **state)
{
	uint8_t step = 15;
	const struct entropy entropy = {fill_counting, &step};
	char text[GENERATED_KEY_MAX];

	(void)state;
	key_generate(text, &entropy);
	assert_string_equal(text, "aahr4-lj4jn-ngs6e-hs2s3-jq6s4h");
}

/* The value of a base-32 character (RFC 4648). */
static unsigned digit_of(char c)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	const char *at = strchr(digits, c);

	assert_non_null(at);
	return (unsigned)(at - digits) % 32;
}

static void puts_128_random_bits_into_keys(void **state)
{
	uint64_t random = random_start();
	const struct entropy entropy = {fill_random, &random};
	unsigned seen[26] = {0};
	char text[GENERATED_KEY_MAX];

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		unsigned at = 0;

		key_generate(text, &entropy);
		assert_int_equal(strlen(text), 30);
		assert_true(key_strength(text) >= 60);
		for (const char *p = text; *p != '\0'; p++)
			if (*p != '-')
				seen[at++] |= UINT32_C(1) << digit_of(*p);
		assert_int_equal(at, 26);
	}
	for (unsigned i = 0; i < 26; i++)
		assert_int_equal(seen[i], UINT32_MAX); /* each character is any of 32 */
}

static void estimates_without_flattery(void **state)
{
	static const struct {
		const char *key;
		unsigned bits;
	} cases[] = {
		{"", 0},
		{"a", 2},
		{"1234", 3},             /* one digit, and what follows it */
		{"87654321", 3},         /* downwards too */
		{"aaaaaaaaaaaaaaaa", 2}, /* the same again */
		{"password", 17},        /* 7 letters of 2.5 bits */
		{"abababababababababababababab", 2},
		{"1472583690", 33},
		{"acacacacacacacacacacacac", 15}, /* two letters count thrice */
		{"acacacacacac", 15},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(key_strength(cases[i].key), cases[i].bits);
	assert_true(key_strength("Tr0ub4dor&3") < 60);
	assert_true(key_strength("correct horse battery staple") >= 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_credentials),
		cmocka_unit_test(agrees_on_both_sides),
		cmocka_unit_test(generates_every_byte_at_random),
		cmocka_unit_test(derives_a_service_from_a_text_key),
		cmocka_unit_test(salts_with_the_name),
		cmocka_unit_test(writes_keys_in_groups),
		cmocka_unit_test(puts_128_random_bits_into_keys),
		cmocka_unit_test(estimates_without_flattery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
