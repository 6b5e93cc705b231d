/* SPDX-License-Identifier: MIT */
/* Host and guest that keep their interfaces' addresses to themselves: what is in their
 * offers, and whom they believe. */
#include "meeting.h"

static const struct addr host_ip = {.family = ADDR_V4, .ip = {192, 168, 1, 10}};
static const struct addr guest_ip = {.family = ADDR_V4, .ip = {192, 168, 1, 20}};
static const struct addr outside = {.family = ADDR_V4, .ip = {198, 51, 100, 1}};

static struct addr seen_outside(
	struct net_node *n, uint32_t socket, const struct addr *to)
{
	struct addr seen = outside;

	if (addr_is_private(to))
		return n->bound[socket];
	seen.port = (uint16_t)(n->bound[socket].port + n->ip[0].ip[3]);
	return seen;
}

/* The router leads nobody inside back in. */
static void no_hairpin(struct net *net, struct net_packet *p)
{
	(void)net;
	p->lost = p->lost ||
		  (addr_same_ip(&p->source, &outside) && addr_same_ip(&p->to, &outside));
}

static void begin(struct meeting *m, bool host_silent, bool guest_silent)
{
	meeting_init(m);
	m->host_config.no_local_candidates = host_silent;
	m->guest_config.no_local_candidates = guest_silent;
	m->host_config.publics[0] = addr_v4(198, 51, 100, 7, 7000);
	meeting_add_rendezvous(m);
	m->host = meeting_add_host(m, host_ip);
	m->guest = meeting_add_guest(m, guest_ip);
	m->host->nat = m->guest->nat = seen_outside;
	m->net->hook = no_hairpin;
	net_run(m->net, 2 * SECOND);
}

/* Set of the kinds of candidates that were offered; fails if one is a local address. */
static unsigned kinds_of(const struct candidates *list)
{
	unsigned kinds = 0;

	for (unsigned i = 0; i < list->count; i++) {
		const struct candidate *c = &list->of[i];
		bool is_local = addr_same_ip(&c->addr, &host_ip) ||
				addr_same_ip(&c->addr, &guest_ip);

		assert_int_equal(is_local, c->kind == CANDIDATE_LOCAL);
		kinds |= 1u << c->kind;
	}
	return kinds;
}

static unsigned guest_kinds(const struct meeting *m)
{
	const struct net_packet *p = net_find(m->net, m->guest, MESSAGE_ASK, 0);
	struct guest_offer offer;
	struct ask_message ask;

	assert_non_null(p);
	assert_true(ask_decode(&ask, p->bytes, p->len));
	assert_true(guest_offer_open(&offer, ask.payload, ask.payload_len,
		&m->credentials, message_id(p->bytes)));
	return kinds_of(&offer.candidates);
}

static unsigned host_kinds(const struct meeting *m)
{
	const struct net_packet *p = net_find(m->net, m->host, MESSAGE_ANSWER, 0);
	struct answer_message answer;
	struct host_offer offer;

	assert_non_null(p);
	assert_true(answer_decode(&answer, p->bytes, p->len));
	assert_true(host_offer_open(&offer, answer.payload, answer.payload_len,
		&m->credentials, message_id(p->bytes), answer.instance, answer.sequence));
	return kinds_of(&offer.candidates);
}

#define SEEN (1u << CANDIDATE_OBSERVED | 1u << CANDIDATE_MAPPED)
#define MADE (SEEN | 1u << CANDIDATE_PUBLIC)

static void offer_all(struct meeting *m)
{
	const struct addr mapped = addr_v4(198, 51, 100, 8, 7000);

	host_set_mapped(m->host->machine, 0, &mapped, m->net->now);
	guest_set_mapped(m->guest->machine, 0, &mapped);
	guest_start(m->guest->machine, m->net->now);
	net_run(m->net, 200 * MILLISECOND);
}

static void tells_what_others_gave_it(void **state)
{
	struct meeting m;

	(void)state;
	begin(&m, true, true);
	offer_all(&m);
	assert_int_equal(guest_kinds(&m), SEEN);
	assert_int_equal(host_kinds(&m), MADE);
	meeting_end(&m);
}

static void tells_all_by_default(void **state)
{
	struct meeting m;

	(void)state;
	begin(&m, false, false);
	offer_all(&m);
	assert_int_equal(guest_kinds(&m), SEEN | 1u << CANDIDATE_LOCAL);
	assert_int_equal(host_kinds(&m), MADE | 1u << CANDIDATE_LOCAL);
	meeting_end(&m);
}

/* The other one's address on the same LAN is good all the same. */
static void goes_where_the_other_is(void **state)
{
	for (unsigned silent = 0; silent < 2; silent++) {
		struct meeting m;

		(void)state;
		begin(&m, silent == 0, silent == 1);
		guest_start(m.guest->machine, m.net->now);
		net_run(m.net, SECOND);
		assert_true(guest_connected(m.guest->machine));
		assert_true(addr_same_ip(
			&net_event(m.guest, EVENT_CONNECTED, 0)->path.remote, &host_ip));
		meeting_end(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_others_gave_it),
		cmocka_unit_test(tells_all_by_default),
		cmocka_unit_test(goes_where_the_other_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
