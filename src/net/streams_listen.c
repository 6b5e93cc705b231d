/* SPDX-License-Identifier: MIT */
#include "net/streams_listen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "core/bucket.h"
#include "core/census.h"
#include "net/system.h"
#include "net/tcp.h"

#define PAUSE 1.0 /* seconds without accepting where descriptors are used up */

struct door {
	struct streams_listener *listener;
	int fd;
	struct tls_context *const *tls; /* NULL: plain TCP */
	ev_io io;
	struct door *prev, *next;
};

struct streams_listener {
	struct streams *streams;
	struct door *doors;
	struct census networks;
	struct bucket_field rates; /* of new ones, by network */
	ev_timer pause;
};

/* Counted by /24 or /56. */
static void key_of(uint8_t key[CENSUS_KEY_SIZE], const struct addr *remote)
{
	const struct addr network = addr_network(remote);

	_Static_assert(sizeof(network) <= CENSUS_KEY_SIZE, "an address is no key");
	memset(key, 0, CENSUS_KEY_SIZE);
	memcpy(key, &network, sizeof(network));
}

static bool has_room(const struct streams_listener *l, const struct addr *remote)
{
	const struct streams *s = l->streams;
	uint8_t key[CENSUS_KEY_SIZE];

	key_of(key, remote);
	return s->counts.open < s->config.max &&
	       census_count(&l->networks, key) < s->config.network_max;
}

void streams_listen_left(struct streams *s, const struct addr *remote)
{
	uint8_t key[CENSUS_KEY_SIZE];

	s->counts.open--;
	if (!s->listener)
		return;
	key_of(key, remote);
	census_leave(&s->listener->networks, key);
}

static void admit(struct door *door, int fd, struct addr *remote)
{
	struct streams_listener *l = door->listener;
	struct streams *s = l->streams;
	uint8_t key[CENSUS_KEY_SIZE];

	remote->transport = door->tls ? ADDR_TLS : ADDR_TCP;
	key_of(key, remote);
	if (!has_room(l, remote) ||
		!bucket_field_take(&l->rates, remote, 1, s->driver->now) ||
		!census_enter(&l->networks, key)) {
		s->counts.refused++;
		(void)close(fd);
		return;
	}
	s->counts.open++;
	if (streams_take(s, door->tls ? *door->tls : NULL, fd, remote) != 0)
		streams_listen_left(s, remote);
}

/* A loop that woke for what cannot be accepted would spin. */
static void pause_accepting(struct streams_listener *l)
{
	struct driver *d = l->streams->driver;
	struct door *door;

	driver_notice(d, NOTICE_DESCRIPTORS,
		"out of descriptors: connections by TCP have to wait");
	DL_FOREACH (l->doors, door)
		ev_io_stop(d->loop, &door->io);
	ev_timer_again(d->loop, &l->pause);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct streams_listener *l = timer->data;
	struct door *door;

	(void)revents;
	ev_timer_stop(loop, timer);
	DL_FOREACH (l->doors, door)
		ev_io_start(loop, &door->io);
}

static void on_knock(struct ev_loop *loop, ev_io *io, int revents)
{
	struct door *door = io->data;
	struct driver *d = door->listener->streams->driver;

	(void)loop, (void)revents;
	driver_wake(d);
	for (unsigned i = 0; i < STREAMS_ACCEPTS; i++) {
		struct addr remote;
		int fd = tcp_accept(door->fd, &remote);

		if (fd >= 0)
			admit(door, fd, &remote);
		else if (driver_is_exhausted(fd))
			pause_accepting(door->listener);
		if (fd < 0)
			break;
	}
	driver_settle(d);
}

static struct streams_listener *listener_of(struct streams *s)
{
	struct streams_listener *l = s->listener;
	uint8_t hash_key[16];

	if (l)
		return l;
	l = s->listener = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	random_fill(NULL, hash_key, sizeof(hash_key));
	census_init(&l->networks, hash_key);
	bucket_field_init(&l->rates, STREAMS_ACCEPT_RATE, STREAMS_ACCEPT_BURST, hash_key,
		s->driver->now);
	l->streams = s;
	ev_init(&l->pause, on_pause_over);
	l->pause.repeat = PAUSE;
	l->pause.data = l;
	return l;
}

int streams_listen(
	struct streams *s, const struct addr *bind, struct tls_context *const *tls)
{
	struct streams_listener *l = listener_of(s);
	struct door *door = l ? calloc(1, sizeof(*door)) : NULL;
	struct addr bound;

	if (!door)
		return -ENOMEM;
	door->listener = l;
	door->tls = tls;
	door->fd = tcp_listen(bind, &bound);
	if (door->fd < 0) {
		int error = door->fd;

		free(door);
		return error;
	}
	DL_APPEND(l->doors, door);
	ev_io_init(&door->io, on_knock, door->fd, EV_READ);
	door->io.data = door;
	ev_io_start(s->driver->loop, &door->io);
	return 0;
}

void streams_listen_end(struct streams *s)
{
	struct streams_listener *l = s->listener;

	if (!l)
		return;
	s->listener = NULL;
	while (l->doors) {
		struct door *door = l->doors;

		DL_DELETE(l->doors, door);
		ev_io_stop(s->driver->loop, &door->io);
		(void)close(door->fd);
		free(door);
	}
	ev_timer_stop(s->driver->loop, &l->pause);
	census_fini(&l->networks);
	free(l);
}
