/* SPDX-License-Identifier: MIT */
/* Offers: sealed here with the right key, so that whatever a peer may write inside is
 * reached, and judged by a second wording of the rules of candidate.h. */
#include "core/candidate.h"

#include "core/wire.h"
#include "fuzz/fuzz.h"

#define PLAIN_MAX  400
#define SIGNED_LEN (14 + INSTANCE_SIZE + CRYPTO_KEY_SIZE)

enum { HOST_OFFER = 1, SIGNED = 2, RAW = 4 };

static size_t seal(uint8_t *out, const uint8_t *plain, size_t len,
	const uint8_t attempt[ID_SIZE], const uint8_t *instance, uint64_t sequence)
{
	const struct credentials *c = &fuzz_known()->credentials;
	struct crypto_aead *aead;

	memset(out, 7, OFFER_RANDOM);
	aead = fuzz_offer_cipher(attempt, instance, out, true);
	crypto_aead_seal(aead, sequence, c->service, sizeof(c->service), plain, len,
		out + OFFER_RANDOM);
	crypto_aead_free(aead);
	return OFFER_RANDOM + len + CRYPTO_TAG_SIZE;
}

static void sign_static(uint8_t *plain, size_t len)
{
	const struct service *s = &fuzz_known()->service;
	uint8_t covered[SIGNED_LEN] = "eyelet host v1";

	if (len < CRYPTO_KEY_SIZE + CRYPTO_SIGNATURE_SIZE)
		return;
	memcpy(covered + 14, s->instance, INSTANCE_SIZE);
	memcpy(covered + 14 + INSTANCE_SIZE, plain, CRYPTO_KEY_SIZE);
	crypto_ed25519_sign(plain + CRYPTO_KEY_SIZE, s->seed, covered, sizeof(covered));
}

static void check_list(const struct candidates *list)
{
	REQUIRE(list->count <= CANDIDATES_MAX);
	for (unsigned i = 0; i < list->count; i++) {
		const struct addr *a = &list->of[i].addr;

		REQUIRE(a->family == ADDR_V4 || a->family == ADDR_V6);
		for (unsigned k = 0; k < i; k++)
			REQUIRE(!addr_equal(a, &list->of[k].addr));
	}
}

static void check_same(const struct candidates *a, const struct candidates *b)
{
	REQUIRE(a->count == b->count);
	for (unsigned i = 0; i < a->count; i++)
		REQUIRE(addr_equal(&a->of[i].addr, &b->of[i].addr) &&
			a->of[i].kind == b->of[i].kind);
}

static void check_same_behaviour(const struct behaviour *a, const struct behaviour *b)
{
	REQUIRE(a->mapping <= BEHAVIOUR_RANDOM && a->mapping == b->mapping);
	REQUIRE(a->spray == b->spray && a->delta == b->delta && a->port == b->port);
	REQUIRE(a->sockets == b->sockets && a->probes == b->probes);
}

static bool known_same_ip(const struct addr *a, const struct addr *b)
{
	return a->family != ADDR_NONE && addr_same_ip(a, b);
}

/* candidate.h's rule once more: what may be sent to on a stranger's word. */
static bool may_send(
	const struct vantage *v, const struct addr *a, const struct addr *peer)
{
	bool near = false, inside = false, here = false;

	for (size_t i = 0; i < v->local_count; i++)
		near = near ||
		       addr_same_prefix(&v->locals[i], a, a->family == ADDR_V4 ? 24 : 64);
	for (size_t i = 0; i < v->observed_count; i++)
		near = near || known_same_ip(&v->observed[i], peer);
	for (size_t i = 0; i < v->server_count; i++) {
		here = here || addr_is_loopback(&v->servers[i]);
		inside = inside || addr_is_private(&v->servers[i]);
	}
	for (size_t i = 0; i < v->forbidden_count; i++)
		if (addr_equal(&v->forbidden[i], a))
			return false;
	if (a->port == 0 || a->family == ADDR_NONE)
		return false;
	if (addr_is_loopback(a))
		return here && addr_is_loopback(peer);
	near = near || ((inside || here) && known_same_ip(a, peer));
	return addr_is_sendable(a) && (!addr_is_private(a) || near);
}

