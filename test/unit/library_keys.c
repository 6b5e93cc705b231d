/* SPDX-License-Identifier: MIT */
/* What eyelet.h has beside its machines: version, errors, addresses, keys, tickets. */
#include <eyelet.h>

#include "unit.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define SECRET "correct horse battery staple, and then some"

static uint64_t seed;
static struct eyelet_entropy entropy;
static struct eyelet_service service;

static void seeded_fill(void *arg, uint8_t *bytes, size_t len)
{
	random_bytes(arg, bytes, len);
}

static int begin(void **state)
{
	(void)state;
	seed = 20;
	entropy = (struct eyelet_entropy){seeded_fill, &seed};
	return eyelet_service_generate(&service, &entropy);
}

static struct eyelet_addr address(const char *text)
{
	struct eyelet_addr addr;

	assert_int_equal(eyelet_addr_parse(&addr, text, 0), EYELET_OK);
	return addr;
}

/* Basics. */

static void tells_its_version(void **state)
{
	(void)state;
	assert_int_equal(eyelet_version(), EYELET_VERSION_NUMBER);
	assert_string_equal(eyelet_version_text(), EYELET_VERSION);
}

static void names_errors_and_others(void **state)
{
	(void)state;
	assert_string_equal(eyelet_strerror(EYELET_ENOMEM), "out of memory");
	assert_non_null(eyelet_strerror(-1000));
	assert_string_equal(eyelet_strerror(EYELET_OK), eyelet_strerror(5));
	assert_string_equal(eyelet_verdict_name(EYELET_VERDICT_DROP_REPLAY), "replay");
	assert_string_equal(eyelet_event_name(EYELET_EVENT_CONNECTED), "connected");
	assert_string_equal(eyelet_event_name((enum eyelet_event_type)99), "unknown");
	assert_non_null(eyelet_refusal_text(3));
	assert_non_null(eyelet_host_refusal_text(UINT32_MAX));
}

static void converts_addresses(void **state)
{
	struct eyelet_addr addr = address("[2001:db8::1]:53"), back;
	struct sockaddr_storage system;
	char text[EYELET_ADDR_TEXT_MAX];
	int len;

	(void)state;
	assert_string_equal(eyelet_addr_format(text, &addr), "[2001:db8::1]:53");
	len = eyelet_addr_to_sockaddr(&addr, (struct sockaddr *)&system, sizeof(system));
	assert_int_equal(len, sizeof(struct sockaddr_in6));
	assert_int_equal(
		eyelet_addr_from_sockaddr(&back, (struct sockaddr *)&system), EYELET_OK);
	assert_memory_equal(&addr, &back, sizeof(addr));
	assert_int_equal(eyelet_addr_to_sockaddr(&addr, (struct sockaddr *)&system, 16),
		EYELET_EINVAL);
	assert_int_equal(eyelet_addr_parse(&addr, "example.net", 0), EYELET_EADDRESS);
	system.ss_family = AF_UNIX;
	assert_int_equal(eyelet_addr_from_sockaddr(&back, (struct sockaddr *)&system),
		EYELET_EADDRESS);
}

/* Keys and tickets. */

static void carries_tickets_as_text(void **state)
{
	struct eyelet_ticket ticket, back;
	char text[EYELET_TICKET_TEXT_MAX], name[EYELET_SERVICE_NAME_MAX];
	uint8_t public_key[EYELET_KEY_SIZE];
	const char *why = "";

	(void)state;
	assert_int_equal(
		eyelet_ticket_from_service(&ticket, &service, "rdv.example.net"), 0);
	assert_int_equal(eyelet_ticket_encode(text, &ticket), EYELET_OK);
	assert_int_equal(eyelet_ticket_decode(&back, text, &why), EYELET_OK);
	assert_null(why);
	assert_memory_equal(&ticket, &back, sizeof(back));
	eyelet_service_name_encode(name, ticket.service);
	assert_int_equal(eyelet_service_name_decode(public_key, name), EYELET_OK);
	assert_memory_equal(public_key, ticket.service, sizeof(public_key));
	assert_int_equal(eyelet_service_name_decode(public_key, "short"), EYELET_ETICKET);
}

