/* SPDX-License-Identifier: MIT */
/* A round asks for all names that are wanted, each family by itself, so that a name
 * server which keeps silent about one family does not hold back the other. What has come
 * is told 50 ms after the first answer (RFC 8305, section 3) and at the end of the round.
 * Each round has name servers read anew: they change with the network. */
#include "net/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/dns.h"
#include "net/system.h"

#define TIMEOUT_MS 1000
#define PAUSE_MS   5000
#define GATHER     0.05 /* seconds */
#define RETRY_MIN  2.0  /* seconds */
#define RETRY_MAX  60.0

#define FAMILIES 2
static const uint8_t families[FAMILIES] = {ADDR_V6, ADDR_V4};

struct name {
	char host[RESOLVE_HOST_MAX];
	uint16_t port;
	bool fixed;                          /* an address, or no name at all */
	bool wanted;                         /* in the next round */
	bool asked;                          /* in this round, and not concluded */
	bool taken[FAMILIES];                /* this round's answer has been looked at */
	struct dns_answer answers[FAMILIES]; /* of this round */
	struct addr known[FAMILIES][DNS_ADDRS_MAX];
	size_t known_count[FAMILIES];
	const char *why;  /* why this round gave no address; NULL if it did */
	const char *said; /* the why that was told last */
};

struct names {
	struct ev_loop *loop;
	names_told *told;
	void *arg;
	char *servers;
	unsigned timeout_ms;
	double pause; /* seconds between rounds that names_again asks for */
	struct name names[NAMES_MAX];
	size_t count;
	struct dns *dns; /* the round under way; NULL between rounds */
	ev_timer next;   /* the next round */
	ev_timer gather; /* the end of the 50 ms */
	double begun_at; /* of the last round, by ev_now */
	double retry;    /* seconds; 0 while nothing fails */
	bool again, cut; /* asked for another round; this one cut another short */
	struct addr addrs[NAMES_ADDRS_MAX]; /* as told last */
	uint8_t origins[NAMES_ADDRS_MAX];   /* index of the name of each */
	size_t addr_count;
};

static bool is_listed(const struct addr *addrs, size_t count, const struct addr *a)
{
	for (size_t i = 0; i < count; i++) {
		if (addr_equal(&addrs[i], a))
			return true;
	}
	return false;
}

static void list_known(
	struct names *n, const struct name *name, unsigned family, size_t depth)
{
	const struct addr *a = &name->known[family][depth];

	if (depth >= name->known_count[family] || n->addr_count == NAMES_ADDRS_MAX ||
		is_listed(n->addrs, n->addr_count, a))
		return;
	n->origins[n->addr_count] = (uint8_t)(name - n->names);
	n->addrs[n->addr_count++] = *a;
}

/* Lists one address of each name and family in turn, so that no name with many of them
 * crowds out another. Returns true if the list is another set than before. */
static bool list_all(struct names *n)
{
	struct addr before[NAMES_ADDRS_MAX];
	size_t count = n->addr_count;

	memcpy(before, n->addrs, sizeof(before));
	n->addr_count = 0;
	for (size_t depth = 0; depth < DNS_ADDRS_MAX; depth++) {
		for (unsigned family = 0; family < FAMILIES; family++) {
			for (size_t i = 0; i < n->count; i++)
				list_known(n, &n->names[i], family, depth);
		}
	}
	if (n->addr_count != count)
		return true;
	for (size_t i = 0; i < count; i++) {
		if (!is_listed(before, count, &n->addrs[i]))
			return true;
	}
	return false;
}

static void tell_failure(struct names *n, struct name *name)
{
	char text[RESOLVE_HOST_MAX + 96];

	if (!name->why || name->why == name->said)
		return;
	name->said = name->why;
	(void)snprintf(text, sizeof(text), "%s: %s", name->host, name->why);
	n->told(n->arg, n->addrs, n->addr_count, text);
}

