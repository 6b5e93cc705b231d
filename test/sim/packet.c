/* SPDX-License-Identifier: MIT */
#include "sim/packet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/frame.h"
#include "core/message.h"
#include "core/stun.h"

struct packet *packet_new(struct world *w, const struct addr *src, const struct addr *dst,
	uint8_t ttl, uint8_t tos, const uint8_t *data, size_t len)
{
	struct packet *p = malloc(sizeof(*p) + len);

	if (p == NULL)
		abort();
	*p = (struct packet){
		.id = ++w->packets_made, .src = *src, .dst = *dst, .tos = tos};
	p->ttl = ttl > 0 ? ttl : PACKET_TTL;
	p->len = len;
	if (len > 0)
		memcpy(p->data, data, len);
	w->packets_live++;
	return p;
}

struct packet *packet_copy(struct world *w, const struct packet *packet)
{
	struct packet *p = malloc(sizeof(*p) + packet->len);

	if (p == NULL)
		abort();
	memcpy(p, packet, sizeof(*p) + packet->len);
	w->packets_live++;
	return p;
}

void packet_free(struct world *w, struct packet *packet)
{
	w->packets_live--;
	free(packet);
}

struct packet *packet_error(struct world *w, const struct packet *packet,
	const struct addr *offender, enum packet_icmp icmp)
{
	struct packet *p;

	if (packet->icmp != ICMP_NONE)
		return NULL;
	p = packet_new(w, offender, &packet->src, 0, 0, packet->data,
		packet->len < PACKET_QUOTE ? packet->len : PACKET_QUOTE);
	p->src.port = 0;
	p->icmp = icmp;
	p->quoted_src = packet->src;
	p->quoted_dst = packet->dst;
	p->attack = packet->attack;
	return p;
}

uint8_t packet_icmp_type(const struct packet *packet)
{
	static const uint8_t v4[] = {0, 11, 3, 3}; /* RFC 792 */
	static const uint8_t v6[] = {0, 3, 1, 2};  /* RFC 4443 */

	return packet->quoted_dst.family == ADDR_V6 ? v6[packet->icmp] : v4[packet->icmp];
}

uint8_t packet_icmp_code(const struct packet *packet)
{
	static const uint8_t v4[] = {0, 0, 3, 4}, v6[] = {0, 0, 4, 0};

	return packet->quoted_dst.family == ADDR_V6 ? v6[packet->icmp] : v4[packet->icmp];
}

static void describe_payload(char *text, size_t cap, const uint8_t *data, size_t len)
{
	if (message_is(data, len)) {
		const uint8_t *id = message_id(data);

		snprintf(text, cap, "%s %02x%02x%02x%02x",
			message_name(message_type(data)), id[0], id[1], id[2], id[3]);
	} else if (frame_is(data, len)) {
		snprintf(text, cap, "frame %02x %u", data[0],
			(unsigned)data[1] << 16 | (unsigned)data[2] << 8 | data[3]);
	} else if (stun_is_message(data, len)) {
		snprintf(text, cap, "stun %02x%02x", data[0], data[1]);
	} else {
		snprintf(text, cap, "bytes");
	}
}

const char *packet_describe(char *text, const struct packet *packet)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], payload[48],
		about[2 * ADDR_TEXT_MAX + 8] = "";
	static const char *const icmp[] = {
		"", "time exceeded for ", "port unreachable for ", "too big: "};

	static const char *const tcp[] = {
		"data", "ack", "syn", "syn ack", "hello", "hello ack", "rst"};
	static const char *const by[] = {"", " tcp", " tls"};

	if (packet->icmp != ICMP_NONE) {
		addr_format(src, &packet->quoted_src);
		addr_format(dst, &packet->quoted_dst);
		snprintf(about, sizeof(about), " (%s > %s)", src, dst);
	}
	if (packet->dst.transport != ADDR_UDP && packet->tcp != TCP_DATA)
		snprintf(payload, sizeof(payload), "%s", tcp[packet->tcp]);
	else
		describe_payload(payload, sizeof(payload), packet->data, packet->len);
	snprintf(text, PACKET_TEXT_MAX, "#%" PRIu64 "%s%s %s > %s ttl %u %s%s%s len %zu",
		packet->id, packet->attack ? "!" : "", by[packet->dst.transport],
		addr_format(src, &packet->src), addr_format(dst, &packet->dst),
		packet->ttl, icmp[packet->icmp], payload, about, packet->len);
	return text;
}

void packet_drop(struct node *node, struct packet *packet, const char *why)
{
	char text[PACKET_TEXT_MAX];

	if (node->world->verbose)
		trace(node->world, "%-12s drop %s: %s", node->name,
			packet_describe(text, packet), why);
	packet_free(node->world, packet);
}
