/* SPDX-License-Identifier: MIT */
#include "net/streams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "net/streams_listen.h"
#include "net/system.h"

#define SWEEP 1.0 /* seconds */

static void on_stream(struct stream *stream, int revents);

static struct stream *find(const struct streams *s, const struct addr *remote)
{
	struct stream *stream;

	TABLE_FIND(s->table, s->hash_key, remote, sizeof(*remote), stream);
	return stream;
}

/* The room is made with the first of them: most drivers never have one. */
static bool prepare(struct streams *s)
{
	struct driver *d = s->driver;

	if (!s->room) {
		s->room = malloc(UDP_HEADROOM + STREAM_ROOM + UDP_HEADROOM);
		random_fill(NULL, s->hash_key, sizeof(s->hash_key));
	}
	if (s->room && !ev_is_active(&s->sweep))
		ev_timer_again(d->loop, &s->sweep);
	return s->room != NULL;
}

static struct stream *add(struct streams *s, const struct addr *remote)
{
	struct stream *stream = prepare(s) ? calloc(1, sizeof(*stream)) : NULL;

	if (!stream)
		return NULL;
	stream->remote = *remote;
	stream->owner = s;
	stream->fd = -1;
	stream->ready = on_stream;
	framing_out_init(&stream->out, STREAM_QUEUE_BYTES, STREAM_QUEUE_AGE);
	TABLE_ADD(s->table, s->hash_key, remote, sizeof(stream->remote), stream);
	if (TABLE_HOLDS(stream))
		return stream;
	free(stream);
	return NULL;
}

static void clean(struct streams *s, struct stream *stream)
{
	if (stream->dirty)
		DL_DELETE(s->dirty, stream);
	stream->dirty = false;
}

static void destroy(struct streams *s, struct stream *stream)
{
	clean(s, stream);
	stream_close(stream, s->driver->loop);
	s->counts.dropped += stream->out.dropped;
	if (stream->accepted)
		streams_listen_left(s, &stream->remote);
	HASH_DEL(s->table, stream);
	framing_out_fini(&stream->out);
	free(stream);
}

/* What a person may do something about is said; the rest is normal where UDP works. */
static void note_failure(struct streams *s, const struct stream *stream, int error)
{
	if (error == -EPROTO && stream->tls) {
		tls_why(stream->tls, s->why);
		driver_notice(s->driver, NOTICE_STREAM, "%s", s->why);
		return;
	}
	(void)snprintf(s->why, sizeof(s->why), "%s",
		driver_why(stream->remote.transport == ADDR_TLS ? "reach by TLS"
								: "reach by TCP",
			&stream->remote, error));
}

/* An accepted one is gone; a dialled one may be dialled again. error is 0 at its end. */
static void fail(struct stream *stream, int error)
{
	struct streams *s = stream->owner;
	uint64_t pause = STREAMS_AGAIN;

	if (stream->accepted) {
		destroy(s, stream);
		return;
	}
	if (stream->state != STREAM_OPEN) {
		note_failure(s, stream, error);
		stream->failures++;
	}
	for (unsigned i = 1; i < stream->failures && pause < STREAMS_AGAIN_MAX; i++)
		pause *= 2;
	stream->again_at = stream->began_at + pause;
	clean(s, stream);
	stream_close(stream, s->driver->loop);
}

static const char *name_of(const struct streams *s, const struct addr *remote)
{
	const char *name = s->config.name ? s->config.name(s->config.arg, remote) : NULL;

	return name ? name : "";
}

static void dial(struct streams *s, struct stream *stream)
{
	struct driver *d = s->driver;
	int error;

	s->counts.dialled++;
	stream->began_at = stream->used_at = d->now;
	error = stream_dial(stream, d->loop, s->config.client,
		stream->remote.transport == ADDR_TLS ? name_of(s, &stream->remote) : NULL,
		d->now);
	if (error)
		fail(stream, error);
}

/* Returns the stream to that end, dialled if it has to be, or NULL. */
static struct stream *reach(struct streams *s, const struct addr *remote)
{
	struct stream *stream = find(s, remote);

	if (stream && stream->state != STREAM_DOWN)
		return stream;
	if (!s->config.dials || (remote->transport == ADDR_TLS && !s->config.client))
		return NULL;
	if (!stream)
		stream = add(s, remote);
	if (stream && s->driver->now >= stream->again_at)
		dial(s, stream);
	return stream && stream->state != STREAM_DOWN ? stream : NULL;
}

void streams_send(
	struct streams *s, const struct path *path, const uint8_t *buf, size_t len)
{
	struct stream *stream = reach(s, &path->remote);

	if (!stream) {
		s->counts.dropped++;
		return;
	}
	if (framing_len(&stream->out) == 0)
		stream->written_at = s->driver->now;
	/* One that waits for its socket is written when that is ready. */
	if (framing_put(&stream->out, buf, len, s->driver->now) &&
		stream->state == STREAM_OPEN && !(stream->events & EV_WRITE) &&
		!stream->dirty) {
		DL_APPEND(s->dirty, stream);
		stream->dirty = true;
	}
}

void streams_flush(struct streams *s)
{
	while (s->dirty) {
		struct stream *stream = s->dirty;
		int error;

		clean(s, stream);
		error = stream_write(stream, s->driver->loop, s->driver->now);
		if (error)
			fail(stream, error);
	}
}

/* Reading. */

