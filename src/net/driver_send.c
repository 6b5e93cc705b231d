/* SPDX-License-Identifier: MIT */
#include "net/driver_send.h"

#include <stdlib.h>
#include <string.h>

/* A run, and behind it the frame that did not fit into it. */
#define ROOM_SIZE (2 * 65600)

bool outbound_init(struct outbound *o)
{
	udp_sender_init(&o->sender, UDP_SEGMENTS);
	o->used = 0;
	o->room = malloc(ROOM_SIZE);
	return o->room != NULL;
}

void outbound_fini(struct outbound *o)
{
	free(o->room);
	o->room = NULL;
}

void outbound_flush(struct outbound *o)
{
	udp_sender_flush(&o->sender);
	o->used = 0;
}

/* True if another frame of the same size would not join the run. */
static bool run_is_full(const struct udp_sender *sender)
{
	return sender->closed || sender->bytes + sender->segment > UDP_PAYLOAD_MAX;
}

uint8_t *outbound_room(struct outbound *o, size_t len)
{
	if (o->sender.count == 0 || run_is_full(&o->sender) || o->used + len > ROOM_SIZE)
		outbound_flush(o);
	return o->room + o->used;
}

void outbound_add(struct outbound *o, struct udp_socket *s, const struct path *path,
	uint8_t tos, size_t len)
{
	udp_sender_add(&o->sender, s, path, tos, o->room + o->used, len);
	o->used += len;
}

void fan_init(struct fan *f)
{
	memset(f, 0, sizeof(*f));
	for (unsigned i = 0; i < FAN_WIDTH; i++)
		udp_sender_init(&f->senders[i], FAN_RUN_MAX);
}

static void release(struct fan *f, unsigned i)
{
	udp_sender_flush(&f->senders[i]);
	if (f->users[i])
		f->users[i]->slot = 0;
	f->users[i] = NULL;
}

static unsigned claim(struct fan *f)
{
	if (f->used < FAN_WIDTH)
		return f->used++;
	f->hand = (f->hand + 1) % FAN_WIDTH;
	release(f, f->hand);
	return f->hand;
}

void fan_add(struct fan *f, struct fan_user *user, struct udp_socket *s,
	const struct path *path, uint8_t tos, uint8_t *buf, size_t len)
{
	if (user->slot == 0) {
		unsigned i = claim(f);

		f->users[i] = user;
		user->slot = i + 1;
	}
	udp_sender_add(&f->senders[user->slot - 1], s, path, tos, buf, len);
}

void fan_leave(struct fan *f, struct fan_user *user)
{
	if (user->slot != 0)
		release(f, user->slot - 1);
}

void fan_flush(struct fan *f)
{
	for (unsigned i = 0; i < f->used; i++)
		release(f, i);
	f->used = 0;
}

size_t fan_collected(const struct fan *f, size_t more)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < f->used; i++)
		bytes += f->senders[i].bytes + f->senders[i].count * more;
	return bytes;
}
