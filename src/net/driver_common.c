/* SPDX-License-Identifier: MIT */
#include "net/driver_common.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/driver_socket.h"
#include "net/streams.h"
#include "net/system.h"

#define SOON 1e-9 /* seconds; a timer of libev with repeat 0 would stop */

/* A suspension that counts: NATs forget nothing in less, and clocks read one after the
 * other never differ by as much. */
#define SUSPENSION ((int64_t)(5 * SECOND))

void driver_notice(struct driver *d, enum notice kind, const char *format, ...)
{
	static const unsigned pauses[NOTICE_COUNT] = {
#define X(name, seconds) seconds,
		NOTICE_MAP(X)
#undef X
	};
	char text[256];
	va_list values;

	if (!d->hooks.notice || d->now < d->notice_at[kind])
		return;
	d->notice_at[kind] = d->now + pauses[kind] * SECOND;
	va_start(values, format);
	(void)vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	d->hooks.notice(d->hooks.arg, text);
}

const char *driver_why(const char *verb, const struct addr *addr, int error)
{
	static _Thread_local char text[192];
	char name[ADDR_TEXT_MAX];
	const char *reason = strerror(-error);

	(void)snprintf(text, sizeof(text), "cannot %s %s: %c%s", verb,
		addr_format(name, addr), tolower((unsigned char)reason[0]), reason + 1);
	return text;
}

bool driver_is_exhausted(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOBUFS ||
	       error == -ENOMEM;
}

void driver_allow_further(struct driver *d, size_t count)
{
	d->further_max = count - d->public_count;
}

struct driver_socket *driver_socket_at(struct driver *d, uint32_t number)
{
	if (number < d->public_count)
		return &d->publics[number];
	number -= (uint32_t)d->public_count;
	return d->further != NULL && number < d->further_max ? &d->further[number] : NULL;
}

/* Most never need them, and they are many. */
static void make_further(struct driver *d, uint32_t number)
{
	if (d->further != NULL || number < d->public_count ||
		number - d->public_count >= d->further_max)
		return;
	d->further = calloc(d->further_max, sizeof(*d->further));
	if (d->further == NULL)
		return;
	driver_sockets_init(d->further, d->further_max);
	for (size_t i = 0; i < d->further_max; i++)
		d->further[i].udp.number += (uint32_t)d->public_count;
}

struct udp_socket *driver_public(struct driver *d, uint32_t number)
{
	struct driver_socket *s = driver_socket_at(d, number);

	return s != NULL && s->udp.fd >= 0 ? &s->udp : NULL;
}

void driver_send_framed(
	struct driver *d, const struct path *path, const uint8_t *buf, size_t len)
{
	if (d->streams)
		streams_send(d->streams, path, buf, len);
	else
		d->lost++;
}

static void send_control(struct driver *d, const struct datagram *out)
{
	struct udp_socket *s = driver_public(d, out->path.socket);

	if (out->path.remote.transport != ADDR_UDP)
		driver_send_framed(d, &out->path, out->data, out->len);
	else if (s)
		(void)udp_send(s, &out->path, out->ttl, out->tos, out->data, out->len);
	else
		d->lost++;
}

static void pull_output(struct driver *d, const struct machine *m)
{
	struct datagram out;

	while (m->ops->output(m->core, &out, d->now))
		send_control(d, &out);
}

static void open_wanted(struct driver *d, const struct event *event)
{
	const struct addr *bind = &d->binds[event->addr.family == ADDR_V6];
	uint32_t number = event->number;
	int error = -EMFILE;

	make_further(d, number);
	if (driver_socket_at(d, number) != NULL && !driver_public(d, number))
		error = driver_socket_open_public(d, number, bind);
	if (error)
		driver_notice(d, NOTICE_SOCKET, "%s", driver_why("bind", bind, error));
	else if (d->ops->add_socket)
		d->ops->add_socket(d, number, &driver_public(d, number)->bound);
}

static void close_done(struct driver *d, uint32_t number)
{
	if (d->ops->flush)
		d->ops->flush(d); /* runs that wait may be meant for this socket */
	if (driver_public(d, number) != NULL)
		driver_socket_close(driver_socket_at(d, number));
}

/* Returns true if there were any. */
static bool pull_events(struct driver *d, const struct machine *m)
{
	struct event event;
	bool any = false;

	for (; m->ops->next_event(m->core, &event); any = true) {
		if (event.type == EVENT_SOCKET_WANTED)
			open_wanted(d, &event);
		if (event.type == EVENT_SOCKET_DONE)
			close_done(d, event.number);
		if (d->ops->event)
			d->ops->event(d, &event);
		if (d->hooks.event)
			d->hooks.event(d->hooks.arg, &event);
	}
	return any;
}

void driver_pull(struct driver *d)
{
	for (unsigned i = 0; i < d->machine_count; i++) {
		do {
			pull_output(d, &d->machines[i]);
		} while (pull_events(d, &d->machines[i]));
	}
}

