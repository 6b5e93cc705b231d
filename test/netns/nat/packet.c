/* SPDX-License-Identifier: MIT */
#include "packet.h"

#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#define IP_LEN         20
#define ICMP_LEN       8
#define TTL_AT         8
#define IP_SUM_AT      10
#define IP_SRC_AT      12
#define IP_DST_AT      16
#define UDP_SUM_AT     6
#define TCP_SUM_AT     16
#define ERROR_TTL      64
#define MORE_FRAGMENTS 0x2000
#define OFFSET_MASK    0x1fff

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static size_t header_len(const uint8_t *ip)
{
	return (size_t)(ip[0] & 15) * 4;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint16_t sum_of(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(data + i);
	if (len % 2)
		sum += (uint32_t)data[len - 1] << 8;
	return (uint16_t)~fold(sum);
}

/* RFC 1624, equation 3: a 16-bit word under the checksum changes. */
static void sum_update(uint8_t *sum, uint16_t from, uint16_t to)
{
	put16(sum,
		(uint16_t)~fold((uint32_t)(uint16_t)~get16(sum) + (uint16_t)~from + to));
}

static void sum_update32(uint8_t *sum, uint32_t from, uint32_t to)
{
	sum_update(sum, (uint16_t)(from >> 16), (uint16_t)(to >> 16));
	sum_update(sum, (uint16_t)from, (uint16_t)to);
}

/* Where the checksum of UDP or TCP stands in a header, or NULL: UDP may have none, and a
 * quotation may end before it. */
static uint8_t *transport_sum(uint8_t *ip, size_t len)
{
	size_t at = ip[9] == IPPROTO_UDP ? UDP_SUM_AT : TCP_SUM_AT;
	uint8_t *sum = ip + header_len(ip) + at;

	if (header_len(ip) + at + 2 > len || (ip[9] == IPPROTO_UDP && get16(sum) == 0))
		return NULL;
	return sum;
}

/* Rewrites an address and its port. The transport's sum covers both, IP's the address. */
static void rewrite(uint8_t *ip, size_t len, bool source, bool ports, struct endpoint to)
{
	uint8_t *address = ip + (source ? IP_SRC_AT : IP_DST_AT);
	uint8_t *port = ip + header_len(ip) + (source ? 0 : 2);
	uint8_t *sum = ports ? transport_sum(ip, len) : NULL;

	sum_update32(ip + IP_SUM_AT, get32(address), to.ip);
	if (sum) {
		sum_update32(sum, get32(address), to.ip);
		sum_update(sum, get16(port), (uint16_t)to.port);
		if (ip[9] == IPPROTO_UDP && get16(sum) == 0)
			put16(sum, 0xffff); /* 0 would say that there is none */
	}
	put32(address, to.ip);
	if (ports)
		put16(port, to.port);
}

/* Whether what stands there has the ports of UDP or TCP. */
static bool read_ends(
	const uint8_t *ip, size_t len, struct endpoint *src, struct endpoint *dst)
{
	size_t header;

	if (len < IP_LEN || ip[0] >> 4 != 4)
		return false;
	header = header_len(ip);
	*src = (struct endpoint){.ip = get32(ip + IP_SRC_AT)};
	*dst = (struct endpoint){.ip = get32(ip + IP_DST_AT)};
	if (header < IP_LEN || header + 4 > len || (get16(ip + 6) & OFFSET_MASK) ||
		(ip[9] != IPPROTO_UDP && ip[9] != IPPROTO_TCP))
		return false;
	src->port = get16(ip + header);
	dst->port = get16(ip + header + 2);
	return true;
}

static uint8_t *quoted(const struct packet *p)
{
	return p->data + header_len(p->data) + ICMP_LEN;
}

static size_t quoted_len(const struct packet *p)
{
	return p->len - (size_t)(quoted(p) - p->data);
}

static bool is_error(uint8_t type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB;
}

static void parse_error(struct packet *p)
{
	size_t header = header_len(p->data);

	if (header + ICMP_LEN + IP_LEN > p->len || !is_error(p->data[header]) ||
		!read_ends(quoted(p), quoted_len(p), &p->quoted_src, &p->quoted_dst))
		return;
	p->kind = PACKET_ERROR;
	p->protocol = quoted(p)[9];
}

bool packet_parse(struct packet *p, uint8_t *data, size_t len)
{
	*p = (struct packet){.data = data, .len = len, .kind = PACKET_OTHER};
	if (len < IP_LEN || data[0] >> 4 != 4 || header_len(data) < IP_LEN ||
		header_len(data) > len || get16(data + 2) > len)
		return false;
	p->len = get16(data + 2);
	p->protocol = data[9];
	p->id = get16(data + 4);
	p->more_fragments = get16(data + 6) & MORE_FRAGMENTS;
	if (read_ends(data, p->len, &p->src, &p->dst))
		p->kind = PACKET_PORTS;
	else if (p->protocol == IPPROTO_ICMP)
		parse_error(p);
	else if (get16(data + 6) & OFFSET_MASK)
		p->kind = PACKET_FRAGMENT;
	return true;
}

void packet_set_src(struct packet *p, struct endpoint to)
{
	p->src = to;
	rewrite(p->data, p->len, true, p->kind == PACKET_PORTS, to);
}

void packet_set_dst(struct packet *p, struct endpoint to)
{
	p->dst = to;
	rewrite(p->data, p->len, false, p->kind == PACKET_PORTS, to);
}

static void sum_error(struct packet *p)
{
	size_t header = header_len(p->data);

	put16(p->data + header + 2, 0);
	put16(p->data + header + 2, sum_of(p->data + header, p->len - header));
}

void packet_set_quoted_src(struct packet *p, struct endpoint to)
{
	p->quoted_src = to;
	rewrite(quoted(p), quoted_len(p), true, true, to);
	packet_set_dst(p, (struct endpoint){.ip = to.ip});
	sum_error(p);
}

void packet_set_quoted_dst(struct packet *p, struct endpoint to)
{
	p->quoted_dst = to;
	rewrite(quoted(p), quoted_len(p), false, true, to);
	packet_set_src(p, (struct endpoint){.ip = to.ip});
	sum_error(p);
}

bool packet_hop(struct packet *p)
{
	uint16_t before = get16(p->data + TTL_AT);

	if (p->data[TTL_AT] <= 1)
		return false;
	p->data[TTL_AT]--;
	sum_update(p->data + IP_SUM_AT, before, get16(p->data + TTL_AT));
	return true;
}

size_t packet_error(
	uint8_t *out, const struct packet *p, uint32_t own, uint8_t type, uint8_t code)
{
	size_t room = PACKET_ERROR_MAX - IP_LEN - ICMP_LEN;
	size_t quote = p->len < room ? p->len : room;
	size_t len = IP_LEN + ICMP_LEN + quote;

	if (p->protocol == IPPROTO_ICMP || p->kind != PACKET_PORTS)
		return 0;
	memset(out, 0, IP_LEN + ICMP_LEN);
	out[0] = 0x45;
	put16(out + 2, (uint32_t)len);
	out[TTL_AT] = ERROR_TTL;
	out[9] = IPPROTO_ICMP;
	put32(out + IP_SRC_AT, own);
	put32(out + IP_DST_AT, p->src.ip);
	put16(out + IP_SUM_AT, sum_of(out, IP_LEN));
	out[IP_LEN] = type;
	out[IP_LEN + 1] = code;
	memcpy(out + IP_LEN + ICMP_LEN, p->data, quote);
	put16(out + IP_LEN + 2, sum_of(out + IP_LEN, ICMP_LEN + quote));
	return len;
}
