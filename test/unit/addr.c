/* SPDX-License-Identifier: MIT */
#include "core/addr.h"
#include "unit.h"

static struct addr parsed(const char *text)
{
	struct addr a;

	if (!addr_parse(&a, text, 0))
		fail_msg("not parsed: %s", text);
	return a;
}

static void reads_ipv4(void **state)
{
	struct addr expected = {.family = 4, .port = 5, .ip = {1, 2, 3, 4}};
	struct addr a;

	(void)state;
	assert_true(addr_parse(&a, "1.2.3.4:5", 77));
	assert_memory_equal(&a, &expected, sizeof(a));
	expected.port = 77;
	assert_true(addr_parse(&a, "1.2.3.4", 77));
	assert_memory_equal(&a, &expected, sizeof(a));
	a = addr_v4(1, 2, 3, 4, 77);
	assert_memory_equal(&a, &expected, sizeof(a));
}

static void reads_ipv6(void **state)
{
	struct addr expected = {
		.family = 6, .port = 443, .ip = {0x20, 1, 0xd, 0xb8, [15] = 1}};
	struct addr a;

	(void)state;
	assert_true(addr_parse(&a, "[2001:db8::1]:443", 77));
	assert_memory_equal(&a, &expected, sizeof(a));
	expected.port = 77;
	assert_true(addr_parse(&a, "2001:db8::1", 77));
	assert_memory_equal(&a, &expected, sizeof(a));
	assert_true(addr_parse(&a, "[2001:db8::1]", 77));
	assert_memory_equal(&a, &expected, sizeof(a));
}

static void refuses_what_is_no_address(void **state)
{
	static const char *const texts[] = {"", " ", "-", ":", "::1:", ":::", "[", "]",
		"[]", "[]:1", "[::1", "::1]", "[::1]:", "[::1]1", "[::1]x:1", "[::1]::1",
		"[[::1]]", "[::1] :1", "[1.2.3.4]", "[1.2.3.4]:5", "1.2.3", "1.2.3.4.5",
		"1.2.3.256", "01.2.3.4", "0x1.2.3.4", "1.2.3.4:", "1.2.3.4:65536",
		"1.2.3.4:99999", "1.2.3.4:000005", "1.2.3.4:-1", "1.2.3.4:+1",
		"1.2.3.4: 1", "1.2.3.4:1 ", "1.2.3.4:5x", " 1.2.3.4", "1.2.3.4 ",
		"1.2.3.4:5:6", "fe80::1%eth0", "[fe80::1%2]:5", "2001:db8::1::2",
		"12345::", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "localhost",
		"localhost:5", "[1111:2222:3333:4444:5555:6666:7777:8888:9999:a]",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee",
		"::ffff:1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22"};
	struct addr before, a;

	(void)state;
	memset(&before, 0x5a, sizeof(before));
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		a = before;
		if (addr_parse(&a, texts[i], 1))
			fail_msg("taken for an address: \"%s\"", texts[i]);
		assert_memory_equal(&a, &before, sizeof(a));
	}
}

static void knows_the_limits_of_a_port(void **state)
{
	(void)state;
	assert_int_equal(parsed("1.2.3.4:0").port, 0);
	assert_int_equal(parsed("1.2.3.4:00080").port, 80);
	assert_int_equal(parsed("1.2.3.4:65535").port, 65535);
	assert_int_equal(parsed("[::1]:65535").port, 65535);
}

static void refuses_truncated_text(void **state)
{
	static const char text[] = "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535";
	char cut[sizeof(text)];
	struct addr a;

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		/* Whole with its bracket, and from the first digit of the port on. */
		bool good = len == 40 || len >= 42;

		memcpy(cut, text, len);
		cut[len] = '\0';
		if (addr_parse(&a, cut, 1) != good)
			fail_msg("wrong about \"%s\"", cut);
	}
}

static void formats_as_rfc_5952(void **state)
{
	static const char *const pairs[][2] = {
		{"1.2.3.4:5", "1.2.3.4:5"},
		{"0.0.0.0", "0.0.0.0:0"},
		{"255.255.255.255:65535", "255.255.255.255:65535"},
		{"[2001:DB8:0:0:0:0:0:1]:80", "[2001:db8::1]:80"},
		{"[2001:db8:0:1:1:1:1:1]:80", "[2001:db8:0:1:1:1:1:1]:80"},
		{"[2001:0:0:1:0:0:0:1]:80", "[2001:0:0:1::1]:80"},
		{"[2001:db8:0:0:1:0:0:1]:80", "[2001:db8::1:0:0:1]:80"},
		{"::", "[::]:0"},
		{"[::1]:10", "[::1]:10"},
		{"[fe80::1]:9", "[fe80::1]:9"},
		{"[::ffff:1.2.3.4]:5", "[::ffff:1.2.3.4]:5"},
		{"[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
			"[1111:2222:3333:4444:5555:6666:7777:8888]:65535"},
	};
	char text[ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct addr a = parsed(pairs[i][0]);

		assert_ptr_equal(addr_format(text, &a), text);
		assert_string_equal(text, pairs[i][1]);
	}
	assert_string_equal(addr_format(text, &(struct addr){0}), "-");
}

