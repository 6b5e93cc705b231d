/* SPDX-License-Identifier: MIT */
/* The client: sends datagrams and judges what comes back. */
#include "udpcheck.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define WINDOW_BYTES     100000 /* a sweep's datagrams under way, to suit default buffers */
#define WINDOW_DATAGRAMS 16

struct check {
	int fd;
	uint32_t run;
	const struct options *o;
	bool sweep;
	uint64_t total; /* datagrams to send */
	uint64_t *sent_at;
	uint32_t *rtt_us; /* in order of arrival */
	bool *answered;
	uint64_t sent, received, duplicated, reordered, corrupted, bytes;
	uint64_t highest; /* 1 + highest sequence number answered */
	uint64_t progress_at, gap_ns;
	uint64_t under_way, under_way_bytes; /* of a sweep */
};

/* Fills a datagram so that each byte depends on its place and on the sequence number. */
static void fill(uint8_t *buf, size_t len, uint32_t run, uint64_t seq)
{
	struct header h = {MAGIC_DATA, run, seq};
	uint64_t x = seq * UINT64_C(0x9e3779b97f4a7c15) + run + 1;

	for (size_t i = 0; i < len; i += sizeof(x)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(buf + i, &x, len - i < sizeof(x) ? len - i : sizeof(x));
	}
	if (len >= HEADER_LEN)
		memcpy(buf, &h, sizeof(h));
}

static size_t check_size(const struct check *c, uint64_t seq)
{
	return c->sweep ? c->o->from + (size_t)seq * c->o->step : c->o->size;
}

/* In a sweep the length names the datagram, for short ones have room for nothing else. */
static bool check_identify(
	const struct check *c, const uint8_t *buf, size_t len, uint64_t *seq)
{
	struct header h;

	if (c->sweep) {
		if (len < c->o->from || len > c->o->to ||
			(len - c->o->from) % c->o->step != 0)
			return false;
		*seq = (len - c->o->from) / c->o->step;
		return *seq < c->sent;
	}
	if (len != c->o->size)
		return false;
	memcpy(&h, buf, sizeof(h));
	*seq = h.seq;
	return h.magic == MAGIC_DATA && h.run == c->run && h.seq < c->sent;
}

static void check_note_gap(struct check *c, uint64_t now)
{
	if (now - c->progress_at > c->gap_ns)
		c->gap_ns = now - c->progress_at;
}

static void check_answer(struct check *c, const uint8_t *buf, size_t len)
{
	static uint8_t want[PAYLOAD_MAX];
	uint64_t seq, now = now_ns();

	if (!check_identify(c, buf, len, &seq)) {
		c->corrupted++;
		return;
	}
	fill(want, len, c->run, seq);
	if (memcmp(want, buf, len) != 0) {
		c->corrupted++;
		return;
	}
	if (c->answered[seq]) {
		c->duplicated++;
		return;
	}
	c->answered[seq] = true;
	if (seq + 1 < c->highest)
		c->reordered++;
	else
		c->highest = seq + 1;
	c->rtt_us[c->received++] = (uint32_t)((now - c->sent_at[seq]) / 1000);
	c->bytes += len;
	check_note_gap(c, now);
	c->progress_at = now;
	if (c->o->every && c->received % c->o->every == 0)
		printf("answered %" PRIu64 "\n", c->received);
	if (c->under_way > 0) {
		c->under_way--;
		c->under_way_bytes -= len < c->under_way_bytes ? len : c->under_way_bytes;
	}
}

/* Errors are ICMP's of a restarting peer, and not what is measured here. */
static void check_receive(struct check *c)
{
	static uint8_t buf[PAYLOAD_MAX + 1];

	for (int errors = 0; errors < 16;) {
		ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

		if (n >= 0)
			check_answer(c, buf, (size_t)n);
		else if (errno == EAGAIN)
			return;
		else
			errors++;
	}
}

static void check_send(struct check *c)
{
	static uint8_t buf[PAYLOAD_MAX];
	uint64_t seq = c->sent++;
	size_t size = check_size(c, seq);

	fill(buf, size, c->run, seq);
	c->sent_at[seq] = now_ns();
	if (send(c->fd, buf, size, 0) < 0 && errno == ECONNREFUSED)
		(void)send(c->fd, buf, size, 0); /* the error was an earlier one's */
	c->under_way++;
	c->under_way_bytes += size;
}

