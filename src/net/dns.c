/* SPDX-License-Identifier: MIT */
#include "net/dns.h"

#include <ares.h>
#include <stdlib.h>
#include <sys/time.h>
#include <utlist.h>

#include "net/sockaddr.h"

#define TRIES 3
#define SOON  1e-9 /* seconds */

/* One of c-ares' sockets. */
struct watch {
	ev_io io;
	struct dns *dns;
	struct watch *prev, *next;
};

/* What c-ares gets to know of a question. */
struct question {
	struct dns *dns;
	struct dns_answer *answer;
};

struct dns {
	struct ev_loop *loop;
	void (*progress)(void *arg);
	void *arg;
	ares_channel channel;
	ev_timer timer; /* c-ares' own, and for answers that came without waiting */
	struct watch *watches;
	bool fresh; /* answers came that nobody was told of */
};

/* A time-out for c-ares, in seconds. */
static double wait_of(struct dns *dns)
{
	struct timeval room, *wait = ares_timeout(dns->channel, NULL, &room);

	if (dns->fresh)
		return SOON;
	if (!wait)
		return 0.0; /* nothing is under way */
	return (double)wait->tv_sec + (double)wait->tv_usec / 1e6 + SOON;
}

static void set_timer(struct dns *dns)
{
	dns->timer.repeat = wait_of(dns);
	ev_timer_again(dns->loop, &dns->timer); /* stops it if that is 0 */
}

/* Ends whatever may have brought answers. */
static void settle(struct dns *dns)
{
	bool fresh = dns->fresh;

	dns->fresh = false;
	set_timer(dns);
	if (fresh)
		dns->progress(dns->arg);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct dns *dns = timer->data;

	(void)loop, (void)revents;
	ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	settle(dns);
}

static void on_socket(struct ev_loop *loop, ev_io *io, int revents)
{
	struct dns *dns = ((struct watch *)io->data)->dns;
	int fd = io->fd; /* c-ares may close it, and *io is gone then */

	(void)loop;
	ares_process_fd(dns->channel, revents & EV_READ ? fd : ARES_SOCKET_BAD,
		revents & EV_WRITE ? fd : ARES_SOCKET_BAD);
	settle(dns);
}

static struct watch *find_watch(struct dns *dns, int fd)
{
	struct watch *w;

	DL_FOREACH (dns->watches, w) {
		if (w->io.fd == fd)
			return w;
	}
	return NULL;
}

static struct watch *add_watch(struct dns *dns, int fd)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL; /* the question will time out */
	w->dns = dns;
	ev_io_init(&w->io, on_socket, fd, 0);
	w->io.data = w;
	DL_APPEND(dns->watches, w);
	return w;
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns *dns = arg;
	struct watch *w = find_watch(dns, fd);

	if (!w && (readable || writable))
		w = add_watch(dns, fd);
	if (!w)
		return;
	ev_io_stop(dns->loop, &w->io);
	if (!readable && !writable) {
		DL_DELETE(dns->watches, w);
		free(w);
		return;
	}
	ev_io_set(&w->io, fd, (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
	ev_io_start(dns->loop, &w->io);
}

struct dns *dns_new(struct ev_loop *loop, const char *servers, unsigned timeout_ms,
	void (*progress)(void *arg), void *arg)
{
	struct dns *dns = calloc(1, sizeof(*dns));
	struct ares_options options = {.timeout = (int)timeout_ms,
		.tries = TRIES,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = dns};

	if (!dns)
		return NULL;
	dns->loop = loop;
	dns->progress = progress;
	dns->arg = arg;
	ev_init(&dns->timer, on_timer);
	dns->timer.data = dns;
	/* ares_library_init does something on Windows alone. */
	if (ares_init_options(&dns->channel, &options,
		    ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB))
		goto fail;
	if (servers && ares_set_servers_ports_csv(dns->channel, servers)) {
		ares_destroy(dns->channel);
		goto fail;
	}
	return dns;
fail:
	free(dns);
	return NULL;
}

void dns_free(struct dns *dns)
{
	if (!dns)
		return;
	ares_destroy(dns->channel); /* answers all questions and closes all sockets */
	ev_timer_stop(dns->loop, &dns->timer);
	free(dns);
}

/* An address where nobody can be asked for anything: those that filters of names give
 * away are among them. */
static bool is_useless(const struct addr *a)
{
	return a->family == ADDR_NONE || addr_is_unspecified(a) || addr_is_multicast(a) ||
	       addr_is_v4_mapped(a);
}

static bool is_listed(const struct dns_answer *answer, const struct addr *a)
{
	for (size_t i = 0; i < answer->count; i++) {
		if (addr_equal(&answer->addrs[i], a))
			return true;
	}
	return false;
}

static void collect(struct dns_answer *answer, const struct ares_addrinfo_node *node)
{
	for (; node && answer->count < DNS_ADDRS_MAX; node = node->ai_next) {
		struct addr a = sockaddr_decode(node->ai_addr);

		a.port = 0;
		if (!is_useless(&a) && !is_listed(answer, &a))
			answer->addrs[answer->count++] = a;
	}
}

static const char *reason(int status)
{
	switch (status) {
	case ARES_SUCCESS:
	case ARES_ENODATA:
	case ARES_ENOTFOUND: return "no such host name, or it has no address";
	case ARES_ETIMEOUT: return "no name server answers";
	case ARES_ECONNREFUSED: /* also if all servers said SERVFAIL or REFUSED */
	case ARES_ESERVFAIL:
	case ARES_EREFUSED: return "no name server can be asked, or all refuse";
	case ARES_ENOMEM: return "out of memory";
	default: return "the host name does not resolve";
	}
}

static bool is_certain(int status)
{
	return status == ARES_SUCCESS || status == ARES_ENODATA ||
	       status == ARES_ENOTFOUND;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
	struct question *q = arg;
	struct dns_answer *answer = q->answer;

	(void)timeouts;
	if (status != ARES_EDESTRUCTION) {
		if (status == ARES_SUCCESS)
			collect(answer, found->nodes);
		answer->result = is_certain(status) ? DNS_NONE : DNS_FAILED;
		answer->why = reason(status);
		if (answer->count > 0)
			answer->result = DNS_FOUND;
		q->dns->fresh = true;
	}
	ares_freeaddrinfo(found);
	free(q);
}

void dns_ask(struct dns *dns, const char *host, uint8_t family, struct dns_answer *answer)
{
	const struct ares_addrinfo_hints hints = {.ai_flags = ARES_AI_NOSORT,
		.ai_family = family == ADDR_V4 ? AF_INET : AF_INET6,
		.ai_socktype = SOCK_DGRAM};
	struct question *q = calloc(1, sizeof(*q));

	*answer = (struct dns_answer){.result = DNS_PENDING};
	if (q) {
		*q = (struct question){.dns = dns, .answer = answer};
		ares_getaddrinfo(dns->channel, host, NULL, &hints, on_answer, q);
	} else {
		answer->result = DNS_FAILED;
		answer->why = reason(ARES_ENOMEM);
		dns->fresh = true;
	}
	set_timer(dns);
}