/* The socket's number that the core knows an end of that family by. */
static uint32_t number_of(const struct driver *d, const struct stream *stream)
{
	uint8_t family = stream->remote.family;

	if (!stream->accepted)
		return family == ADDR_V6;
	for (uint32_t i = 0; i < d->public_count; i++)
		if (d->publics[i].udp.fd >= 0 && d->publics[i].udp.bound.family == family)
			return i;
	return 0;
}

/* Gives all whole datagrams of the len bytes to the driver. Returns 0 or -errno. */
static int take(struct stream *stream, size_t len)
{
	struct streams *s = stream->owner;
	struct driver *d = s->driver;
	struct udp_message m = {.path = {.socket = number_of(d, stream),
					.local = stream->local,
					.remote = stream->remote}};
	uint8_t *room = s->room + UDP_HEADROOM;
	size_t at = 0;

	while (framing_next(room, len, &at, &m.buf, &m.len)) {
		if (stream->accepted && m.len > STREAMS_DATAGRAM_MAX)
			return -EMSGSIZE;
		m.segment = m.len;
		stream->heard = true;
		stream->failures = 0;
		d->take(&s->origin, &m);
	}
	if (d->ops->round)
		d->ops->round(d);
	if (stream->accepted && framing_wanted(room, len, at) > STREAMS_DATAGRAM_MAX)
		return -EMSGSIZE;
	return framing_end(&stream->in, room, len, at) ? 0 : -ENOMEM;
}

/* Returns 0 while it lives, else -errno or 1 at its end. */
static int receive(struct stream *stream)
{
	struct streams *s = stream->owner;

	for (unsigned i = 0; i < STREAM_ROUNDS; i++) {
		ssize_t got = stream_read(stream, s->room + UDP_HEADROOM, s->driver->now);
		int error;

		if (got == -EAGAIN)
			return 0;
		if (got <= 0)
			return got == 0 ? 1 : (int)got;
		error = take(stream, (size_t)got);
		if (error)
			return error;
	}
	return 0;
}

static void on_stream(struct stream *stream, int revents)
{
	struct streams *s = stream->owner;
	struct driver *d = s->driver;
	int error = 0;

	driver_wake(d);
	if (stream->state != STREAM_OPEN)
		error = stream_advance(stream, d->loop, d->now);
	else if (revents & EV_WRITE)
		error = stream_write(stream, d->loop, d->now);
	if (error == 0 && stream->state == STREAM_OPEN && (revents & EV_READ))
		error = receive(stream);
	if (error)
		fail(stream, error > 0 ? -ECONNRESET : error);
	driver_settle(d);
}

/* Deadlines. */

/* Returns what it is too late for (a negative errno), or 0. */
static int overdue(const struct stream *stream, uint64_t now)
{
	uint64_t idle = stream->accepted ? STREAMS_IDLE_ACCEPTED : STREAMS_IDLE;
	bool set_up =
		stream->state == STREAM_OPEN && (stream->heard || !stream->accepted);

	if (!set_up && now - stream->began_at > STREAM_SETUP_MAX)
		return -ETIMEDOUT;
	if (stream->state == STREAM_OPEN && framing_len(&stream->out) > 0 &&
		now - stream->written_at > STREAM_STUCK_MAX)
		return -ETIMEDOUT;
	return now - stream->used_at > idle ? -ETIMEDOUT : 0;
}

static void look_after(struct streams *s, struct stream *stream, uint64_t now)
{
	bool unused = now - stream->used_at > STREAMS_IDLE;

	framing_expire(&stream->out, now);
	framing_trim(&stream->out);
	if (stream->state != STREAM_DOWN) {
		int error = overdue(stream, now);

		if (error && unused && !stream->accepted)
			destroy(s, stream);
		else if (error)
			fail(stream, error);
	} else if (unused) {
		destroy(s, stream);
	}
}

static void on_sweep(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct streams *s = timer->data;
	struct stream *stream, *next;

	(void)revents;
	driver_wake(s->driver);
	HASH_ITER (hh, s->table, stream, next)
		look_after(s, stream, s->driver->now);
	if (!s->table)
		ev_timer_stop(loop, timer);
}

int streams_take(
	struct streams *s, struct tls_context *tls, int fd, const struct addr *remote)
{
	struct stream *old = find(s, remote), *stream;
	int error;

	if (old) /* its end has begun anew, at the same port */
		destroy(s, old);
	stream = add(s, remote);
	if (!stream) {
		(void)close(fd);
		return -ENOMEM;
	}
	error = stream_take(stream, s->driver->loop, tls, fd, s->driver->now);
	s->counts.accepted += error == 0;
	stream->accepted = error == 0; /* so that destroy does not count it as leaving */
	if (error)
		destroy(s, stream);
	return error;
}

void streams_init(
	struct streams *s, struct driver *d, const struct streams_config *config)
{
	*s = (struct streams){.driver = d};
	if (config)
		s->config = *config;
	s->origin.driver = d;
	s->origin.udp.fd = -1;
	s->origin.public_side = true;
	ev_init(&s->sweep, on_sweep);
	s->sweep.repeat = SWEEP;
	s->sweep.data = s;
}

void streams_fini(struct streams *s)
{
	struct stream *stream, *next;

	if (!s->driver)
		return;
	streams_flush(s);
	streams_listen_end(s);
	HASH_ITER (hh, s->table, stream, next)
		destroy(s, stream);
	ev_timer_stop(s->driver->loop, &s->sweep);
	free(s->room);
	s->room = NULL;
}
