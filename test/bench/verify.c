/* SPDX-License-Identifier: MIT */
#include "verify.h"

#include <inttypes.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static uint64_t body_start(const struct load_header *h)
{
	uint64_t x = (uint64_t)h->run << 32 ^ (uint64_t)h->flow << 48 ^ h->number;

	x = (x ^ x >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
	return x ^ x >> 29;
}

void datagram_encode(uint8_t *p, const struct load_header *h)
{
	uint64_t word = body_start(h);

	memcpy(p, h, sizeof(*h));
	for (size_t at = sizeof(*h); at < h->size; at += 8) {
		size_t left = h->size - at;

		memcpy(p + at, &word, left < 8 ? left : 8);
		word += UINT64_C(0x9e3779b97f4a7c15);
	}
}

static bool datagram_decode(struct load_header *h, const uint8_t *p, size_t len)
{
	uint64_t word;

	if (len < sizeof(*h))
		return false;
	memcpy(h, p, sizeof(*h));
	if (h->magic != DATAGRAM_MAGIC || h->size != len ||
		h->flow >= DATAGRAM_FLOWS_MAX || h->number >= DATAGRAM_NUMBER_MAX ||
		h->spare != 0)
		return false;
	word = body_start(h);
	for (size_t at = sizeof(*h); at < len; at += 8) {
		size_t left = len - at;

		if (memcmp(p + at, &word, left < 8 ? left : 8) != 0)
			return false;
		word += UINT64_C(0x9e3779b97f4a7c15);
	}
	return true;
}

static void seen_grow(struct seen *s, uint32_t least)
{
	uint32_t capacity = s->capacity ? s->capacity : 1 << 12;

	while (capacity < least)
		capacity *= 2;
	s->bits = realloc(s->bits, capacity / 8);
	if (!s->bits)
		abort();
	memset(s->bits + s->capacity / 8, 0, (capacity - s->capacity) / 8);
	s->capacity = capacity;
}

static unsigned latency_step(uint64_t ns)
{
	unsigned power = ns < 2 * LATENCY_STEPS ? 0 : 58 - (unsigned)__builtin_clzll(ns);

	return power * LATENCY_STEPS + (unsigned)(ns >> power);
}

/* The longest that the fastest share of the datagrams (0..1) was under way, ns. */
static uint64_t latency_quantile(const struct verifier *v, double share)
{
	uint64_t wanted = (uint64_t)((double)v->unique * share), seen = 0;

	for (unsigned i = 0; i < LATENCY_SIZE; i++) {
		unsigned power = i < LATENCY_STEPS ? 0 : i / LATENCY_STEPS - 1;

		seen += v->latency[i];
		if (seen > wanted)
			return (uint64_t)(i - power * LATENCY_STEPS) << power;
	}
	return 0;
}

static void verifier_take(struct verifier *v, const uint8_t *p, size_t len, uint64_t now)
{
	struct load_header h;
	struct seen *s;
	uint8_t bit;

	if (!datagram_decode(&h, p, len)) {
		v->corrupted++;
		return;
	}
	if (h.run != v->run) {
		v->strays++;
		return;
	}
	s = &v->seen[h.flow];
	v->flows += s->capacity == 0;
	if (h.number >= s->capacity)
		seen_grow(s, h.number + 1);
	bit = (uint8_t)(1U << h.number % 8);
	if (s->bits[h.number / 8] & bit) {
		v->duplicates++;
		return;
	}
	s->bits[h.number / 8] |= bit;
	v->unique++;
	v->latency[latency_step(now - h.sent_at)]++;
	v->reordered += h.number < s->next;
	if (h.number >= s->next)
		s->next = h.number + 1;
}

void verifier_reset(struct verifier *v, uint32_t run)
{
	for (unsigned i = 0; i < DATAGRAM_FLOWS_MAX; i++)
		free(v->seen[i].bits);
	memset(v, 0, sizeof(*v));
	v->run = run;
}

void verifier_print(const struct verifier *v)
{
	printf("run=%u unique=%" PRIu64 " duplicates=%" PRIu64 " reordered=%" PRIu64
	       " corrupted=%" PRIu64 " strays=%" PRIu64 " flows=%u messages=%" PRIu64
	       " p50_ns=%" PRIu64 " p99_ns=%" PRIu64 "\n",
		v->run, v->unique, v->duplicates, v->reordered, v->corrupted, v->strays,
		v->flows, v->messages, latency_quantile(v, 0.5),
		latency_quantile(v, 0.99));
	fflush(stdout);
}

int inbox_receive(struct inbox *b, int fd)
{
	for (int i = 0; i < INBOX_BATCH; i++) {
		b->pieces[i] = (struct iovec){b->buffers[i], INBOX_BUFFER};
		b->headers[i].msg_hdr = (struct msghdr){.msg_name = &b->names[i],
			.msg_namelen = sizeof(b->names[i]),
			.msg_iov = &b->pieces[i],
			.msg_iovlen = 1,
			.msg_control = b->controls[i],
			.msg_controllen = sizeof(b->controls[i])};
	}
	return recvmmsg(fd, b->headers, INBOX_BATCH, MSG_DONTWAIT, NULL);
}

/* Returns the size of each datagram but the last of those that GRO joined. */
static size_t inbox_segment(struct mmsghdr *header)
{
	struct msghdr *h = &header->msg_hdr;
	int size;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&size, CMSG_DATA(c), sizeof(size));
		return (size_t)size;
	}
	return header->msg_len ? header->msg_len : 1;
}

int verifier_receive(struct verifier *v, struct inbox *b, int fd)
{
	int count = inbox_receive(b, fd);
	uint64_t now = clock_ns();

	for (int i = 0; i < count; i++) {
		size_t len = b->headers[i].msg_len, at = 0;
		size_t segment = inbox_segment(&b->headers[i]);

		do {
			size_t left = len - at;

			left = left < segment ? left : segment;
			verifier_take(v, b->buffers[i] + at, left, now);
			at += left;
		} while (at < len);
		v->messages++;
	}
	return count > 0 ? count : 0;
}
