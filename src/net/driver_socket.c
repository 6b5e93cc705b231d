/* SPDX-License-Identifier: MIT */
#include "net/driver_socket.h"

#include <errno.h>

#define ERRORS_MAX      64 /* taken from one error queue in one wakeup */
#define ERRORS_INTERVAL (100 * MILLISECOND)

/* Takes one batch; returns how many messages came. */
static int receive_round(struct driver_socket *s)
{
	struct driver *d = s->driver;
	struct udp_message *messages;
	int count = udp_receive(&s->udp, d->batch, &messages);

	for (int i = 0; i < count; i++)
		s->take(s, &messages[i]);
	if (count > 0 && d->ops->round)
		d->ops->round(d);
	return count;
}

/* Returns how many messages came. A batch that is not full has emptied the socket, except
 * where a system receives one datagram a call. */
static int receive_rounds(struct driver_socket *s)
{
	int total = 0, count;

	do {
		count = receive_round(s);
		total += count;
	} while (total < DRIVER_ROUNDS * UDP_BATCH &&
		 (s->udp.gro ? count == UDP_BATCH : count > 0));
	return total;
}

/* An error wakes the loop again until it is fetched, and then nothing else comes: so the
 * queue is read when a wakeup brought nothing, and now and then under traffic. */
static void take_errors(struct driver_socket *s)
{
	struct udp_error error;

	for (int i = 0; i < ERRORS_MAX && udp_next_error(&s->udp, &error); i++) {
		if (s->error)
			s->error(s, &error);
	}
	if (s->public_side)
		s->errors_at = s->driver->now + ERRORS_INTERVAL;
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct driver_socket *s = io->data;
	struct driver *d = s->driver;
	uint64_t before = s->udp.received;

	(void)loop, (void)revents;
	driver_wake(d);
	if (receive_rounds(s) == 0 || d->now >= s->errors_at)
		take_errors(s);
	if (d->moderates)
		moderation_note(&d->moderation, s->public_side,
			(unsigned)(s->udp.received - before), d->now);
	driver_settle(d);
	if (s->udp.received != before)
		busy_poll_note(&d->busy_poll, d->loop, d->now);
}

void driver_sockets_init(struct driver_socket *sockets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		sockets[i] = (struct driver_socket){.errors_at = NEVER};
		sockets[i].udp.fd = -1;
		sockets[i].udp.number = (uint32_t)i;
	}
}

void driver_socket_watch(struct driver *d, struct driver_socket *s)
{
	s->driver = d;
	s->errors_at = s->public_side ? 0 : NEVER;
	ev_io_init(&s->io, on_readable, s->udp.fd, EV_READ);
	s->io.data = s;
	ev_io_start(d->loop, &s->io);
}

static void note_clipped(struct driver *d, const struct udp_socket *s)
{
	if (s->buffer < DRIVER_BUFFER)
		d->clipped = s->buffer;
}

static void on_public_error(struct driver_socket *s, const struct udp_error *error)
{
	if (s->driver->ops->icmp)
		s->driver->ops->icmp(s->driver, error);
}

int driver_socket_open_public(struct driver *d, uint32_t number, const struct addr *bind)
{
	const struct udp_options options = {.public_side = true, .buffer = DRIVER_BUFFER};
	struct driver_socket *s = driver_socket_at(d, number);
	int error = udp_open(&s->udp, bind, &options);

	if (error)
		return error;
	note_clipped(d, &s->udp);
	s->public_side = true;
	s->take = d->take;
	s->error = on_public_error;
	driver_socket_watch(d, s);
	return 0;
}

int driver_socket_open_local(struct driver *d, struct driver_socket *s,
	const struct addr *bind,
	void (*take)(struct driver_socket *s, struct udp_message *m))
{
	const struct udp_options options = {.buffer = DRIVER_BUFFER};
	int error = udp_open(&s->udp, bind, &options);

	if (error)
		return error;
	note_clipped(d, &s->udp);
	s->take = take;
	driver_socket_watch(d, s);
	return 0;
}

void driver_socket_close(struct driver_socket *s)
{
	if (s->udp.fd < 0)
		return;
	ev_io_stop(s->driver->loop, &s->io);
	s->driver->lost += s->udp.send_failed;
	udp_close(&s->udp);
}

bool driver_socket_is_absent(int error)
{
	return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}