/* Tells when the next datagram may leave: by rate, or in a sweep by what is under way. */
static uint64_t check_next_send(struct check *c, uint64_t start)
{
	uint64_t lost_at = c->progress_at + c->o->timeout_ms * MILLISECOND_NS;
	uint64_t now = now_ns();

	if (!c->sweep)
		return start + c->sent * SECOND_NS / c->o->rate;
	if (c->under_way == 0)
		return now;
	if (now >= lost_at) {
		c->under_way = c->under_way_bytes = 0;
		c->progress_at = now;
		return now;
	}
	if (c->under_way < WINDOW_DATAGRAMS &&
		c->under_way_bytes + check_size(c, c->sent) <= WINDOW_BYTES)
		return now;
	return lost_at;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int check_report(struct check *c)
{
	uint64_t lost = c->sent - c->received;

	qsort(c->rtt_us, c->received, sizeof(*c->rtt_us), compare_u32);
	printf("sent=%" PRIu64 " received=%" PRIu64 " lost=%" PRIu64
	       " duplicated=%" PRIu64 " reordered=%" PRIu64 " corrupted=%" PRIu64
	       " bytes=%" PRIu64,
		c->sent, c->received, lost, c->duplicated, c->reordered, c->corrupted,
		c->bytes);
	printf(" rtt_us=%" PRIu32 " longest_gap_ms=%" PRIu64 "\n",
		c->received ? c->rtt_us[c->received / 2] : 0, c->gap_ns / MILLISECOND_NS);
	return lost || c->duplicated || c->reordered || c->corrupted || !c->sent;
}

static void check_loop(struct check *c)
{
	uint64_t start = now_ns(), deadline;

	c->progress_at = start;
	while (c->sent < c->total && !stopped) {
		uint64_t next = check_next_send(c, start);

		if (next <= now_ns())
			check_send(c);
		else
			wait_readable(c->fd, next);
		check_receive(c);
	}
	if (c->received < c->sent)
		check_note_gap(c, now_ns());
	deadline = now_ns() + c->o->timeout_ms * MILLISECOND_NS;
	while (c->received < c->sent && now_ns() < deadline) {
		wait_readable(c->fd, deadline);
		check_receive(c);
	}
}

/* Opens a socket that hears only the given endpoint. */
static int connect_to(const char *host, const char *port)
{
	struct endpoint remote = parse_endpoint(host, port);
	int fd = open_socket(&remote);

	if (connect(fd, (struct sockaddr *)&remote.addr, remote.len) < 0)
		die("connect");
	return fd;
}

int check_run(const char *host, const char *port, const struct options *o, uint64_t total,
	bool sweep)
{
	struct check c = {.o = o, .sweep = sweep, .total = total};

	c.fd = connect_to(host, port);
	if (getrandom(&c.run, sizeof(c.run), 0) < 0)
		die("getrandom");
	c.sent_at = calloc(total, sizeof(*c.sent_at));
	c.rtt_us = calloc(total, sizeof(*c.rtt_us));
	c.answered = calloc(total, sizeof(*c.answered));
	if (!c.sent_at || !c.rtt_us || !c.answered)
		die("calloc");
	check_loop(&c);
	return check_report(&c);
}

int push_run(const char *host, const char *port, const struct options *o)
{
	struct header h = {MAGIC_PUSH, 0, o->delay_ms};
	uint64_t due_at = now_ns() + o->delay_ms * MILLISECOND_NS;
	int fd = connect_to(host, port);

	if (send(fd, &h, sizeof(h), 0) < 0)
		die("send");
	while (now_ns() < due_at + o->timeout_ms * MILLISECOND_NS && !stopped) {
		wait_readable(fd, due_at + o->timeout_ms * MILLISECOND_NS);
		if (recv(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h) ||
			h.magic != MAGIC_PUSH)
			continue;
		printf("pushed delay_ms=%" PRIu64 " late_ms=%" PRId64 "\n", o->delay_ms,
			((int64_t)now_ns() - (int64_t)due_at) / (int64_t)MILLISECOND_NS);
		return 0;
	}
	printf("pushed delay_ms=%" PRIu64 " late_ms=never\n", o->delay_ms);
	return 1;
}