static void tell(struct names *n)
{
	ev_timer_stop(n->loop, &n->gather);
	if (list_all(n))
		n->told(n->arg, n->addrs, n->addr_count, NULL);
	for (size_t i = 0; i < n->count; i++) {
		if (!n->names[i].asked)
			tell_failure(n, &n->names[i]);
	}
}

static void on_gather(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop, (void)revents;
	tell(timer->data);
}

/* Takes the addresses of a family that has been answered. Returns true if it did. */
static bool take(struct name *name, unsigned family)
{
	const struct dns_answer *answer = &name->answers[family];

	if (name->taken[family] || answer->result == DNS_PENDING)
		return false;
	name->taken[family] = true;
	if (answer->result != DNS_FOUND)
		return false;
	name->known_count[family] = answer->count;
	for (size_t i = 0; i < answer->count; i++) {
		name->known[family][i] = answer->addrs[i];
		name->known[family][i].port = name->port;
	}
	return true;
}

/* Both families have been answered. What was known before is given up only on better
 * knowledge: a family that is certainly gone, where the other is there. */
static void conclude(struct name *name)
{
	bool found = false;

	name->asked = false;
	for (unsigned family = 0; family < FAMILIES; family++)
		found |= name->answers[family].result == DNS_FOUND;
	name->why = NULL;
	for (unsigned family = 0; family < FAMILIES; family++) {
		const struct dns_answer *answer = &name->answers[family];

		if (found && answer->result == DNS_NONE)
			name->known_count[family] = 0;
		if (!found && (!name->why || answer->result == DNS_FAILED))
			name->why = answer->why;
	}
	name->wanted = !found;
	if (found)
		name->said = NULL;
}

static void schedule(struct names *n, double at)
{
	double after = at - ev_now(n->loop);

	ev_timer_stop(n->loop, &n->next);
	ev_timer_set(&n->next, after > 0.0 ? after : 0.0, 0.0);
	ev_timer_start(n->loop, &n->next);
}

static void schedule_retry(struct names *n)
{
	bool wanted = false;

	for (size_t i = 0; i < n->count; i++)
		wanted |= n->names[i].wanted;
	if (n->again) {
		schedule(n, n->begun_at + n->pause);
	} else if (wanted) {
		n->retry = n->retry > 0.0 ? 2.0 * n->retry : RETRY_MIN;
		n->retry = n->retry < RETRY_MAX ? n->retry : RETRY_MAX;
		schedule(n, ev_now(n->loop) + n->retry);
	} else {
		n->retry = 0.0;
	}
}

static void end_round(struct names *n)
{
	dns_free(n->dns);
	n->dns = NULL;
	schedule_retry(n);
	tell(n);
}

static void on_progress(void *arg)
{
	struct names *n = arg;
	bool fresh = false, pending = false;

	for (size_t i = 0; i < n->count; i++) {
		struct name *name = &n->names[i];

		if (!name->asked)
			continue;
		for (unsigned family = 0; family < FAMILIES; family++)
			fresh |= take(name, family);
		if (name->taken[0] && name->taken[1])
			conclude(name);
		fresh |= !name->asked;
		pending |= name->asked;
	}
	if (!pending) {
		end_round(n);
	} else if (fresh && !ev_is_active(&n->gather)) {
		ev_timer_set(&n->gather, GATHER, 0.0);
		ev_timer_start(n->loop, &n->gather);
	}
}

static void ask(struct names *n, struct name *name)
{
	name->wanted = false;
	name->asked = true;
	for (unsigned family = 0; family < FAMILIES; family++) {
		name->taken[family] = false;
		dns_ask(n->dns, name->host, families[family], &name->answers[family]);
	}
}

static void fail_all(struct names *n)
{
	for (size_t i = 0; i < n->count; i++) {
		if (n->names[i].wanted)
			n->names[i].why = "out of memory or descriptors";
	}
}

