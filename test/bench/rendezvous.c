/* SPDX-License-Identifier: MIT */
/* What a rendezvous costs: CPU time of each kind of datagram with 1,000, 100,000 and a
 * million live services (or as many as are given), the longest call while the table grows and
 * empties, and memory. The core alone, without sockets: encoded datagrams go into rendezvous_input.
 * usage: rendezvous [SERVICES...] */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/rendezvous_parts.h"
#include "core/secrets.h"

#define SIGNED 1024  /* datagrams of the kinds that cost a signature */
#define CHEAP  51200 /* of the others */
#define BATCH  32    /* of these, between two looks at the clock */

struct datagram_in {
	struct path path;
	uint8_t data[ASK_SIZE];
	size_t len;
};

struct bench {
	struct rendezvous *r;
	struct service service; /* whose keys all services have that sign */
	struct credentials credentials;
	uint64_t now, random;
	double clock; /* ns that looking at the clock takes */
	double longest;
};

static void die(const char *what)
{
	fprintf(stderr, "rendezvous bench: %s\n", what);
	exit(1);
}

static void fill(void *arg, uint8_t *bytes, size_t len)
{
	uint64_t *state = arg;

	for (size_t i = 0; i < len; i++) {
		*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
		bytes[i] = (uint8_t)(*state >> 56);
	}
}

/* CPU time of this thread: what others do on the machine does not count. */
static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static long resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long all = 0, pages = 0;

	if (f == NULL || fscanf(f, "%ld %ld", &all, &pages) != 2)
		die("cannot read /proc/self/statm");
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

/* Sender i, each in a network of its own. */
static struct path path_of(uint32_t i)
{
	return (struct path){.local = addr_v4(192, 0, 2, 1, RENDEZVOUS_PORT),
		.remote = addr_v4((uint8_t)(20 + (i >> 16)), (uint8_t)(i >> 8),
			(uint8_t)i, 9, 40000)};
}

static void name_of(uint8_t name[CRYPTO_KEY_SIZE], uint32_t i)
{
	memset(name, 0x5a, CRYPTO_KEY_SIZE);
	memcpy(name, &i, sizeof(i));
}

/* Calls. */

static void note_longest(struct bench *b, double took)
{
	if (took > b->longest)
		b->longest = took;
}

/* Takes the answers to count datagrams, one of that type at least for each. */
static void expect(const struct bench *b, unsigned count, uint8_t type)
{
	struct datagram d;
	unsigned right = 0;

	while (rendezvous_output(b->r, &d, b->now))
		right += message_type(d.data) == type;
	if (right < count)
		die("an answer is missing");
}

/* Nanoseconds of a call for those datagrams, each of which is answered with that type. */
static double input(struct bench *b, const struct datagram_in *in, unsigned count,
	unsigned batch, uint8_t type)
{
	double sum = 0;

	for (unsigned i = 0; i < count; i += batch) {
		double begin = cpu(), took;

		for (unsigned k = i; k < i + batch; k++)
			(void)rendezvous_input(
				b->r, &in[k].path, in[k].data, in[k].len, b->now);
		took = cpu() - begin - b->clock;
		sum += took;
		expect(b, batch, type);
	}
	return sum / count;
}

static void set_clock(struct bench *b)
{
	double begin = cpu();

	for (unsigned i = 0; i < 10000; i++)
		(void)cpu();
	b->clock = (cpu() - begin) / 10000;
}

/* Leases without the signatures that would pay for them. */
static double fill_services(struct bench *b, uint32_t count)
{
	double sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct path path = path_of(i);
		uint8_t name[CRYPTO_KEY_SIZE];
		double begin, took;

		name_of(name, i);
		begin = cpu();
		if (!registry_lease(&b->r->registry, name, b->credentials.asking_public,
			    name, &path, b->now, b->now))
			die("no room for a lease");
		took = cpu() - begin - b->clock;
		sum += took;
		note_longest(b, took);
	}
	return sum / count;
}

static double expire_all(struct bench *b)
{
	double sum = 0;

	b->now += 2 * RENDEZVOUS_LEASE * SECOND + ATTEMPT_SPAN;
	while (rendezvous_next_timeout(b->r) <= b->now) {
		double begin = cpu(), took;

		rendezvous_expire(b->r, b->now);
		took = cpu() - begin - b->clock;
		sum += took;
		note_longest(b, took);
	}
	return sum;
}

/* Datagrams. */

static struct datagram_in *prepare(unsigned count)
{
	struct datagram_in *in = calloc(count, sizeof(*in));

	if (in == NULL)
		die("out of memory");
	return in;
}

/* Registrations of one service by instances that join and replace each other. */
static double registrations(struct bench *b)
{
	struct datagram_in *in = prepare(SIGNED);
	double ns;

	for (uint32_t i = 0; i < SIGNED; i++) {
		struct register_message m = {0};

		in[i].path = path_of(i);
		m.dialled = in[i].path.local;
		cookie_make(b->r, m.cookie, &in[i].path.remote, b->now);
		memcpy(m.service, b->credentials.service, sizeof(m.service));
		memcpy(m.asking, b->credentials.asking_public, sizeof(m.asking));
		m.instance[0] = (uint8_t)(i % RENDEZVOUS_HOSTS_MAX);
		in[i].len = register_encode(in[i].data, m.instance, &m, b->service.seed);
	}
	ns = input(b, in, SIGNED, 1, MESSAGE_REGISTERED);
	free(in);
	return ns;
}

