/* SPDX-License-Identifier: MIT */
/* What somebody can make a rendezvous send to others. A whole life is recorded: cookies,
 * registrations, refreshes, asks, answers, channels and what goes over them. Then all of it
 * comes again, whole and mangled, from a thousand forged addresses and from those of the
 * parties; and every byte is booked, by address.
 *
 * EYELET_DATAGRAMS says how many come (100,000). */
#include <uthash.h>

#include "asking.h"
#include "core/channel.h"
#include "core/relay.h"

#define FORGED   1000
#define CAPTURES 512
#define HOSTS    3
#define GUESTS   6
#define LONGEST  1200

struct capture {
	struct addr from;
	uint8_t bytes[LONGEST];
	size_t len;
};

struct account {
	struct addr addr;
	uint64_t in, out;
	bool party;
	UT_hash_handle hh;
};

static struct asking a;
static uint64_t random_state;
static struct capture captures[CAPTURES];
static unsigned capture_count;
static struct account *accounts;
static uint64_t in_all, out_all, stun_all, passed_all;
static uint32_t channels[GUESTS];
static uint8_t tokens[HOSTS][TOKEN_SIZE];

/* The books. */

static struct account *account_of(const struct addr *addr)
{
	struct account *account;

	HASH_FIND(hh, accounts, addr, sizeof(*addr), account);
	if (account == NULL) {
		account = calloc(1, sizeof(*account));
		assert_non_null(account);
		account->addr = *addr;
		HASH_ADD(hh, accounts, addr, sizeof(account->addr), account);
	}
	return account;
}

static void book(const struct addr *to, const uint8_t *bytes, size_t len)
{
	struct account *account = account_of(to);

	if (len <= 44 && stun_is_message(bytes, len)) {
		stun_all++;
		return;
	}
	account->out += len;
	out_all += len;
	if (account->party)
		return;
	if (account->out > account->in)
		print_message("type %u of %zu bytes: %llu for %llu\n", bytes[0], len,
			(unsigned long long)account->out,
			(unsigned long long)account->in);
	assert_true(account->out <= account->in);
}

/* A datagram comes from there, by that socket of the rendezvous. */
static void come(
	const struct addr *from, uint32_t socket, const uint8_t *bytes, size_t len)
{
	struct path path = {.socket = socket, .local = a.local, .remote = *from}, to;
	uint8_t *exact = malloc(len ? len : 1);
	struct datagram d;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	path.local.port = (uint16_t)(path.local.port + socket);
	account_of(from)->in += len;
	in_all += len;
	if (!channel_is(exact, len)) {
		(void)rendezvous_input(a.r, &path, exact, len, a.now);
	} else if (rendezvous_relay(a.r, &path, exact, len, a.now, &to) ==
		   VERDICT_DELIVER) {
		book(&to.remote, exact, len);
		passed_all++;
	}
	while (rendezvous_output(a.r, &d, a.now))
		book(&d.path.remote, d.data, d.len);
	assert_true(out_all <= in_all);
	free(exact);
}

/* The life. */

static struct addr host_at(unsigned i)
{
	return addr_v4(198, 51, 100, (uint8_t)(10 + i), 40000);
}

static struct addr guest_at(unsigned i)
{
	return addr_v4(203, 0, 113, (uint8_t)(20 + i), 41000);
}

static void capture(const struct addr *from, const uint8_t *bytes, size_t len)
{
	struct capture *c = &captures[capture_count++ % CAPTURES];

	assert_true(len <= LONGEST);
	*c = (struct capture){.from = *from, .len = len};
	memcpy(c->bytes, bytes, len);
	account_of(from)->in += len;
	in_all += len;
}

/* What was just answered: an onlooker has that as well, and may send it. */
static void book_answers(void)
{
	for (unsigned i = 0; i < a.answers; i++) {
		const struct datagram *d = &a.passed[i];
		struct capture *c = &captures[capture_count++ % CAPTURES];

		out_all += d->len;
		*c = (struct capture){.from = d->path.remote, .len = d->len};
		memcpy(c->bytes, d->data, d->len);
	}
}

static void register_host(unsigned i)
{
	static const uint8_t id[ID_SIZE] = {0x4f};
	struct addr from = host_at(i);

	a.service.instance[0] = (uint8_t)i;
	asking_register(&a, &from, tokens[i]);
	book_answers();
	assert_int_equal(asking_lease(&a, &from, MESSAGE_REFRESH, id, tokens[i]),
		VERDICT_CONSUMED);
	book_answers();
}

