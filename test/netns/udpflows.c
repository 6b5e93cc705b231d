/* SPDX-License-Identifier: MIT */
/* Many flows at once for as long as wanted, and what became of every datagram: one line for
 * each second in which datagrams were sent, so that losses can be held against what happened
 * then. Memory does not grow with time. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLOWS_MAX      1000
#define RING           1024 /* datagrams of a flow that are remembered */
#define BUCKETS        64   /* seconds that are remembered */
#define LOST_AFTER     5    /* seconds without an answer */
#define LARGEST        9000 /* payload, bytes */
#define MAGIC          0x666c6f77U
#define SECOND_NS      UINT64_C(1000000000)
#define MILLISECOND_NS UINT64_C(1000000)
/* More is not caught up with: a burst gets lost. */
#define BEHIND_NS (50 * MILLISECOND_NS)

/* At the start of each datagram; what follows is made from it. */
struct header {
	uint32_t magic, run, flow, pad;
	uint64_t seq;
};

struct datagram {
	uint64_t second; /* when it was sent, since 1970 */
	bool answered;
};

struct flow {
	int fd;
	uint64_t sent;    /* also the next sequence number */
	uint64_t highest; /* 1 + the highest answered */
	struct datagram ring[RING];
};

/* One second's datagrams, by when they were sent. */
struct bucket {
	uint64_t second;
	uint64_t sent, received, late, duplicated, reordered, corrupted;
	uint64_t behind_ns; /* how long this process had not run before it sent */
};

struct flows {
	uint32_t run;
	size_t count;
	uint64_t told;    /* seconds up to this one have had their lines */
	uint64_t foreign; /* answers that name no datagram */
	uint64_t duplicated,
		corrupted; /* also those that came after their second's line */
	struct bucket buckets[BUCKETS];
	struct flow flow[FLOWS_MAX];
};

static volatile sig_atomic_t stopped;

static void on_signal(int signo)
{
	(void)signo;
	stopped = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "udpflows: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Of a hundred datagrams 78 are small, 20 about an MTU's size, 2 larger than any. */
static size_t size_of(uint32_t flow, uint64_t seq)
{
	uint64_t x = mix(seq * FLOWS_MAX + flow);
	uint64_t kind = x % 100, more = x >> 32;

	if (kind < 78)
		return sizeof(struct header) + more % 300;
	if (kind < 98)
		return 1100 + more % 500;
	return 2000 + more % (LARGEST - 2000);
}

static size_t fill(uint8_t *buf, uint32_t run, uint32_t flow, uint64_t seq)
{
	struct header h = {MAGIC, run, flow, 0, seq};
	uint64_t x = mix(run ^ mix(seq * FLOWS_MAX + flow));
	size_t len = size_of(flow, seq);

	memcpy(buf, &h, sizeof(h));
	for (size_t i = sizeof(h); i < len; i += sizeof(x)) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		memcpy(buf + i, &x, len - i < sizeof(x) ? len - i : sizeof(x));
	}
	return len;
}

/* Seconds. */

static struct bucket *bucket_of(struct flows *f, uint64_t second)
{
	struct bucket *b = &f->buckets[second % BUCKETS];

	if (b->second != second)
		*b = (struct bucket){.second = second};
	return b;
}

static void tell(const struct bucket *b)
{
	printf("second %" PRIu64 " sent=%" PRIu64 " lost=%" PRIu64 " late=%" PRIu64
	       " duplicated=%" PRIu64 " reordered=%" PRIu64 " corrupted=%" PRIu64
	       " behind_ms=%" PRIu64 "\n",
		b->second, b->sent, b->sent - b->received, b->late, b->duplicated,
		b->reordered, b->corrupted, b->behind_ns / MILLISECOND_NS);
}

static void tell_until(struct flows *f, uint64_t second)
{
	for (; f->told < second; f->told++)
		if (f->buckets[(f->told + 1) % BUCKETS].second == f->told + 1)
			tell(&f->buckets[(f->told + 1) % BUCKETS]);
}

/* Datagrams. */

static void send_one(struct flows *f, uint32_t number, uint64_t second)
{
	static uint8_t buf[LARGEST];
	struct flow *flow = &f->flow[number];
	uint64_t seq = flow->sent++;
	size_t len = fill(buf, f->run, number, seq);

	flow->ring[seq % RING] = (struct datagram){.second = second};
	bucket_of(f, second)->sent++;
	if (send(flow->fd, buf, len, 0) < 0 && errno == ECONNREFUSED)
		(void)send(flow->fd, buf, len, 0); /* the error was an earlier one's */
}