/* Of services all over the table; right is whether the token is. */
static double refreshes(struct bench *b, uint32_t services, bool right)
{
	struct datagram_in *in = prepare(CHEAP);
	double ns;

	for (uint32_t i = 0; i < CHEAP; i++) {
		uint32_t k = (uint32_t)((uint64_t)i * 7919 % services);
		uint8_t token[TOKEN_SIZE];
		struct lease_message m;

		in[i].path = path_of(k);
		name_of(m.service, k);
		memcpy(m.instance, m.service, sizeof(m.instance));
		token_make(b->r, token, &in[i].path.remote, m.service, m.instance,
			token_turn(b->now));
		token[0] ^= !right;
		in[i].len =
			lease_encode(in[i].data, MESSAGE_REFRESH, m.service, &m, token);
	}
	ns = input(b, in, CHEAP, BATCH, right ? MESSAGE_REFRESHED : MESSAGE_ERROR);
	free(in);
	return ns;
}

/* Asks for services all over the table, from 1 on; by a signature the first time. */
static double asks(struct bench *b, uint32_t services, bool first, unsigned count)
{
	static const uint8_t payload[100] = {0};
	struct datagram_in *in = prepare(count);
	double ns;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t k = i % SIGNED;
		uint8_t id[ID_SIZE] = {0xa5}, token[TOKEN_SIZE];
		struct ask_message m = {.payload = payload,
			.payload_len = sizeof(payload),
			.proof_kind = first ? PROOF_SIGNATURE : PROOF_TOKEN};

		memcpy(id + 1, &k, sizeof(k));
		in[i].path = path_of(k);
		m.dialled = in[i].path.local;
		name_of(m.service, (uint32_t)((uint64_t)k * 7919 % services));
		cookie_make(b->r, m.cookie, &in[i].path.remote, b->now);
		token_make(b->r, token, &in[i].path.remote, m.service, NULL,
			token_turn(b->now));
		in[i].len = ask_encode(
			in[i].data, id, &m, first ? b->credentials.asking_seed : token);
	}
	ns = input(b, in, count, first ? 1 : BATCH, MESSAGE_ASKED);
	free(in);
	return ns;
}

static double cookies(struct bench *b)
{
	struct datagram_in *in = prepare(CHEAP);
	uint8_t id[ID_SIZE] = {1};
	double ns;

	for (uint32_t i = 0; i < CHEAP; i++) {
		in[i].path = path_of(i);
		in[i].len = cookie_ask_encode(in[i].data, id);
	}
	ns = input(b, in, CHEAP, BATCH, MESSAGE_COOKIE);
	free(in);
	return ns;
}

static void start(struct bench *b, uint32_t services)
{
	struct rendezvous_config config;

	*b = (struct bench){.random = 7, .now = 1000 * SECOND};
	rendezvous_config_init(&config);
	config.entropy = (struct entropy){fill, &b->random};
	config.services_max = services + RENDEZVOUS_HOSTS_MAX;
	service_generate(&b->service, &config.entropy);
	credentials_of(&b->credentials, &b->service);
	b->r = rendezvous_new(&config, b->now);
	if (b->r == NULL)
		die("out of memory");
	set_clock(b);
}

/* Microseconds of the longest call while the table grows from nothing and all of it ends: the
 * shortest of three, since processors stop for other things, too. */
static double longest_pause(uint32_t services)
{
	double shortest = 1e9;

	for (unsigned i = 0; i < 3; i++) {
		struct bench b;

		start(&b, services);
		fill_services(&b, services);
		expire_all(&b);
		rendezvous_free(b.r);
		if (b.longest < shortest)
			shortest = b.longest;
	}
	return shortest / 1e3;
}

static void measure(uint32_t services)
{
	struct bench b;
	long before;
	double grow, bytes, expired;

	malloc_trim(0); /* what the last ones left */
	start(&b, services);
	before = resident();
	grow = fill_services(&b, services);
	bytes = (double)(resident() - before) / services;
	printf("%9u %9.0f %9.1f", services, bytes, registrations(&b) / 1e3);
	printf(" %9.1f", asks(&b, services, true, SIGNED) / 1e3);
	printf(" %9.2f %9.2f", asks(&b, services, false, CHEAP) / 1e3,
		refreshes(&b, services, true) / 1e3);
	printf(" %9.2f %9.2f", refreshes(&b, services, false) / 1e3, cookies(&b) / 1e3);
	expired = expire_all(&b) / services;
	rendezvous_free(b.r);
	printf(" %9.2f %9.2f %9.0f\n", grow / 1e3, expired / 1e3,
		longest_pause(services));
}

int main(int argc, char **argv)
{
	printf("us of CPU time for each; a core does as many a second as fit\n"
	       "%9s %9s %9s %9s %9s %9s %9s %9s %9s %9s %9s\n",
		"services", "bytes", "register", "first ask", "ask again", "refresh",
		"refused", "cookie", "new lease", "its end", "longest");
	if (argc == 1) {
		measure(1000);
		measure(100000);
		measure(1000000);
	}
	for (int i = 1; i < argc; i++)
		measure((uint32_t)strtoul(argv[i], NULL, 10));
	return 0;
}
