/* SPDX-License-Identifier: MIT */
/* Tickets as text, and what is said of those that are none. */
#include "core/ticket.h"
#include "unit.h"

#define ZEROS                                                                            \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"                                    \
	"AAAAAAAAAAAAAAAAAAAAA"

static struct ticket sample(const char *servers)
{
	struct ticket t = {.servers = ""};

	for (unsigned i = 0; i < 32; i++)
		t.service[i] = (uint8_t)i;
	for (unsigned i = 0; i < 16; i++)
		t.secret[i] = (uint8_t)(0xff - i);
	memcpy(t.servers, servers, strlen(servers) + 1);
	return t;
}

/* RFC 4648, section 5: the text was made with Python's base64.urlsafe_b64encode. */
static void writes_the_line_drawn(void **state)
{
	const struct ticket t = sample("rdv.example.net:3478,[2001:db8::1]:9");
	char text[TICKET_TEXT_MAX];

	(void)state;
	ticket_encode(text, &t);
	assert_string_equal(text,
		"eyelet:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh___v38-_r5-Pf29fTz8vHw"
		"@rdv.example.net:3478,[2001:db8::1]:9");
}

static void comes_back_as_it_went(void **state)
{
	uint64_t random = random_start();
	char text[TICKET_TEXT_MAX], servers[TICKET_SERVERS_MAX + 1];
	struct ticket t, back;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		size_t len = 1 + random_below(&random, TICKET_SERVERS_MAX);

		memset(servers, 'a' + (int)random_below(&random, 26), len);
		servers[len] = '\0';
		t = sample(servers);
		random_bytes(&random, t.service, sizeof(t.service));
		random_bytes(&random, t.secret, sizeof(t.secret));
		ticket_encode(text, &t);
		assert_int_equal(strlen(text), 7 + 64 + 1 + len);
		memset(&back, 0, sizeof(back));
		assert_null(ticket_decode(&back, text));
		assert_memory_equal(back.service, t.service, sizeof(t.service));
		assert_memory_equal(back.secret, t.secret, sizeof(t.secret));
		assert_string_equal(back.servers, t.servers);
	}
}

static void ignores_white_space_around(void **state)
{
	struct ticket t;

	(void)state;
	assert_null(ticket_decode(&t, " \t\r\neyelet:" ZEROS "@h \r\n\t"));
	assert_string_equal(t.servers, "h");
	assert_non_null(ticket_decode(&t, "eyelet:" ZEROS "@h h"));
	assert_non_null(ticket_decode(&t, "eyelet: " ZEROS "@h"));
}

static void says_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "start"},
		{" ", "start"},
		{"eyelet", "start"},
		{"Eyelet:" ZEROS "@h", "start"},
		{"eyelets:" ZEROS "@h", "start"},
		{"eyelet:", "64 characters"},
		{"eyelet:@h", "64 characters"},
		{"eyelet:AAAA@h", "64 characters"},
		{"eyelet:+" ZEROS "@h", "64 characters"},
		{"eyelet:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
		 "@h",
			"64 characters"},
		{"eyelet:" ZEROS, "is missing"},
		{"eyelet:" ZEROS "A@h", "is missing"},
		{"eyelet:" ZEROS "h", "is missing"},
		{"eyelet:" ZEROS "@", "not a list"},
		{"eyelet:" ZEROS "@,h", "not a list"},
		{"eyelet:" ZEROS "@h,", "not a list"},
		{"eyelet:" ZEROS "@h,,h", "not a list"},
		{"eyelet:" ZEROS "@h/path", "not a list"},
		{"eyelet:" ZEROS "@h;rm", "not a list"},
		{"eyelet:" ZEROS "@h\nh", "not a list"},
		{"eyelet:" ZEROS "@caf\xc3\xa9", "not a list"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ticket t = sample("old"), before = t;
		const char *why = ticket_decode(&t, cases[i].text);

		if (why == NULL || strstr(why, cases[i].says) == NULL)
			fail_msg("\"%s\": %s", cases[i].text, why ? why : "taken");
		assert_memory_equal(&t, &before, sizeof(t)); /* untouched */
	}
}

static void takes_lists_up_to_255_characters(void **state)
{
	char text[512];
	struct ticket t;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "eyelet:" ZEROS "@", 72);
	text[72 + 255] = '\0';
	assert_null(ticket_decode(&t, text));
	assert_int_equal(strlen(t.servers), 255);
	text[72 + 255] = 'a';
	text[72 + 256] = '\0';
	assert_non_null(ticket_decode(&t, text));
}

/* Whatever somebody pastes: no crash, and no list that ticket_encode could not write. */
static void takes_no_harm_from_any_text(void **state)
{
	static const char some[] = "eyelet:AZaz09-_@,.[]% \n\x01\xff";
	uint64_t random = random_start();
	char text[400];
	struct ticket t;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		size_t len = random_below(&random, sizeof(text));
		size_t keep = random_below(&random, 2) ? 72 : 0;

		for (size_t at = 0; at < len; at++)
			text[at] = some[random_below(&random, sizeof(some) - 1)];
		if (len >= keep)
			memcpy(text, "eyelet:" ZEROS "@", keep);
		text[len] = '\0';
		if (ticket_decode(&t, text) == NULL)
			assert_in_range(strlen(t.servers), 1, TICKET_SERVERS_MAX);
	}
}

static void names_services_in_43_characters(void **state)
{
	uint8_t service[32], back[32];
	char text[SERVICE_NAME_MAX];

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		service[i] = (uint8_t)(255 - 7 * i);
	service_name_encode(text, service);
	assert_string_equal(text, "__jx6uPc1c7HwLmyq6Sdlo-IgXpzbGVeV1BJQjs0LSY");
	assert_true(service_name_decode(back, text));
	assert_memory_equal(back, service, 32);
	assert_false(service_name_decode(back, ""));
	assert_false(
		service_name_decode(back, "__jx6uPc1c7HwLmyq6SdlO-IgXpzbGVeV1BJQjs0LS"));
	assert_false(service_name_decode(
		back, "__jx6uPc1c7HwLmyq6SdlO-IgXpzbGVeV1BJQjs0LSYA"));
	text[42] = 'Z'; /* whose unused bits are not 0: one name has one text */
	assert_false(service_name_decode(back, text));
	text[42] = '=';
	assert_false(service_name_decode(back, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_line_drawn),
		cmocka_unit_test(comes_back_as_it_went),
		cmocka_unit_test(ignores_white_space_around),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(takes_lists_up_to_255_characters),
		cmocka_unit_test(takes_no_harm_from_any_text),
		cmocka_unit_test(names_services_in_43_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
