/* SPDX-License-Identifier: MIT */
/* Whom a host remembers, of which network, and whom one that makes up guests pushes out. */
#include "core/host_parts.h"
#include "meeting.h"

#define CROWDED 1
#define OTHER   2

static struct peer *open_peer(
	struct meeting *m, uint8_t network, uint32_t name, uint32_t number)
{
	uint8_t key[CENSUS_KEY_SIZE] = {network}, identity[CRYPTO_KEY_SIZE] = {network};

	memcpy(identity + 1, &name, sizeof(name));
	return peer_open(m->host->machine, identity, number, key);
}

static bool is_known(struct meeting *m, uint8_t network, uint32_t name)
{
	const struct host *h = m->host->machine;
	uint8_t identity[CRYPTO_KEY_SIZE] = {network};
	struct peer *peer;

	memcpy(identity + 1, &name, sizeof(name));
	TABLE_FIND(h->peers, h->hash_key, identity, CRYPTO_KEY_SIZE, peer);
	return peer != NULL;
}

static void a_network_pushes_out_its_own(void **state)
{
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	assert_non_null(open_peer(&m, OTHER, 0, 7));
	for (uint32_t i = 0; i < PEERS_NETWORK; i++)
		assert_non_null(open_peer(&m, CROWDED, i, 0));
	assert_true(is_known(&m, CROWDED, 0));
	assert_non_null(open_peer(&m, CROWDED, PEERS_NETWORK, 0));
	assert_false(is_known(&m, CROWDED, 0));
	assert_true(is_known(&m, CROWDED, 1));
	assert_true(is_known(&m, OTHER, 0));
	assert_int_equal(open_peer(&m, OTHER, 0, 0)->number, 7);
	meeting_end(&m);
}

/* The one that is here stays, and so does the one that was here last. */
static void goes_by_who_was_away_longest(void **state)
{
	struct peer *here, *seen;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	here = open_peer(&m, CROWDED, 0, 0);
	seen = open_peer(&m, CROWDED, 1, 0);
	here->links = 1;
	for (uint32_t i = 2; i < PEERS_NETWORK; i++)
		assert_non_null(open_peer(&m, CROWDED, i, 0));
	home_seen(m.host->machine, seen);
	assert_non_null(open_peer(&m, CROWDED, PEERS_NETWORK, 0));
	assert_true(is_known(&m, CROWDED, 0));
	assert_true(is_known(&m, CROWDED, 1));
	assert_false(is_known(&m, CROWDED, 2));
	here->links = 0;
	meeting_end(&m);
}

static void four_networks_fill_it_and_a_fifth_comes_in(void **state)
{
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	for (unsigned network = 1; network <= PEERS_MAX / PEERS_NETWORK; network++)
		for (uint32_t i = 0; i < PEERS_NETWORK; i++)
			assert_non_null(open_peer(&m, (uint8_t)network, i, 0));
	assert_true(is_known(&m, 1, 0));
	assert_non_null(open_peer(&m, 200, 0, 0));
	assert_false(is_known(&m, 1, 0));
	assert_true(is_known(&m, 1, 1));
	assert_true(is_known(&m, 2, 0));
	meeting_end(&m);
}

/* Attempts under way do not give way; those of other networks find room. */
static void attempts_of_a_network_are_bounded(void **state)
{
	struct addr seen = addr_v4(203, 0, 113, 77, 1000);
	struct guest_offer offer = {.trial = 0};
	uint8_t id[ID_SIZE] = {0};
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	for (uint32_t i = 0; i < ATTEMPTS_NETWORK; i++) {
		memcpy(id, &i, sizeof(i));
		assert_int_equal(
			meeting_introduce(&m, id, &seen, &offer), VERDICT_CONSUMED);
	}
	id[4] = 1;
	assert_int_equal(meeting_introduce(&m, id, &seen, &offer), VERDICT_DROP_LIMIT);
	seen = addr_v4(203, 0, 113, 78, 1001); /* of the same /24 */
	assert_int_equal(meeting_introduce(&m, id, &seen, &offer), VERDICT_DROP_LIMIT);
	seen = addr_v4(203, 0, 112, 77, 1000);
	assert_int_equal(meeting_introduce(&m, id, &seen, &offer), VERDICT_CONSUMED);
	net_run(m.net, 30 * SECOND); /* they are over */
	seen = addr_v4(203, 0, 113, 78, 1001);
	id[4] = 2;
	assert_int_equal(meeting_introduce(&m, id, &seen, &offer), VERDICT_CONSUMED);
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_pushes_out_its_own),
		cmocka_unit_test(goes_by_who_was_away_longest),
		cmocka_unit_test(four_networks_fill_it_and_a_fifth_comes_in),
		cmocka_unit_test(attempts_of_a_network_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
