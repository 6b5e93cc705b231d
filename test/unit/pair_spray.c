/* SPDX-License-Identifier: MIT */
/* Many ports at once, as a guest that means harm would have them of a host: how many, where,
 * for whom, and when not at all. */
#include "meeting.h"

#define MS MILLISECOND

static const struct addr seen = {
	.family = ADDR_V4, .port = 1000, .ip = {203, 0, 113, 77}};
static const uint8_t first[ID_SIZE] = {1}, second[ID_SIZE] = {2};

static void begin(struct meeting *m, enum effort effort)
{
	meeting_init(m);
	m->rendezvous_config.alt_mask = 0xf; /* the host measures its NAT: it has none */
	m->host_config.effort = effort;
	meeting_gather(m);
}

/* Asks for it, from behind a random NAT, with one candidate. */
static struct guest_offer asking(struct addr candidate)
{
	struct guest_offer offer = {.trial = 2,
		.behaviour = {.mapping = BEHAVIOUR_RANDOM,
			.spray = true,
			.sockets = 65535,
			.probes = 65535}};

	candidates_add(&offer.candidates, &candidate, CANDIDATE_OBSERVED);
	return offer;
}

/* PUNCHes to that IP address; no two of them to one port, if they are to be distinct. */
static unsigned punches_to(const struct meeting *m, const struct addr *to, bool distinct)
{
	static bool hit[65536];
	const struct net_packet *p;
	unsigned count = 0;

	memset(hit, 0, sizeof(hit));
	for (unsigned i = 0; (p = net_find(m->net, m->host, MESSAGE_PUNCH, i)); i++) {
		if (!addr_same_ip(&p->to, to))
			continue;
		assert_int_equal(p->len, 26);
		assert_false(distinct && hit[p->to.port]);
		hit[p->to.port] = true;
		count++;
	}
	return count;
}

static void keeps_its_budget(void **state)
{
	struct guest_offer offer = asking(seen);
	uint64_t before;
	struct meeting m;

	(void)state;
	begin(&m, EFFORT_NORMAL);
	before = meeting_host_counts(m.host).unproved_bytes;
	assert_int_equal(meeting_introduce(&m, first, &seen, &offer), VERDICT_CONSUMED);
	net_run(m.net, 1000 * MS);
	assert_in_range(punches_to(&m, &seen, true), 245, 255); /* 250 a second */
	/* Repeating the introduction adds nothing. */
	meeting_introduce(&m, first, &seen, &offer);
	net_run(m.net, 9000 * MS);
	assert_int_equal(punches_to(&m, &seen, true), 756);
	assert_int_equal(meeting_host_counts(m.host).unproved_bytes - before, 756 * 26);
	/* With high effort, 2,048, whatever the guest says. */
	meeting_end(&m);
	begin(&m, EFFORT_HIGH);
	assert_int_equal(meeting_introduce(&m, first, &seen, &offer), VERDICT_CONSUMED);
	net_run(m.net, 12000 * MS);
	assert_int_equal(punches_to(&m, &seen, true), 2048);
	meeting_end(&m);
}

static void goes_only_where_it_may(void **state)
{
	const struct addr elsewhere = addr_v4(203, 0, 113, 78, 1000);
	struct guest_offer offer = asking(elsewhere);
	struct meeting m;

	(void)state;
	/* Not named: the attempt is a plain one. */
	begin(&m, EFFORT_NORMAL);
	assert_int_equal(meeting_introduce(&m, first, &seen, &offer), VERDICT_CONSUMED);
	net_run(m.net, 10 * SECOND);
	assert_in_range(punches_to(&m, &seen, false), 1, 78);
	assert_in_range(punches_to(&m, &elsewhere, false), 1, 78);
	meeting_end(&m);
	/* Low effort, and one that does not ask. */
	begin(&m, EFFORT_LOW);
	offer = asking(seen);
	assert_int_equal(meeting_introduce(&m, first, &seen, &offer), VERDICT_CONSUMED);
	net_run(m.net, 10 * SECOND);
	assert_in_range(punches_to(&m, &seen, false), 1, 78);
	meeting_end(&m);
	begin(&m, EFFORT_NORMAL);
	offer.behaviour.spray = false;
	assert_int_equal(meeting_introduce(&m, first, &seen, &offer), VERDICT_CONSUMED);
	net_run(m.net, 10 * SECOND);
	assert_in_range(punches_to(&m, &seen, false), 1, 78);
	meeting_end(&m);
}

