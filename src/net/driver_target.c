/* SPDX-License-Identifier: MIT */
#include "net/driver_target.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "net/sockaddr.h"

#define GUEST_NUMBER_MAX 4194302 /* 127.127.255.254 */
#define FIRST_PORT       49152   /* RFC 6335, section 6: ports for everyone */
#define PORTS            16384
#define PREFERRED_SPAN   SECOND /* two targets that both refuse do not flap faster */

void targets_init(struct targets *ts, struct driver *d, const struct addr *addrs,
	size_t count,
	void (*answer)(struct driver *d, struct flow *flow, const struct udp_message *m))
{
	ts->driver = d;
	ts->count = count;
	for (size_t i = 0; i < count; i++)
		ts->addrs[i] = addrs[i];
	ts->answer = answer;
	pacer_init(&ts->pacer, d);
}

static void prefer_other(struct targets *ts, unsigned than)
{
	uint64_t now = ts->driver->now;

	if (ts->count < 2 || ts->preferred != than || now < ts->preferred_for)
		return;
	ts->preferred = 1 - than;
	ts->preferred_for = now + PREFERRED_SPAN;
}

static void on_answer(struct driver_socket *s, struct udp_message *m)
{
	struct target *t = (struct target *)(void *)s;

	t->refused = false;
	t->owner->answer(s->driver, t->flow, m);
}

static bool is_refusal(const struct udp_error *e, enum addr_family family)
{
	return family == ADDR_V4 ? e->type == 3 && e->code == 3  /* RFC 792 */
				 : e->type == 1 && e->code == 4; /* RFC 4443 */
}

static void on_error(struct driver_socket *s, const struct udp_error *error)
{
	struct target *t = (struct target *)(void *)s;
	const struct addr *addr = &t->owner->addrs[t->which];
	char name[ADDR_TEXT_MAX];

	if (!is_refusal(error, addr->family))
		return;
	t->refused = true;
	driver_notice(s->driver, NOTICE_TARGET,
		"target %s refuses datagrams: is the server running?",
		addr_format(name, addr));
	prefer_other(t->owner, t->which);
}

/* The port that a flow prefers, and the one it takes where another host on this machine,
 * which has another target, was first; 0 if the flow's number is too high. */
static uint16_t port_of(const struct flow *flow, const struct addr *target, bool first)
{
	uint32_t id = flow->id;

	if (id >= PORTS)
		return 0;
	return (uint16_t)(FIRST_PORT + (first ? id : (id + target->port) % PORTS));
}

/* With port 0, unless the target is on 127/8. */
static struct addr source_of(const struct flow *flow, const struct addr *target)
{
	bool loopback = addr_is_loopback(target);
	uint32_t n = flow->guest;
	struct addr a = {.family = target->family};

	if (a.family == ADDR_V6)
		a.ip[15] = loopback; /* ::1 or :: */
	else if (loopback && n > 0 && n <= GUEST_NUMBER_MAX)
		a = addr_v4(127, (uint8_t)(64 | n >> 16), (uint8_t)(n >> 8), (uint8_t)n,
			port_of(flow, target, true));
	return a;
}

/* Systems other than Linux may have no 127.64.0.0/10. */
static int open_bound(struct target *t, const struct addr *target)
{
	const struct udp_options options = {.buffer = DRIVER_BUFFER};
	struct addr source = source_of(t->flow, target);
	int error = udp_open(&t->socket.udp, &source, &options);

	if (error == -EADDRINUSE) {
		source.port = port_of(t->flow, target, false);
		error = udp_open(&t->socket.udp, &source, &options);
	}
	if (error == -EADDRINUSE) {
		source.port = 0;
		error = udp_open(&t->socket.udp, &source, &options);
	}
	if (error == -EADDRNOTAVAIL && source.family == ADDR_V4) {
		source = (struct addr){.family = ADDR_V4};
		error = udp_open(&t->socket.udp, &source, &options);
	}
	return error;
}

