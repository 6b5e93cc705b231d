/* SPDX-License-Identifier: MIT */
#include "net/stream.h"

#include <errno.h>
#include <unistd.h>

#include "net/tcp.h"

static void watch(struct stream *s, struct ev_loop *loop, int events)
{
	if (s->events == events)
		return;
	ev_io_stop(loop, &s->io);
	ev_io_set(&s->io, s->fd, events);
	ev_io_start(loop, &s->io);
	s->events = events;
}

static void on_ready(struct ev_loop *loop, ev_io *io, int revents)
{
	struct stream *s = io->data;

	(void)loop;
	s->ready(s, revents);
}

static void begin(
	struct stream *s, struct ev_loop *loop, int fd, int events, uint64_t now)
{
	s->fd = fd;
	s->began_at = s->used_at = s->written_at = now;
	s->heard = false;
	s->events = events;
	ev_io_init(&s->io, on_ready, fd, events);
	s->io.data = s;
	ev_io_start(loop, &s->io);
}

int stream_dial(struct stream *s, struct ev_loop *loop, struct tls_context *tls,
	const char *name, uint64_t now)
{
	int fd = tcp_connect(&s->remote);

	if (fd < 0)
		return fd;
	begin(s, loop, fd, EV_WRITE, now);
	s->state = STREAM_CONNECTING;
	if (s->remote.transport != ADDR_TLS)
		return 0;
	s->tls = tls_new(tls, fd, name);
	if (s->tls)
		return 0;
	stream_close(s, loop);
	return -ENOMEM;
}

int stream_take(struct stream *s, struct ev_loop *loop, struct tls_context *tls, int fd,
	uint64_t now)
{
	s->accepted = true;
	s->local = tcp_local(fd);
	begin(s, loop, fd, EV_READ, now);
	s->state = STREAM_OPEN;
	if (s->remote.transport != ADDR_TLS)
		return 0;
	s->state = STREAM_SHAKING;
	s->tls = tls_new(tls, fd, NULL);
	if (s->tls)
		return 0;
	stream_close(s, loop);
	return -ENOMEM;
}

static int shake(struct stream *s, struct ev_loop *loop, uint64_t now)
{
	int error = tls_handshake(s->tls);

	if (error == -EAGAIN) {
		watch(s, loop, tls_wants_write(s->tls) ? EV_WRITE : EV_READ);
		return 0;
	}
	if (error)
		return error;
	s->state = STREAM_OPEN;
	watch(s, loop, EV_READ);
	return stream_write(s, loop, now);
}

int stream_advance(struct stream *s, struct ev_loop *loop, uint64_t now)
{
	int error;

	if (s->state == STREAM_SHAKING)
		return shake(s, loop, now);
	error = tcp_connected(s->fd);
	if (error)
		return error;
	s->local = tcp_local(s->fd);
	if (s->tls) {
		s->state = STREAM_SHAKING;
		return shake(s, loop, now);
	}
	s->state = STREAM_OPEN;
	watch(s, loop, EV_READ);
	return stream_write(s, loop, now);
}

ssize_t stream_read(struct stream *s, uint8_t *room, uint64_t now)
{
	size_t part = framing_begin(&s->in, room);
	ssize_t got = s->tls ? tls_read(s->tls, room + part, STREAM_READ)
			     : tcp_read(s->fd, room + part, STREAM_READ);

	if (got <= 0)
		return got;
	s->used_at = now;
	return got + (ssize_t)part;
}

/* The bytes of one record or call. */
static ssize_t write_some(struct stream *s)
{
	size_t max = s->tls ? TLS_RECORD : STREAM_WRITE, len = framing_len(&s->out);
	ssize_t put;

	if (len > max)
		len = max;
	if (!s->tls)
		return tcp_write(s->fd, framing_bytes(&s->out), len);
	put = tls_write(s->tls, framing_bytes(&s->out), len);
	if (put == -EAGAIN)
		framing_commit(&s->out, len);
	return put;
}

int stream_write(struct stream *s, struct ev_loop *loop, uint64_t now)
{
	framing_expire(&s->out, now);
	while (framing_len(&s->out) > 0) {
		ssize_t put = write_some(s);

		if (put == -EAGAIN) {
			watch(s, loop, EV_READ | EV_WRITE);
			return 0;
		}
		if (put < 0)
			return (int)put;
		framing_written(&s->out, (size_t)put);
		s->used_at = s->written_at = now;
	}
	s->written_at = now;
	watch(s, loop, EV_READ);
	return 0;
}

void stream_close(struct stream *s, struct ev_loop *loop)
{
	if (s->state == STREAM_DOWN)
		return;
	s->state = STREAM_DOWN;
	ev_io_stop(loop, &s->io);
	tls_free(s->tls);
	s->tls = NULL;
	(void)close(s->fd);
	s->fd = -1;
	framing_in_fini(&s->in);
	framing_reset(&s->out);
}