static void judge(struct input *in, const struct candidates *list)
{
	struct addr locals[2], observed[2], forbidden[2], servers[2],
		peer = input_addr(in);
	const struct vantage v = {.servers = servers,
		.server_count = 2,
		.locals = locals,
		.local_count = 2,
		.observed = observed,
		.observed_count = 2,
		.forbidden = forbidden,
		.forbidden_count = 2};

	for (unsigned i = 0; i < 2; i++) {
		locals[i] = input_addr(in);
		observed[i] = input_addr(in);
		forbidden[i] = input_addr(in);
		servers[i] = input_addr(in);
	}
	for (unsigned i = 0; i < list->count; i++) {
		const struct addr *a = &list->of[i].addr;

		REQUIRE(candidate_allowed(&v, a, &peer) == may_send(&v, a, &peer));
	}
	REQUIRE(candidate_allowed(&v, &peer, &peer) == may_send(&v, &peer, &peer));
}

static void try_guest(struct input *in, const uint8_t *payload, size_t len,
	const uint8_t attempt[ID_SIZE])
{
	const struct credentials *c = &fuzz_known()->credentials;
	struct dice dice = {3};
	const struct entropy entropy = dice_entropy(&dice);
	struct guest_offer offer, again;
	uint8_t out[PAYLOAD_MAX];
	size_t out_len;

	if (!guest_offer_open(&offer, payload, len, c, attempt))
		return;
	check_list(&offer.candidates);
	out_len = guest_offer_seal(out, &offer, c, attempt, &entropy);
	REQUIRE(out_len <= PAYLOAD_MAX &&
		guest_offer_open(&again, out, out_len, c, attempt));
	REQUIRE(again.trial == offer.trial);
	check_same_behaviour(&offer.behaviour, &again.behaviour);
	check_same(&offer.candidates, &again.candidates);
	judge(in, &offer.candidates);
}

static void try_host(struct input *in, const uint8_t *payload, size_t len,
	const uint8_t attempt[ID_SIZE], uint8_t sequence)
{
	const struct service *s = &fuzz_known()->service;
	const struct credentials *c = &fuzz_known()->credentials;
	struct dice dice = {3};
	const struct entropy entropy = dice_entropy(&dice);
	struct host_offer offer, again;
	uint8_t out[PAYLOAD_MAX];
	size_t out_len;

	if (!host_offer_open(&offer, payload, len, c, attempt, s->instance, sequence))
		return;
	check_list(&offer.candidates);
	out_len = host_offer_seal(out, &offer, s, c, attempt, sequence, &entropy);
	REQUIRE(out_len <= PAYLOAD_MAX);
	REQUIRE(host_offer_open(&again, out, out_len, c, attempt, s->instance, sequence));
	REQUIRE(memcmp(again.host_static, offer.host_static, CRYPTO_KEY_SIZE) == 0);
	check_same_behaviour(&offer.behaviour, &again.behaviour);
	check_same(&offer.candidates, &again.candidates);
	judge(in, &offer.candidates);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = input_over(data, size);
	uint8_t what = input_u8(&in), sequence = input_u8(&in);
	uint8_t attempt[ID_SIZE] = "attempt", plain[PLAIN_MAX];
	uint8_t sealed[OFFER_RANDOM + PLAIN_MAX + CRYPTO_TAG_SIZE], *payload;
	size_t len, want = input_u16(&in) % (PLAIN_MAX + 1);
	const uint8_t *view = input_view(&in, want, &len);
	const struct known *known = fuzz_known();

	if (len > 0)
		memcpy(plain, view, len);
	if ((what & HOST_OFFER) && (what & SIGNED))
		sign_static(plain, len);
	if (what & RAW)
		memcpy(sealed, plain, len);
	else
		len = seal(sealed, plain, len, attempt,
			what & HOST_OFFER ? known->service.instance : NULL,
			what & HOST_OFFER ? sequence : 0);
	payload = fuzz_copy(sealed, len);
	if (what & HOST_OFFER)
		try_host(&in, payload, len, attempt, sequence);
	else
		try_guest(&in, payload, len, attempt);
	free(payload);
	return 0;
}
