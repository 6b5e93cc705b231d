/* SPDX-License-Identifier: MIT */
#include "core/doors.h"

#include <stdlib.h>
#include <string.h>

#include "core/table.h"

/* What a path has beyond the remote's address and port. */
struct near {
	uint32_t socket, ifindex, channel;
	struct addr local;
	uint32_t scope; /* of the remote */
	uint32_t transport;
};

struct door {
	struct near near;
	uint32_t held; /* how often */
	uint16_t number;
	UT_hash_handle hh;
};

/* Nobody outside can choose what is hashed. */
static const uint8_t hash_key[16];

void doors_init(struct doors *d)
{
	*d = (struct doors){.lowest = 1};
}

void doors_fini(struct doors *d)
{
	struct door *door, *next;

	HASH_ITER (hh, d->table, door, next) {
		HASH_DEL(d->table, door);
		free(door);
	}
	free(d->by_number);
	doors_init(d);
}

static struct near near_of(const struct path *path)
{
	return (struct near){.socket = path->socket,
		.ifindex = path->ifindex,
		.channel = path->channel,
		.local = path->local,
		.scope = path->remote.scope,
		.transport = path->remote.transport};
}

bool doors_is(const struct doors *d, uint16_t number, const struct path *path)
{
	struct near near = near_of(path);

	return memcmp(&d->by_number[number]->near, &near, sizeof(near)) == 0;
}

/* Returns a number that is free, with room for it; 0 without. */
static uint32_t free_number(struct doors *d)
{
	uint32_t number = d->lowest;

	while (number < d->room && d->by_number[number] != NULL)
		number++;
	d->lowest = number;
	if (number > DOORS_MAX)
		return 0;
	if (number >= d->room) {
		uint32_t room = d->room ? 2 * d->room : 64;
		struct door **more = realloc(d->by_number, room * sizeof(struct door *));

		if (more == NULL)
			return 0;
		memset(more + d->room, 0, (room - d->room) * sizeof(struct door *));
		d->by_number = more;
		d->room = room;
	}
	return number;
}

static struct door *door_new(struct doors *d, const struct near *near)
{
	uint32_t number = free_number(d);
	struct door *door = number != 0 ? calloc(1, sizeof(*door)) : NULL;

	if (door == NULL)
		return NULL;
	door->near = *near;
	door->number = (uint16_t)number;
	TABLE_ADD(d->table, hash_key, near, sizeof(*near), door);
	if (!TABLE_HOLDS(door)) {
		free(door);
		return NULL;
	}
	d->by_number[number] = door;
	return door;
}

uint16_t doors_hold(struct doors *d, const struct path *path)
{
	struct near near = near_of(path);
	struct door *door;

	TABLE_FIND(d->table, hash_key, &near, sizeof(near), door);
	if (door == NULL)
		door = door_new(d, &near);
	if (door == NULL)
		return 0;
	door->held++;
	return door->number;
}

void doors_let_go(struct doors *d, uint16_t number)
{
	struct door *door = d->by_number[number];

	if (--door->held > 0)
		return;
	d->by_number[number] = NULL;
	if (number < d->lowest)
		d->lowest = number;
	HASH_DEL(d->table, door);
	free(door);
}

void doors_path(const struct doors *d, uint16_t number, struct path *path)
{
	const struct near *near = &d->by_number[number]->near;

	path->socket = near->socket;
	path->ifindex = near->ifindex;
	path->channel = near->channel;
	path->local = near->local;
	path->remote.scope = near->scope;
	path->remote.transport = (uint8_t)near->transport;
}
