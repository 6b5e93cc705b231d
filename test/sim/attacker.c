/* SPDX-License-Identifier: MIT */
#include "sim/attacker.h"

#include <stdlib.h>

#include "core/message.h"
#include "core/resume.h"
#include "sim/packet.h"
#include "sim/zone.h"

#define LONGEST 1400

static void hear(void *arg, const struct packet *packet)
{
	struct attacker *a = arg;
	struct world *w = a->node.world;
	struct packet **slot = &a->heard[a->heard_count % ATTACKER_HEARD];

	/* Who is not in the middle puts nothing into a stream. */
	if (packet->attack || packet->icmp != ICMP_NONE ||
		packet->dst.transport != ADDR_UDP)
		return;
	if (a->wants != NULL && !a->wants(packet))
		return;
	if (*slot != NULL)
		packet_free(w, *slot);
	*slot = packet_copy(w, packet);
	a->heard_count++;
}

const struct packet *attacker_heard(struct attacker *a)
{
	uint64_t count =
		a->heard_count < ATTACKER_HEARD ? a->heard_count : ATTACKER_HEARD;

	return count > 0 ? a->heard[rng_below(&a->rng, count)] : NULL;
}

static const struct addr *own_for(const struct attacker *a, const struct packet *heard)
{
	return heard->dst.family == ADDR_V6 ? &a->own_v6 : &a->own;
}

static void launch(struct attacker *a, struct packet *p)
{
	char text[PACKET_TEXT_MAX];

	p->attack = true;
	if (a->node.world->verbose)
		trace(a->node.world, "%-12s send %s", a->node.name,
			packet_describe(text, p));
	wire_send(a->node.world, zone_wire(a->node.world->internet), p);
}

void attacker_send(struct attacker *a, const struct addr *src, const struct addr *dst,
	const uint8_t *data, size_t len)
{
	launch(a, packet_new(a->node.world, src, dst, 0, 0, data, len));
}

static void send_noise(struct attacker *a, const struct packet *heard, bool header)
{
	uint8_t data[LONGEST];
	size_t len = rng_below(&a->rng, rng_chance(&a->rng, 500000) ? 64 : LONGEST);
	bool spoofed = rng_chance(&a->rng, 500000);

	rng_fill(&a->rng, data, sizeof(data));
	if (header && len > MESSAGE_HEADER_SIZE) {
		data[0] = (uint8_t)(0x80 | rng_below(&a->rng, 24));
		data[1] = rng_chance(&a->rng, 900000) ? WIRE_VERSION : data[1];
	}
	attacker_send(
		a, spoofed ? &heard->src : own_for(a, heard), &heard->dst, data, len);
}

static void send_altered(struct attacker *a, const struct packet *heard, enum attack kind)
{
	struct packet *p = packet_copy(a->node.world, heard);
	const struct packet *other = attacker_heard(a);

	p->id = ++a->node.world->packets_made;
	p->ttl = PACKET_TTL;
	if (kind == ATTACK_TRUNCATED && p->len > 0)
		p->len = rng_below(&a->rng, p->len);
	if (kind == ATTACK_FLIPPED && p->len > 0)
		p->data[rng_below(&a->rng, p->len)] ^=
			(uint8_t)(1u << rng_below(&a->rng, 8));
	if (kind == ATTACK_STOLEN)
		p->src = *own_for(a, p);
	if (kind == ATTACK_CROSSED) {
		p->src = other->src;
		p->dst = attacker_heard(a)->dst;
	}
	if (p->src.family != p->dst.family)
		packet_free(a->node.world, p);
	else
		launch(a, p);
}

void attacker_send_error(struct attacker *a, const struct packet *heard,
	const struct addr *offender, enum packet_icmp icmp)
{
	launch(a, packet_error(a->node.world, heard, offender, icmp));
}

static void send_icmp(struct attacker *a, const struct packet *heard)
{
	enum packet_icmp icmp =
		(enum packet_icmp)rng_between(&a->rng, ICMP_TIME_EXCEEDED, ICMP_TOO_BIG);
	const struct addr *offender =
		rng_chance(&a->rng, 500000) ? own_for(a, heard) : &heard->dst;

	attacker_send_error(a, heard, offender, icmp);
}

void attacker_strike(struct attacker *a, enum attack kind)
{
	const struct packet *heard = attacker_heard(a);

	if (heard == NULL)
		return;
	a->sent[kind]++;
	if (kind == ATTACK_RANDOM || kind == ATTACK_HEADER)
		send_noise(a, heard, kind == ATTACK_HEADER);
	else if (kind == ATTACK_ICMP)
		send_icmp(a, heard);
	else
		send_altered(a, heard, kind);
}

static void run(struct node *node)
{
	struct attacker *a = (struct attacker *)node;
	enum attack kind;

	do
		kind = (enum attack)rng_below(&a->rng, ATTACK_COUNT);
	while ((a->kinds >> kind & 1) == 0);
	attacker_strike(a, kind);
	node_wake_at(node, node->world->now + a->interval);
}

static void forward(struct node *node, unsigned side, struct packet *packet)
{
	struct attacker *a = (struct attacker *)node;

	(void)side;
	/* A challenge is what a stolen frame may earn; promise.c bounds it. */
	if (!challenge_is(packet->data, packet->len))
		a->received += packet->len;
	packet_free(node->world, packet);
}

/* The ring holds packets that the world counts. */
static void destroy(struct node *node)
{
	struct attacker *a = (struct attacker *)node;

	for (unsigned i = 0; i < ATTACKER_HEARD; i++)
		if (a->heard[i] != NULL)
			packet_free(node->world, a->heard[i]);
	free(a);
}

struct attacker *attacker_new(struct world *w, uint64_t interval)
{
	struct attacker *a = sim_alloc(sizeof(*a));

	a->own = addr_v4(30, 6, 6, 6, 666);
	addr_parse(&a->own_v6, "[2001:db8:6666::6]:666", 0);
	a->interval = interval;
	a->kinds = (1u << ATTACK_COUNT) - 1;
	a->node.forward = forward;
	a->node.run = run;
	a->node.destroy = destroy;
	rng_seed(&a->rng, rng_u64(&w->rng));
	world_add(w, &a->node, "attacker");
	zone_attach(w->internet, &a->own, (struct wire){.node = &a->node});
	zone_attach(w->internet, &a->own_v6, (struct wire){.node = &a->node});
	w->internet->tap = hear;
	w->internet->tap_arg = a;
	w->attacker = a;
	if (interval > 0)
		node_wake_at(&a->node, w->now + interval);
	return a;
}