static void refuses_bad_tickets(void **state)
{
	struct eyelet_ticket ticket;
	char text[EYELET_TICKET_TEXT_MAX];
	char list[EYELET_SERVERS_MAX + 1];
	const char *why = NULL;

	(void)state;
	assert_int_equal(eyelet_ticket_decode(&ticket, "needle:", &why), EYELET_ETICKET);
	assert_non_null(why);
	assert_int_equal(eyelet_ticket_decode(&ticket, "", NULL), EYELET_ETICKET);
	assert_int_equal(
		eyelet_ticket_from_service(&ticket, &service, "a b"), EYELET_ETICKET);
	assert_int_equal(
		eyelet_ticket_from_service(&ticket, &service, ""), EYELET_ETICKET);
	memset(list, 'a', sizeof(list));
	list[EYELET_SERVERS_MAX] = '\0';
	assert_int_equal(
		eyelet_ticket_from_service(&ticket, &service, list), EYELET_ETICKET);
	memset(ticket.servers, 'a', sizeof(ticket.servers)); /* it does not end */
	assert_int_equal(eyelet_ticket_encode(text, &ticket), EYELET_ETICKET);
}

static void derives_from_text_keys(void **state)
{
	struct eyelet_service one, two;
	struct eyelet_ticket by_service, by_key;
	char key[EYELET_KEY_TEXT_MAX];

	(void)state;
	assert_int_equal(eyelet_service_from_key(&one, SECRET, &entropy), EYELET_OK);
	assert_int_equal(eyelet_service_from_key(&two, SECRET, &entropy), EYELET_OK);
	assert_memory_equal(one.bytes, two.bytes, EYELET_SERVICE_SIZE - 16);
	assert_memory_not_equal(one.bytes + 80, two.bytes + 80, 16);
	assert_int_equal(eyelet_ticket_from_service(&by_service, &one, "h"), EYELET_OK);
	assert_int_equal(eyelet_ticket_from_key(&by_key, SECRET, "h"), EYELET_OK);
	assert_memory_equal(&by_service, &by_key, sizeof(by_key));
	assert_int_equal(eyelet_ticket_from_key(&by_key, "", "h"), EYELET_EINVAL);
	assert_int_equal(eyelet_key_generate(key, &entropy), EYELET_OK);
	assert_true(eyelet_key_strength(key) >= 40);
	assert_true(eyelet_key_strength("1234") < 40);
}

static void wants_randomness(void **state)
{
	const struct eyelet_entropy none = {NULL, NULL}, real = {eyelet_random, NULL};
	struct eyelet_service other;
	char key[EYELET_KEY_TEXT_MAX];
	uint8_t zeros[EYELET_SERVICE_SIZE] = {0};

	(void)state;
	assert_int_equal(eyelet_service_generate(&other, &none), EYELET_EINVAL);
	assert_int_equal(eyelet_service_from_key(&other, SECRET, &none), EYELET_EINVAL);
	assert_int_equal(eyelet_key_generate(key, &none), EYELET_EINVAL);
	assert_int_equal(eyelet_service_generate(&other, &real), EYELET_OK);
	assert_memory_not_equal(other.bytes, service.bytes, sizeof(service.bytes));
	eyelet_wipe(&other, sizeof(other));
	assert_memory_equal(other.bytes, zeros, sizeof(zeros));
}

static void tells_time_that_goes_on(void **state)
{
	uint64_t before = eyelet_now();

	(void)state;
	assert_true(before > 0);
	assert_true(eyelet_now() >= before);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tells_its_version),
		TEST(names_errors_and_others),
		TEST(converts_addresses),
		TEST(carries_tickets_as_text),
		TEST(refuses_bad_tickets),
		TEST(derives_from_text_keys),
		TEST(wants_randomness),
		TEST(tells_time_that_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
