/* SPDX-License-Identifier: MIT */
/* What people type and paste: tickets, service names, addresses, keys. The first byte
 * chooses; what was read must be written as it was read. */
#include "core/ticket.h"

#include "core/addr.h"
#include "fuzz/fuzz.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* True if text is expected with white space around it. */
static bool same_but_for_space(const char *text, const char *expected)
{
	size_t len = strlen(expected);

	while (is_space(*text))
		text++;
	if (strncmp(text, expected, len) != 0)
		return false;
	for (text += len; is_space(*text);)
		text++;
	return *text == '\0';
}

static void try_ticket(const char *text)
{
	struct ticket ticket, again;
	char written[TICKET_TEXT_MAX];
	const char *wrong = ticket_decode(&ticket, text);

	if (wrong != NULL) {
		REQUIRE(strlen(wrong) > 0);
		return;
	}
	ticket_encode(written, &ticket);
	REQUIRE(same_but_for_space(text, written));
	REQUIRE(ticket_decode(&again, written) == NULL);
	REQUIRE(memcmp(ticket.service, again.service, sizeof(ticket.service)) == 0);
	REQUIRE(memcmp(ticket.secret, again.secret, sizeof(ticket.secret)) == 0);
	REQUIRE(strcmp(ticket.servers, again.servers) == 0);
}

static void try_name(const char *text)
{
	uint8_t service[CRYPTO_KEY_SIZE];
	char written[SERVICE_NAME_MAX];

	if (!service_name_decode(service, text))
		return;
	service_name_encode(written, service);
	REQUIRE(strcmp(written, text) == 0);
}

static void try_addr(const char *text)
{
	const struct addr untouched = {.family = 99};
	struct addr a = untouched, b;
	char written[ADDR_TEXT_MAX];

	if (!addr_parse(&a, text, 3478)) {
		REQUIRE(addr_equal(&a, &untouched));
		return;
	}
	REQUIRE(addr_format(written, &a) == written && strlen(written) < ADDR_TEXT_MAX);
	REQUIRE(addr_parse(&b, written, 1) && addr_equal(&a, &b));
	REQUIRE(!addr_is_sendable(&a) || (a.port != 0 && !addr_is_multicast(&a)));
}

static void try_key(const char *text)
{
	unsigned bits = key_strength(text);

	REQUIRE(bits <= 8 * strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = input_over(data, size);
	uint8_t what = input_u8(&in);
	char *text = fuzz_text(in.at, in.left);

	switch (what % 4) {
	case 0: try_ticket(text); break;
	case 1: try_name(text); break;
	case 2: try_addr(text); break;
	default: try_key(text);
	}
	free(text);
	return 0;
}