static void answer(unsigned host, const uint8_t *attempt, uint8_t sequence)
{
	static const uint8_t payload[200] = {0x0e};
	struct addr from = host_at(host);
	struct answer_message m = {
		.sequence = sequence, .payload = payload, .payload_len = sizeof(payload)};
	uint8_t bytes[ANSWER_MAX];

	a.service.instance[0] = (uint8_t)host;
	memcpy(m.service, a.credentials.service, sizeof(m.service));
	memcpy(m.instance, a.service.instance, INSTANCE_SIZE);
	(void)asking_say(
		&a, &from, bytes, answer_encode(bytes, attempt, &m, tokens[host]));
	book_answers();
}

static void note_channel(unsigned guest)
{
	struct answered_message m;

	for (unsigned i = 0; i < a.answers; i++)
		if (message_type(a.passed[i].data) == MESSAGE_ANSWERED &&
			answered_decode(&m, a.passed[i].data, a.passed[i].len))
			channels[guest] = m.channel;
}

static void ask(unsigned guest)
{
	struct addr from = guest_at(guest);
	uint8_t cookie[COOKIE_SIZE], token[TOKEN_SIZE], attempt[ID_SIZE];
	struct addr observed;

	random_bytes(&random_state, attempt, sizeof(attempt));
	asking_cookie(&a, &from, cookie);
	book_answers();
	assert_int_equal(asking_ask(&a, &from, attempt, cookie, NULL), VERDICT_CONSUMED);
	book_answers();
	assert_true(asked_decode(
		token, &observed, asking_to(&a, &from)->data, asking_to(&a, &from)->len));
	(void)asking_ask(&a, &from, attempt, cookie, token);
	book_answers();
	for (unsigned host = 0; host < HOSTS; host++) {
		answer(host, attempt, 0);
		note_channel(guest);
	}
	answer(guest % HOSTS, attempt, 1);
	(void)asking_ask(&a, &from, attempt, cookie, token);
	book_answers();
}

static void talk(unsigned guest)
{
	uint8_t bytes[LONGEST] = {0};
	size_t len = 20 + random_below(&random_state, 300);
	struct addr from = guest_at(guest), host = host_at(HOSTS - 1);

	channel_encode(bytes, channels[guest]);
	capture(&from, bytes, len);
	in_all -= len; /* come books it */
	come(&from, 0, bytes, len);
	come(&host, 0, bytes, len);
}

/* Besides what a life has: questions of other versions, all kinds of STUN, an end. */
static void add_the_rest(void)
{
	static const char *const stun[] = {"00010000 2112a442 b7e7a701bc34d686fa87dfae",
		"00010008 2112a442 b7e7a701bc34d686fa87dfae 0003000400000002",
		"00010008 2112a442 b7e7a701bc34d686fa87dfae 0003000400000000"};
	static const uint8_t types[] = {MESSAGE_COOKIE_ASK, MESSAGE_REGISTER,
		MESSAGE_REFRESH, MESSAGE_ASK, MESSAGE_ANSWER, MESSAGE_UNREGISTER};
	static const uint8_t id[ID_SIZE] = {0x50};
	struct addr from = host_at(0);
	uint8_t bytes[LONGEST] = {0};

	for (unsigned i = 0; i < 3; i++)
		capture(&from, bytes, unhex(bytes, sizeof(bytes), stun[i]));
	for (unsigned i = 0; i < sizeof(types); i++) {
		memset(bytes, 0, sizeof(bytes));
		bytes[0] = 0x80 | types[i];
		bytes[1] = 2;
		capture(&from, bytes, MESSAGE_HEADER_SIZE);
	}
	a.service.instance[0] = 0;
	(void)asking_lease(&a, &from, MESSAGE_UNREGISTER, id, tokens[0]);
	book_answers();
}

static void live(void)
{
	a.saving = true; /* several questions' worth comes back for one */
	for (unsigned i = 0; i < HOSTS; i++)
		register_host(i);
	for (unsigned i = 0; i < GUESTS; i++) {
		ask(i);
		talk(i);
	}
	add_the_rest();
	register_host(0);
}

