/* SPDX-License-Identifier: MIT */
#include "core/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "core/channel.h"

bool outbox_init(struct outbox *o, unsigned cap)
{
	*o = (struct outbox){.cap = cap};
	o->ring = calloc(cap + 1, sizeof(*o->ring)); /* the last one is the scratch */
	return o->ring != NULL;
}

void outbox_fini(struct outbox *o)
{
	free(o->ring);
	*o = (struct outbox){0};
}

struct datagram *outbox_add(struct outbox *o, const struct path *path, uint8_t ttl)
{
	struct datagram *d;

	if (o->count == o->cap) {
		o->dropped++;
		d = &o->ring[o->cap];
	} else {
		d = &o->ring[(o->first + o->count++) % o->cap];
	}
	d->path = *path;
	d->ttl = ttl;
	d->tos = 0;
	d->len = 0;
	return d;
}

bool outbox_take(struct outbox *o, struct datagram *d)
{
	const struct datagram *from;

	if (o->count == 0)
		return false;
	from = &o->ring[o->first];
	memcpy(d, from, offsetof(struct datagram, data));
	if (d->path.channel != 0 && d->len > 0) {
		channel_encode(d->data, d->path.channel);
		d->len = (uint16_t)(d->len + CHANNEL_SIZE);
	}
	memcpy(d->data + (d->len - from->len), from->data, from->len);
	o->first = (o->first + 1) % o->cap;
	o->count--;
	return true;
}