static bool begin_round(struct names *n)
{
	bool any = false;

	n->begun_at = ev_now(n->loop);
	n->dns = dns_new(n->loop, n->servers, n->timeout_ms, on_progress, n);
	if (!n->dns) {
		fail_all(n);
		return false;
	}
	for (size_t i = 0; i < n->count; i++) {
		if (n->names[i].wanted) {
			ask(n, &n->names[i]);
			any = true;
		}
	}
	return any;
}

/* Questions of a round that is cut short are asked again in the next. */
static void prepare_round(struct names *n)
{
	n->cut = n->dns != NULL;
	dns_free(n->dns);
	n->dns = NULL;
	for (size_t i = 0; i < n->count; i++) {
		struct name *name = &n->names[i];

		name->wanted |= name->asked || (n->again && !name->fixed);
		name->asked = false;
	}
	n->again = false;
}

static void on_next(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct names *n = timer->data;

	(void)loop, (void)revents;
	prepare_round(n);
	if (!begin_round(n))
		end_round(n);
}

static void fix(struct name *name, const struct addr *a)
{
	bool v4 = a->family == ADDR_V4;

	name->known[v4][0] = *a;
	name->known_count[v4] = 1;
	name->fixed = true;
}

/* RFC 6761, section 6.3. The c-ares of Debian 12 would leak memory over it. */
static void fix_localhost(struct name *name)
{
	const struct addr v4 = addr_v4(127, 0, 0, 1, name->port);
	const struct addr v6 = {.family = ADDR_V6, .port = name->port, .ip = {[15] = 1}};

	fix(name, &v4);
	fix(name, &v6);
}

static void init_name(struct name *name, const char *text, uint16_t default_port)
{
	struct addr a;

	name->port = default_port;
	if (resolve_numeric(&a, text, default_port)) {
		fix(name, &a);
		return;
	}
	name->why = resolve_split(text, name->host, &name->port);
	if (name->why) {
		(void)snprintf(name->host, sizeof(name->host), "%s", text);
		name->fixed = true;
	} else if (strcasecmp(name->host, "localhost") == 0) {
		fix_localhost(name);
	}
	name->wanted = !name->fixed;
}

struct names *names_new(struct ev_loop *loop, const struct names_config *config)
{
	struct names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->loop = loop;
	n->told = config->told;
	n->arg = config->arg;
	n->timeout_ms = config->timeout_ms ? config->timeout_ms : TIMEOUT_MS;
	n->pause = (config->pause_ms ? config->pause_ms : PAUSE_MS) / 1e3;
	if (config->servers && !(n->servers = strdup(config->servers))) {
		free(n);
		return NULL;
	}
	n->count = config->count < NAMES_MAX ? config->count : NAMES_MAX;
	for (size_t i = 0; i < n->count; i++)
		init_name(&n->names[i], config->texts[i], config->default_port);
	ev_init(&n->gather, on_gather);
	ev_init(&n->next, on_next);
	n->gather.data = n->next.data = n;
	schedule(n, 0.0);
	return n;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	dns_free(n->dns);
	ev_timer_stop(n->loop, &n->next);
	ev_timer_stop(n->loop, &n->gather);
	free(n->servers);
	free(n);
}

/* A round that itself cut another short runs to its end: else, were we asked all the
 * time, a slow name server would never come to answer. */
void names_again(struct names *n)
{
	for (size_t i = 0; i < n->count; i++) {
		if (!n->names[i].fixed)
			n->names[i].said = NULL;
	}
	n->retry = 0.0;
	n->again = true;
	if (!n->dns || !n->cut)
		schedule(n, n->begun_at + n->pause);
}

size_t names_origin(const struct names *n, const struct addr *addr)
{
	for (size_t i = 0; i < n->addr_count; i++) {
		if (addr_equal(&n->addrs[i], addr))
			return n->origins[i];
	}
	return NAMES_MAX;
}