static void note_answer(struct flows *f, struct flow *flow, uint64_t seq, uint64_t second)
{
	struct datagram *d = &flow->ring[seq % RING];
	struct bucket *b = bucket_of(f, d->second);

	if (d->answered) {
		b->duplicated++;
		f->duplicated++;
		return;
	}
	d->answered = true;
	if (seq + 1 < flow->highest)
		b->reordered++;
	else
		flow->highest = seq + 1;
	if (second > d->second + LOST_AFTER)
		b->late++;
	else
		b->received++;
}

static void take_answer(
	struct flows *f, uint32_t number, const uint8_t *buf, size_t len, uint64_t second)
{
	static uint8_t want[LARGEST];
	struct flow *flow = &f->flow[number];
	struct header h;

	if (len < sizeof(h)) {
		f->foreign++;
		return;
	}
	memcpy(&h, buf, sizeof(h));
	if (h.magic != MAGIC || h.run != f->run || h.flow != number ||
		h.seq >= flow->sent || h.seq + RING < flow->sent) {
		f->foreign++;
		return;
	}
	if (fill(want, f->run, number, h.seq) == len && memcmp(want, buf, len) == 0) {
		note_answer(f, flow, h.seq, second);
		return;
	}
	bucket_of(f, flow->ring[h.seq % RING].second)->corrupted++;
	f->corrupted++;
}

/* Errors are ICMP's of a restarting peer. */
static void receive_all(struct flows *f, uint32_t number)
{
	static uint8_t buf[65536];

	for (int errors = 0; errors < 16;) {
		ssize_t n = recv(f->flow[number].fd, buf, sizeof(buf), 0);

		if (n >= 0)
			take_answer(f, number, buf, (size_t)n,
				read_clock(CLOCK_REALTIME) / SECOND_NS);
		else if (errno == EAGAIN)
			return;
		else
			errors++;
	}
}

/* The whole. */

static void open_flows(struct flows *f, const char *host, const char *port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

	if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
		die(host);
	for (size_t i = 0; i < f->count; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
			die("socket");
		f->flow[i].fd = fd;
	}
}

static void receive_until(struct flows *f, uint64_t until)
{
	static struct pollfd fds[FLOWS_MAX];
	uint64_t now = read_clock(CLOCK_MONOTONIC);
	struct timespec ts = {0, until > now ? (long)((until - now) % SECOND_NS) : 0};

	for (size_t i = 0; i < f->count; i++)
		fds[i] = (struct pollfd){.fd = f->flow[i].fd, .events = POLLIN};
	if (ppoll(fds, f->count, &ts, NULL) <= 0)
		return;
	for (size_t i = 0; i < f->count; i++)
		if (fds[i].revents)
			receive_all(f, (uint32_t)i);
}

/* Returns when the datagram that was due at next really leaves, which is now. */
static uint64_t catch_up(struct flows *f, uint64_t next, uint64_t now, uint64_t second)
{
	struct bucket *b = bucket_of(f, second);

	if (now - next > b->behind_ns)
		b->behind_ns = now - next;
	return now - next > BEHIND_NS ? now : next;
}

/* The flows take turns, so that datagrams leave evenly. */
static void run(struct flows *f, uint64_t interval_ns)
{
	uint64_t next = read_clock(CLOCK_MONOTONIC), total = 0, end;

	f->told = read_clock(CLOCK_REALTIME) / SECOND_NS - 1;
	while (!stopped) {
		uint64_t second = read_clock(CLOCK_REALTIME) / SECOND_NS;
		uint64_t now = read_clock(CLOCK_MONOTONIC);

		if (now >= next) {
			next = catch_up(f, next, now, second) + interval_ns;
			send_one(f, (uint32_t)(total++ % f->count), second);
		}
		receive_until(f, next);
		tell_until(f, second - LOST_AFTER - 2);
	}
	end = read_clock(CLOCK_MONOTONIC) + SECOND_NS;
	while (read_clock(CLOCK_MONOTONIC) < end)
		receive_until(f, end);
	tell_until(f, read_clock(CLOCK_REALTIME) / SECOND_NS);
	printf("total sent=%" PRIu64 " duplicated=%" PRIu64 " corrupted=%" PRIu64
	       " foreign=%" PRIu64 "\n",
		total, f->duplicated, f->corrupted, f->foreign);
}

int main(int argc, char **argv)
{
	static struct flows f;
	struct sigaction action = {.sa_handler = on_signal};
	uint64_t rate;

	if (argc != 5 || (f.count = strtoul(argv[3], NULL, 10)) < 1 ||
		f.count > FLOWS_MAX || (rate = strtoull(argv[4], NULL, 10)) < 1) {
		fputs("usage: udpflows ADDR PORT FLOWS DATAGRAMS_PER_SECOND\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (getrandom(&f.run, sizeof(f.run), 0) < 0)
		die("getrandom");
	open_flows(&f, argv[1], argv[2]);
	run(&f, SECOND_NS / rate);
	return 0;
}
