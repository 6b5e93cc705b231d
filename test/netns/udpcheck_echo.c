/* SPDX-License-Identifier: MIT */
/* The echo: sends back what comes, tells of each new source, and of pushes later. */
#include "udpcheck.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define SOURCES_MAX 4096
#define PUSHES_MAX  256

struct push {
	struct endpoint to;
	uint64_t due_at; /* 0 is a free place */
	uint64_t seq;
};

struct echo {
	int fd;
	uint64_t received, bytes;
	struct endpoint sources[SOURCES_MAX];
	size_t source_count;
	struct push pushes[PUSHES_MAX];
};

static void print_source(const struct endpoint *e)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&e->addr;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&e->addr;
	char text[INET6_ADDRSTRLEN];

	if (e->addr.ss_family == AF_INET)
		printf("source %s %u\n",
			inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text)),
			ntohs(in->sin_port));
	else
		printf("source %s %u\n",
			inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text)),
			ntohs(in6->sin6_port));
}

static void echo_note_source(struct echo *s, const struct endpoint *from)
{
	for (size_t i = s->source_count; i-- > 0;)
		if (s->sources[i].len == from->len &&
			memcmp(&s->sources[i].addr, &from->addr, from->len) == 0)
			return;
	if (s->source_count < SOURCES_MAX)
		s->sources[s->source_count++] = *from;
	print_source(from);
}

/* A push request holds the delay in place of the sequence number. */
static bool echo_take_push(
	struct echo *s, const struct endpoint *from, const uint8_t *buf, size_t len)
{
	struct header h;

	if (len < sizeof(h))
		return false;
	memcpy(&h, buf, sizeof(h));
	if (h.magic != MAGIC_PUSH)
		return false;
	for (size_t i = 0; i < PUSHES_MAX; i++)
		if (s->pushes[i].due_at == 0) {
			s->pushes[i] = (struct push){
				*from, now_ns() + h.seq * MILLISECOND_NS, h.seq};
			break;
		}
	return true;
}

/* Sends what is due and returns when the next push is. */
static uint64_t echo_push(struct echo *s)
{
	uint64_t next = now_ns() + SECOND_NS;

	for (size_t i = 0; i < PUSHES_MAX; i++) {
		struct push *p = &s->pushes[i];
		struct header h = {MAGIC_PUSH, 0, p->seq};

		if (p->due_at == 0)
			continue;
		if (p->due_at <= now_ns()) {
			(void)sendto(s->fd, &h, sizeof(h), 0,
				(struct sockaddr *)&p->to.addr, p->to.len);
			p->due_at = 0;
		} else if (p->due_at < next) {
			next = p->due_at;
		}
	}
	return next;
}

static void echo_answer(struct echo *s)
{
	static uint8_t buf[PAYLOAD_MAX + 1];

	for (;;) {
		struct endpoint from = {.len = sizeof(from.addr)};
		ssize_t n;

		memset(&from.addr, 0, sizeof(from.addr));
		n = recvfrom(s->fd, buf, sizeof(buf), 0, (struct sockaddr *)&from.addr,
			&from.len);
		if (n < 0)
			return;
		s->received++;
		s->bytes += (uint64_t)n;
		echo_note_source(s, &from);
		if (!echo_take_push(s, &from, buf, (size_t)n))
			(void)sendto(s->fd, buf, (size_t)n, 0,
				(struct sockaddr *)&from.addr, from.len);
	}
}

int echo_run(const char *host, const char *port)
{
	static struct echo s;
	struct endpoint local = parse_endpoint(host, port);

	s.fd = open_socket(&local);
	if (bind(s.fd, (struct sockaddr *)&local.addr, local.len) < 0)
		die("bind");
	printf("listening %s %s\n", host, port);
	while (!stopped) {
		wait_readable(s.fd, echo_push(&s));
		echo_answer(&s);
	}
	printf("echoed=%" PRIu64 " bytes=%" PRIu64 " sources=%zu\n", s.received, s.bytes,
		s.source_count);
	return 0;
}