static void begin(void)
{
	random_state = random_start();
	capture_count = 0;
	in_all = out_all = stun_all = passed_all = 0;
	asking_init(&a);
	a.random = random_state;
	a.said = capture;
	a.config.relay.rate = a.config.relay.rate_all = 100000000;
	asking_start(&a);
	for (uint32_t i = 0; i < 3; i++) {
		struct addr bound = a.local;

		bound.port = (uint16_t)(bound.port + i);
		rendezvous_add_socket(a.r, i, &bound);
	}
	for (unsigned i = 0; i < HOSTS; i++) {
		struct addr host = host_at(i);

		account_of(&host)->party = true;
	}
	for (unsigned i = 0; i < GUESTS; i++) {
		struct addr guest = guest_at(i);

		account_of(&guest)->party = true;
	}
	live();
}

static void finish(void)
{
	struct account *account, *next;

	asking_end(&a);
	HASH_ITER (hh, accounts, account, next) {
		HASH_DEL(accounts, account);
		free(account);
	}
}

/* The attack. */

static struct addr forged_address(void)
{
	unsigned i = (unsigned)random_below(&random_state, FORGED);
	struct addr addr = addr_v4((uint8_t)(11 + i % 50), 7, (uint8_t)(i >> 4),
		(uint8_t)i, (uint16_t)(1024 + i));

	if (i % 4 == 0) { /* of a party's network, or machine */
		addr = host_at(i % HOSTS);
		addr.port = (uint16_t)(1024 + i);
	} else if (i % 4 == 1) {
		addr.family = ADDR_V6;
		addr.ip[0] = 0x20;
		addr.ip[15] = 1;
	}
	return addr;
}

static size_t mangle(uint8_t bytes[LONGEST], size_t len)
{
	const struct capture *other;
	size_t at;

	switch (random_below(&random_state, 6)) {
	case 0: /* some bits */
		for (unsigned i = 0; i < 1 + random_below(&random_state, 4); i++)
			bytes[random_below(&random_state, len)] ^=
				(uint8_t)(1u << random_below(&random_state, 8));
		return len;
	case 1: /* shorter */ return 1 + random_below(&random_state, len);
	case 2: /* longer */
		at = len + random_below(&random_state, LONGEST - len + 1);
		random_bytes(&random_state, bytes + len, at - len);
		return at;
	case 3: /* another type, or version */
		bytes[random_below(&random_state, 2)] =
			(uint8_t)random_u64(&random_state);
		return len;
	case 4: /* the end of another */
		other = &captures[random_below(&random_state, capture_count) % CAPTURES];
		at = random_below(&random_state, len);
		if (other->len > at)
			memcpy(bytes + at, other->bytes + at, other->len - at);
		return other->len > at ? other->len : len;
	default: return len;
	}
}

static void attack(void)
{
	const struct capture *c =
		&captures[random_below(&random_state, capture_count) % CAPTURES];
	uint8_t bytes[LONGEST];
	struct addr from = forged_address();
	size_t len = c->len;

	memcpy(bytes, c->bytes, len);
	if (random_below(&random_state, 4) == 0)
		from = c->from;
	if (random_below(&random_state, 2) == 0)
		len = mangle(bytes, len);
	come(&from, (uint32_t)random_below(&random_state, 3), bytes, len);
	a.now += random_below(&random_state, 4 * MILLISECOND);
}

static void sends_no_more_than_came(void **state)
{
	const char *given = getenv("EYELET_DATAGRAMS");
	const unsigned count = given ? (unsigned)strtoul(given, NULL, 10) : 100000;
	uint64_t began;

	(void)state;
	begin();
	began = a.now;
	for (unsigned i = 0; i < count; i++) {
		attack();
		if (i % 5000 != 4999)
			continue;
		a.now += random_below(&random_state, 20) * SECOND;
		rendezvous_expire(a.r, a.now);
		live(); /* it goes on, and the attacker looks on */
	}
	/* Of STUN, what section 13 of PROTOCOL.md allows: 1,000 a second. */
	assert_true(stun_all > 0);
	assert_true(stun_all <= 1000 * (1 + (a.now - began) / SECOND));
	assert_true(passed_all > 2 * GUESTS);
	print_message("           %llu bytes for %llu, %llu STUN answers, %llu relayed\n",
		(unsigned long long)out_all, (unsigned long long)in_all,
		(unsigned long long)stun_all, (unsigned long long)passed_all);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_no_more_than_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
