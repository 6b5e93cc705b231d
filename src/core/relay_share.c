/* SPDX-License-Identifier: MIT */
#include "core/relay_share.h"

#include <string.h>

#include "core/room.h"

/* Of the free channels, what one holder may have at most: an eighth for a network of
 * guests; as many again as stay free for a host's network and for a service. */
static const uint32_t parts[SHARE_KEYS] = {
	[SHARE_GUESTS] = 8, [SHARE_HOSTS] = 1, [SHARE_SERVICE] = 1};

void shares_init(struct shares *s, uint32_t max, uint32_t rate,
	const uint8_t hash_key[16], uint64_t now)
{
	*s = (struct shares){.max = max};
	for (unsigned i = 0; i < SHARE_KEYS; i++)
		census_init(&s->holders[i], hash_key);
	bucket_init(&s->all, rate, rate, now);
}

void shares_fini(struct shares *s)
{
	for (unsigned i = 0; i < SHARE_KEYS; i++)
		census_fini(&s->holders[i]);
}

static void network_key(uint8_t key[CENSUS_KEY_SIZE], const struct addr *addr)
{
	struct addr network = addr_network(addr);

	memset(key, 0, CENSUS_KEY_SIZE);
	memcpy(key, &network, sizeof(network));
}

static bool all_allow(
	const struct shares *s, const uint8_t keys[SHARE_KEYS][CENSUS_KEY_SIZE])
{
	for (unsigned i = 0; i < SHARE_KEYS; i++)
		if (!room_allows(census_count(&s->holders[i], keys[i]), s->max, s->count,
			    parts[i], SHARE_FEW))
			return false;
	return true;
}

static void leave(struct shares *s, struct share *share)
{
	for (unsigned i = 0; i < SHARE_KEYS; i++)
		if (share->holders[i] != NULL)
			census_leave_entry(&s->holders[i], share->holders[i]);
}

bool share_open(struct shares *s, struct share *share, const struct addr *guest,
	const struct addr *host, const uint8_t *service, uint64_t now)
{
	uint8_t keys[SHARE_KEYS][CENSUS_KEY_SIZE];

	network_key(keys[SHARE_GUESTS], guest);
	network_key(keys[SHARE_HOSTS], host);
	memcpy(keys[SHARE_SERVICE], service, CENSUS_KEY_SIZE);
	if (!all_allow(s, keys))
		return false;
	*share = (struct share){.active = false};
	for (unsigned i = 0; i < SHARE_KEYS; i++) {
		share->holders[i] = census_enter(&s->holders[i], keys[i]);
		if (share->holders[i] == NULL) {
			leave(s, share);
			return false;
		}
	}
	bucket_init(&share->bytes, s->all.rate, SHARE_BURST, now);
	s->count++;
	return true;
}

void share_close(struct shares *s, struct share *share)
{
	share_set_active(s, share, false);
	leave(s, share);
	s->count--;
}

void share_set_active(struct shares *s, struct share *share, bool active)
{
	uint32_t *of_network = census_active(share->holders[SHARE_GUESTS]);

	if (share->active == active)
		return;
	share->active = active;
	if (active && (*of_network)++ == 0)
		s->networks++;
	if (!active && --*of_network == 0)
		s->networks--;
}

/* Half a second of its share is what a channel may pass at once: together these are the
 * lower half of the common bucket. */
static void follow_share(const struct shares *s, struct share *share, uint64_t now)
{
	uint32_t rate =
		s->all.rate / s->networks / *census_active(share->holders[SHARE_GUESTS]);
	uint32_t burst = rate / 2 > SHARE_BURST ? rate / 2 : SHARE_BURST;

	if (rate != share->bytes.rate || burst != share->bytes.burst)
		bucket_change(&share->bytes, rate, burst, now);
}

bool share_take(struct shares *s, struct share *share, uint32_t len, uint64_t now)
{
	bool within;

	follow_share(s, share, now);
	within = bucket_has(&share->bytes, len, now);
	if (!bucket_take_above(&s->all, len, within ? 0 : s->all.burst / 2, now))
		return false;
	if (within)
		bucket_take(&share->bytes, len, now);
	return true;
}