/* One at a time; who comes meanwhile is punched plainly, and has its turn later. */
static void does_one_at_a_time(void **state)
{
	const struct addr other = addr_v4(203, 0, 113, 99, 2000);
	struct guest_offer offer = asking(seen), others = asking(other);
	const uint8_t third[ID_SIZE] = {3};
	struct meeting m;

	(void)state;
	begin(&m, EFFORT_NORMAL);
	assert_int_equal(meeting_introduce(&m, first, &seen, &offer), VERDICT_CONSUMED);
	net_run(m.net, 100 * MS);
	assert_int_equal(
		meeting_introduce(&m, second, &other, &others), VERDICT_CONSUMED);
	net_run(m.net, 8 * SECOND);
	assert_int_equal(punches_to(&m, &seen, true), 756);
	assert_in_range(punches_to(&m, &other, false), 1, 78);
	assert_int_equal(meeting_introduce(&m, third, &other, &others), VERDICT_CONSUMED);
	net_run(m.net, 8 * SECOND);
	assert_true(punches_to(&m, &other, false) > 756);
	meeting_end(&m);
}

static enum verdict knock(
	struct meeting *m, const uint8_t id[ID_SIZE], const struct addr *from)
{
	uint8_t bytes[PUNCH_SIZE];
	size_t len = knock_encode(bytes, id, m->credentials.mac_key);

	return net_input(m->net, m->host, 0, &m->host->bound[0], from, bytes, len);
}

static void answers_knocks_of_that_attempt_only(void **state)
{
	const struct addr stranger = addr_v4(203, 0, 113, 78, 1000);
	struct guest_offer offer = asking(seen);
	uint8_t forged[PUNCH_SIZE];
	struct addr from = seen;
	struct meeting m;

	(void)state;
	begin(&m, EFFORT_NORMAL);
	assert_int_equal(knock(&m, first, &seen), VERDICT_DROP_UNSOLICITED);
	assert_int_equal(meeting_introduce(&m, first, &seen, &offer), VERDICT_CONSUMED);
	assert_int_equal(knock(&m, second, &seen), VERDICT_DROP_UNSOLICITED);
	assert_int_equal(knock(&m, first, &stranger), VERDICT_DROP_NOT_ALLOWED);
	/* A punch sent back is no knock. */
	punch_encode(forged, first, m.credentials.mac_key);
	assert_int_not_equal(net_input(m.net, m.host, 0, &m.host->bound[0], &seen, forged,
				     sizeof(forged)),
		VERDICT_CONSUMED);
	forged[0] = 0x95;
	assert_int_equal(net_input(m.net, m.host, 0, &m.host->bound[0], &seen, forged,
				 sizeof(forged)),
		VERDICT_DROP_FORGED);
	for (uint16_t i = 0; i < 16; i++) {
		from.port = (uint16_t)(100 + i);
		assert_int_equal(knock(&m, first, &from), VERDICT_CONSUMED);
	}
	assert_int_equal(knock(&m, first, &from), VERDICT_DROP_LIMIT);
	net_run(m.net, 10 * SECOND);
	assert_int_equal(punches_to(&m, &seen, false), 756 + 16);
	assert_int_equal(punches_to(&m, &stranger, false), 0);
	assert_int_equal(knock(&m, first, &seen), VERDICT_DROP_UNSOLICITED); /* over */
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_its_budget),
		cmocka_unit_test(goes_only_where_it_may),
		cmocka_unit_test(does_one_at_a_time),
		cmocka_unit_test(answers_knocks_of_that_attempt_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