static uint64_t earliest(const struct driver *d)
{
	uint64_t at = NEVER;

	for (unsigned i = 0; i < d->machine_count; i++) {
		const struct machine *m = &d->machines[i];
		uint64_t next = m->ops->next_timeout(m->core);

		if (next < at)
			at = next;
	}
	return at;
}

static void set_deadline(struct driver *d, uint64_t at)
{
	if (at == d->deadline_at)
		return;
	d->deadline_at = at;
	if (at == NEVER) {
		ev_timer_stop(d->loop, &d->deadline);
		return;
	}
	d->deadline.repeat = at > d->now ? (double)(at - d->now) / 1e9 : SOON;
	ev_timer_again(d->loop, &d->deadline);
}

void driver_settle(struct driver *d)
{
	driver_pull(d);
	if (d->ops->flush)
		d->ops->flush(d);
	if (d->streams)
		streams_flush(d->streams);
	set_deadline(d, earliest(d));
}

static void tell_clipped(struct driver *d)
{
	if (d->clipped == 0)
		return;
	driver_notice(d, NOTICE_BUFFERS,
		"the kernel limits socket buffers to %zu kB: raise net.core.rmem_max for "
		"bursts",
		d->clipped / 1024);
	d->clipped = 0;
}

void driver_wake(struct driver *d)
{
	uint64_t awake = clock_awake();
	int64_t before = d->asleep;

	d->now = clock_now();
	d->asleep = (int64_t)(d->now - awake);
	if (d->asleep > before + SUSPENSION && d->ops->network_changed)
		d->ops->network_changed(d);
}

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct driver *d = timer->data;

	(void)revents;
	driver_wake(d);
	ev_timer_stop(loop, timer);
	d->deadline_at = NEVER;
	tell_clipped(d);
	for (unsigned i = 0; i < d->machine_count; i++)
		d->machines[i].ops->expire(d->machines[i].core, d->now);
	driver_settle(d);
}

static void on_before_wait(struct ev_loop *loop, ev_prepare *prepare, int revents)
{
	struct driver *d = prepare->data;

	(void)loop, (void)revents;
	clock_sleep(moderation_pause(&d->moderation));
}

static void tell_locals(struct driver *d)
{
	const struct netlink *n = &d->netlink;

	d->ops->set_locals(
		d, n->addrs, n->count < DRIVER_LOCALS ? n->count : DRIVER_LOCALS);
}

static void on_network_change(struct netlink *n)
{
	struct driver *d = n->arg;

	driver_wake(d);
	tell_locals(d);
	if (d->ops->network_changed)
		d->ops->network_changed(d);
	driver_settle(d);
}

bool driver_init(struct driver *d, struct ev_loop *loop,
	const struct forwarder_hooks *hooks, const struct driver_ops *ops,
	struct driver_socket *publics, size_t public_count)
{
	uint64_t awake = clock_awake();

	d->loop = loop;
	if (hooks)
		d->hooks = *hooks;
	d->ops = ops;
	d->publics = publics;
	d->public_count = public_count;
	d->now = clock_now();
	d->asleep = (int64_t)(d->now - awake);
	d->deadline_at = NEVER;
	d->binds[0] = (struct addr){.family = ADDR_V4};
	d->binds[1] = (struct addr){.family = ADDR_V6};
	driver_sockets_init(publics, public_count);
	ev_init(&d->deadline, on_deadline);
	d->deadline.data = d;
	ev_prepare_init(&d->before_wait, on_before_wait);
	d->before_wait.data = d;
	busy_poll_init(&d->busy_poll, 0);
	d->netlink.changed = on_network_change;
	d->netlink.arg = d;
	d->batch = udp_batch_new();
	return d->batch != NULL;
}

void driver_add_machine(struct driver *d, const struct machine_ops *ops, void *core)
{
	d->machines[d->machine_count++] = (struct machine){.ops = ops, .core = core};
}

void driver_start(struct driver *d)
{
	if (d->ops->set_locals) {
		netlink_start(&d->netlink, d->loop);
		tell_locals(d);
	}
	set_deadline(d, d->now); /* what there is to send and tell waits for the loop */
}

void driver_moderate(struct driver *d)
{
	if (!clock_is_fine())
		return;
	d->moderates = true;
	ev_prepare_start(d->loop, &d->before_wait);
}

void driver_busy_poll(struct driver *d, uint64_t span)
{
	busy_poll_init(&d->busy_poll, span);
}

void driver_fini(struct driver *d)
{
	for (unsigned i = 0; i < d->machine_count; i++)
		pull_output(d, &d->machines[i]);
	if (d->streams)
		streams_fini(d->streams);
	for (size_t i = 0; i < d->public_count; i++)
		driver_socket_close(&d->publics[i]);
	for (size_t i = 0; d->further != NULL && i < d->further_max; i++)
		driver_socket_close(&d->further[i]);
	free(d->further);
	ev_timer_stop(d->loop, &d->deadline);
	ev_prepare_stop(d->loop, &d->before_wait);
	busy_poll_stop(&d->busy_poll, d->loop);
	netlink_stop(&d->netlink);
	udp_batch_free(d->batch);
}