/* Refusals come in by the error queue, where there is one. */
static void want_errors(const struct udp_socket *s)
{
#if defined(IP_RECVERR) && defined(IPV6_RECVERR)
	bool v4 = s->bound.family == ADDR_V4;
	int on = 1;

	(void)setsockopt(s->fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		v4 ? IP_RECVERR : IPV6_RECVERR, &on, sizeof(on));
#else
	(void)s;
#endif
}

/* From now on only the target is heard; before, anyone was. */
static void forget_strangers(const struct udp_socket *s)
{
	uint8_t byte;

	while (recv(s->fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0) {
	}
}

static int connect_to(struct target *t, const struct addr *target)
{
	int error = open_bound(t, target);

	if (error)
		return error;
	want_errors(&t->socket.udp);
	error = udp_connect(&t->socket.udp, target);
	if (error)
		udp_close(&t->socket.udp);
	else
		forget_strangers(&t->socket.udp);
	return error;
}

static void complain(struct targets *ts, int error)
{
	if (driver_is_exhausted(error))
		driver_notice(ts->driver, NOTICE_DESCRIPTORS,
			"out of descriptors: no socket for another flow, raise the limit "
			"(ulimit -n)");
	else
		driver_notice(ts->driver, NOTICE_TARGET, "%s",
			driver_why("open a socket to target", &ts->addrs[ts->preferred],
				error));
}

/* Returns true if the flow's socket is open now. */
static bool open_target(struct targets *ts, struct target *t)
{
	int error;

	driver_socket_close(&t->socket);
	t->which = ts->preferred;
	t->pacing.room = &ts->rooms[t->which];
	t->refused = false;
	error = connect_to(t, &ts->addrs[t->which]);
	if (error) {
		complain(ts, error);
		if (!driver_is_exhausted(error))
			prefer_other(ts, t->which);
		return false;
	}
	driver_socket_watch(ts->driver, &t->socket);
	return true;
}

static struct target *target_new(struct targets *ts, struct flow *flow)
{
	struct target *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	driver_sockets_init(&t->socket, 1);
	t->socket.take = on_answer;
	t->socket.error = on_error;
	t->owner = ts;
	t->flow = flow;
	DL_APPEND(ts->list, t);
	return t;
}

/* Returns the flow's open socket, or NULL. One that was refused gives way to one towards
 * the other address. */
static struct target *target_of(struct targets *ts, struct flow *flow)
{
	struct target *t = flow->handle;

	if (!t)
		t = flow->handle = target_new(ts, flow);
	if (!t)
		return NULL;
	if (t->refused && t->which != ts->preferred)
		pacer_leave(&ts->pacer, &t->pacing);
	else if (t->socket.udp.fd >= 0)
		return t;
	return open_target(ts, t) ? t : NULL;
}

void targets_send(
	struct targets *ts, struct flow *flow, uint8_t tos, uint8_t *payload, size_t len)
{
	static const struct path connected;
	struct target *t = target_of(ts, flow);

	if (t)
		pacer_send(&ts->pacer, &t->pacing, &t->socket.udp, &connected,
			&ts->addrs[t->which], tos, payload, len);
	else
		ts->driver->lost++;
}

static void target_free(struct targets *ts, struct target *t)
{
	pacer_leave(&ts->pacer, &t->pacing);
	driver_socket_close(&t->socket);
	DL_DELETE(ts->list, t);
	free(t);
}

void targets_close(struct targets *ts, struct flow *flow)
{
	if (flow->handle)
		target_free(ts, flow->handle);
	flow->handle = NULL;
}

void targets_fini(struct targets *ts)
{
	while (ts->list)
		target_free(ts, ts->list);
	pacer_fini(&ts->pacer);
}

uint64_t targets_failed(const struct targets *ts)
{
	const struct target *t;
	uint64_t failed = 0;

	DL_FOREACH (ts->list, t)
		failed += t->socket.udp.send_failed;
	return failed;
}