static void reads_back_what_it_formats(void **state)
{
	uint64_t random = random_start();

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct addr a = {.family = i % 2 ? ADDR_V4 : ADDR_V6}, b;
		size_t len = a.family == ADDR_V4 ? 4 : 16;
		char text[ADDR_TEXT_MAX];

		random_bytes(&random, a.ip, len);
		for (size_t k = 0; k < len; k++) /* runs of zeros are what can go wrong */
			a.ip[k] &= random_below(&random, 3) ? 0 : 0xff;
		a.port = (uint16_t)random_u64(&random);
		assert_true(addr_parse(&b, addr_format(text, &a), 0));
		assert_true(addr_equal(&a, &b));
	}
}

static void compares_every_byte(void **state)
{
	struct addr a = parsed("[2001:db8::1]:5");

	(void)state;
	for (size_t i = 0; i < sizeof(a) * 8; i++) {
		struct addr b = a;

		((uint8_t *)&b)[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(addr_equal(&a, &b));
	}
	assert_true(addr_equal(&a, &a));
}

static void compares_the_ip_alone(void **state)
{
	struct addr a = parsed("1.2.3.4:5"), b = parsed("1.2.3.4:6"),
		    c = parsed("1.2.3.5:5");
	struct addr six = {.family = ADDR_V6, .ip = {1, 2, 3, 4}};

	(void)state;
	assert_true(addr_same_ip(&a, &b));
	assert_false(addr_same_ip(&a, &c));
	assert_false(addr_same_ip(&a, &six));
}

enum {
	UNSPECIFIED = 1,
	LOOPBACK = 2,
	LINK_LOCAL = 4,
	PRIVATE = 8,
	MULTICAST = 16,
	MAPPED = 32,
	SENDABLE = 64
};

static int classes(const struct addr *a)
{
	return (addr_is_unspecified(a) ? UNSPECIFIED : 0) |
	       (addr_is_loopback(a) ? LOOPBACK : 0) |
	       (addr_is_link_local(a) ? LINK_LOCAL : 0) |
	       (addr_is_private(a) ? PRIVATE : 0) |
	       (addr_is_multicast(a) ? MULTICAST : 0) |
	       (addr_is_v4_mapped(a) ? MAPPED : 0) | (addr_is_sendable(a) ? SENDABLE : 0);
}

/* Both ends of each range, and the neighbours outside. */
static void classifies(void **state)
{
	static const struct {
		const char *text;
		int classes;
	} table[] = {
		{"0.0.0.0", UNSPECIFIED},
		{"0.0.0.1", 0},
		{"0.255.255.255", 0},
		{"1.0.0.0", SENDABLE},
		{"9.255.255.255", SENDABLE},
		{"10.0.0.0", PRIVATE | SENDABLE},
		{"10.255.255.255", PRIVATE | SENDABLE},
		{"11.0.0.0", SENDABLE},
		{"100.63.255.255", SENDABLE},
		{"100.64.0.0", PRIVATE | SENDABLE},
		{"100.127.255.255", PRIVATE | SENDABLE},
		{"100.128.0.0", SENDABLE},
		{"126.255.255.255", SENDABLE},
		{"127.0.0.0", LOOPBACK},
		{"127.255.255.255", LOOPBACK},
		{"128.0.0.0", SENDABLE},
		{"169.253.255.255", SENDABLE},
		{"169.254.0.0", LINK_LOCAL | PRIVATE},
		{"169.254.255.255", LINK_LOCAL | PRIVATE},
		{"169.255.0.0", SENDABLE},
		{"172.15.255.255", SENDABLE},
		{"172.16.0.0", PRIVATE | SENDABLE},
		{"172.31.255.255", PRIVATE | SENDABLE},
		{"172.32.0.0", SENDABLE},
		{"192.167.255.255", SENDABLE},
		{"192.168.0.0", PRIVATE | SENDABLE},
		{"192.168.255.255", PRIVATE | SENDABLE},
		{"192.169.0.0", SENDABLE},
		{"193.168.0.0", SENDABLE},
		{"223.255.255.255", SENDABLE},
		{"224.0.0.0", MULTICAST},
		{"239.255.255.255", MULTICAST},
		{"240.0.0.0", 0},
		{"255.255.255.255", 0},
		{"::", UNSPECIFIED},
		{"::1", LOOPBACK},
		{"::2", SENDABLE},
		{"1::1", SENDABLE},
		{"2001:db8::1", SENDABLE},
		{"7f00::1", SENDABLE},
		{"a00::1", SENDABLE},
		{"fbff::1", SENDABLE},
		{"fc00::", PRIVATE | SENDABLE},
		{"fdff:ffff::1", PRIVATE | SENDABLE},
		{"fe00::1", SENDABLE},
		{"fe7f:ffff::1", SENDABLE},
		{"fe80::1", LINK_LOCAL | PRIVATE},
		{"febf:ffff::1", LINK_LOCAL | PRIVATE},
		{"fec0::1", SENDABLE},
		{"ff00::", MULTICAST},
		{"ff02::1", MULTICAST},
		{"::ffff:1.2.3.4", MAPPED},
		{"::ffff:127.0.0.1", MAPPED},
		{"::fffe:1.2.3.4", SENDABLE},
		{"::1:ffff:1.2.3.4", SENDABLE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct addr a = parsed(table[i].text);

		assert_false(addr_is_sendable(&a)); /* port 0 */
		a.port = 1;
		if (classes(&a) != table[i].classes)
			fail_msg("%s: %#x, not %#x", table[i].text, (unsigned)classes(&a),
				(unsigned)table[i].classes);
	}
}

static void knows_nothing_without_a_family(void **state)
{
	struct addr none = {.ip = {10, 0, 0, 1}};

	for (unsigned family = 0; family < 256; family++) {
		struct addr a = {
			.family = (uint8_t)family, .port = 1, .ip = {8, 8, 8, 8}};

		assert_int_equal(addr_is_sendable(&a), family == 4 || family == 6);
	}
	assert_int_equal(classes(&none), 0);
	none = addr_network(&none);
	assert_true(addr_equal(&none, &(struct addr){0}));
	(void)state;
}

/* Flipping one bit leaves exactly the prefixes that end before it common. */
static void compares_prefixes_by_bit(void **state)
{
	(void)state;
	for (unsigned family = 4; family <= 6; family += 2) {
		unsigned bits = family == 4 ? 32 : 128;
		struct addr a = parsed(family == 4 ? "203.0.113.7:1" : "[2001:db8::7]:1");

		for (unsigned flipped = 0; flipped < bits; flipped++) {
			struct addr b = a;

			b.ip[flipped / 8] ^= (uint8_t)(0x80 >> flipped % 8);
			b.port = 2;
			for (unsigned n = 0; n <= bits + 9; n++)
				assert_int_equal(
					addr_same_prefix(&a, &b, n), n <= flipped);
		}
		assert_true(addr_same_prefix(&a, &a, UINT32_MAX));
	}
}

static void finds_no_prefix_across_families(void **state)
{
	struct addr four = parsed("1.2.3.4"), six = parsed("102:304::"), none = {0};

	(void)state;
	assert_false(addr_same_prefix(&four, &six, 0));
	assert_false(addr_same_prefix(&none, &none, 0));
}

static void gives_the_network(void **state)
{
	struct addr a = parsed("203.0.113.7:99"), b = parsed("203.0.113.0");
	struct addr c = parsed("[2001:db8:aaaa:bbcc:dddd:eeee:ffff:1]:99");
	struct addr d = parsed("2001:db8:aaaa:bb00::");

	(void)state;
	a = addr_network(&a);
	assert_true(addr_equal(&a, &b));
	c = addr_network(&c);
	assert_true(addr_equal(&c, &d));
}

static void finds_one_among_several(void **state)
{
	const struct addr list[] = {addr_v4(192, 0, 2, 1, 1), addr_v4(192, 0, 2, 1, 2)};
	const struct addr other = addr_v4(192, 0, 2, 1, 3);

	(void)state;
	assert_true(addr_is_among(&list[1], list, 2));
	assert_false(addr_is_among(&list[1], list, 1));
	assert_false(addr_is_among(&other, list, 2));
	assert_false(addr_is_among(&other, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_one_among_several),
		cmocka_unit_test(reads_ipv4),
		cmocka_unit_test(reads_ipv6),
		cmocka_unit_test(refuses_what_is_no_address),
		cmocka_unit_test(knows_the_limits_of_a_port),
		cmocka_unit_test(refuses_truncated_text),
		cmocka_unit_test(formats_as_rfc_5952),
		cmocka_unit_test(reads_back_what_it_formats),
		cmocka_unit_test(compares_every_byte),
		cmocka_unit_test(compares_the_ip_alone),
		cmocka_unit_test(classifies),
		cmocka_unit_test(knows_nothing_without_a_family),
		cmocka_unit_test(compares_prefixes_by_bit),
		cmocka_unit_test(finds_no_prefix_across_families),
		cmocka_unit_test(gives_the_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
