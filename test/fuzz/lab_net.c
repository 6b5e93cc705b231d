/* SPDX-License-Identifier: MIT */
/* The network between the machines: NATs that add to a port, datagrams under way, routers
 * that say what died. */
#include "fuzz/lab.h"

static struct lab_datagram *flight_add(struct lab *lab)
{
	struct lab_datagram *d;

	if (lab->flight_count == LAB_FLIGHTS)
		lab_drop(lab, 0);
	d = &lab->flights[lab->flight_count++];
	*d = (struct lab_datagram){0};
	return d;
}

void lab_drop(struct lab *lab, unsigned i)
{
	free(lab->flights[i].data);
	lab->flight_count--;
	memmove(&lab->flights[i], &lab->flights[i + 1],
		(lab->flight_count - i) * sizeof(lab->flights[0]));
}

void lab_send(struct lab *lab, const struct addr *from, const struct addr *to,
	const uint8_t *data, size_t len, bool spoofed)
{
	uint8_t *copy = fuzz_copy(data, len); /* first: data may be the oldest flight's */
	struct lab_datagram *d;

	if (from->family != to->family) {
		free(copy);
		return;
	}
	d = flight_add(lab);
	*d = (struct lab_datagram){
		.from = *from, .to = *to, .spoofed = spoofed, .len = len, .data = copy};
}

/* The port that its NAT gives a machine's socket. */
static uint16_t outside_port(
	const struct lab_machine *m, const struct addr *bound, bool outside)
{
	bool mapped = outside && bound->family == ADDR_V4;

	return (uint16_t)(bound->port + (mapped ? m->moved : 0));
}

struct lab_machine *lab_machine_at(
	struct lab *lab, const struct addr *to, uint32_t *socket)
{
	for (unsigned role = 0; role < LAB_ROLES; role++) {
		struct lab_machine *m = &lab->machines[role];
		bool outside = addr_same_ip(to, &m->public) || addr_same_ip(to, &m->v6);

		if (m->core == NULL || (!outside && !addr_same_ip(to, &m->local)))
			continue;
		for (uint32_t i = 0; i < LAB_SOCKETS; i++) {
			const struct addr *bound = &m->sockets[i].bound;
			uint16_t port = outside_port(m, bound, outside);

			if (m->sockets[i].open && bound->family == to->family &&
				(port == to->port ||
					(role == LAB_HOST && lab->setup.spoilt &&
						port + LAB_SPOILT_BY == to->port))) {
				*socket = i;
				return m;
			}
		}
	}
	return NULL;
}

static bool is_blocked(const struct lab *lab, enum lab_role a, enum lab_role b)
{
	static const unsigned bits[LAB_ROLES][LAB_ROLES] = {
		{0, 1, 2}, {1, 0, 4}, {2, 4, 0}};

	return (lab->blocked & bits[a][b]) != 0;
}

/* Where a machine's datagram seems to come from. */
static struct addr seen_as(const struct lab *lab, const struct lab_machine *m,
	const struct path *path, const struct addr *bound)
{
	const struct addr server = lab_server(lab, false);
	struct addr from = bound->family == ADDR_V6 ? m->v6 : m->public;

	from.port = m->role == LAB_RENDEZVOUS ? path->local.port
					      : outside_port(m, bound, true);
	if (addr_is_private(&path->remote) && lab->setup.same_site) {
		from = m->local;
		from.port = bound->port;
	} else if (m->role == LAB_HOST && lab->setup.spoilt && bound->family == ADDR_V4 &&
		   !addr_equal(&path->remote, &server)) {
		from.port = (uint16_t)(from.port + LAB_SPOILT_BY);
	}
	return from;
}

static void note_sent(struct lab *lab, const struct addr *from, const struct addr *to,
	const uint8_t *data, size_t len)
{
	struct lab_datagram *d = &lab->records[lab->record_count++ % LAB_RECORDS];

	free(d->data);
	*d = (struct lab_datagram){.from = *from, .to = *to, .len = len};
	d->data = fuzz_copy(data, len);
	if (lab->log_count < LAB_LOG)
		lab->log[lab->log_count++] = lab_hash(data, len);
	if (lab->id_count < LAB_LOG && message_is(data, len))
		lab->ids[lab->id_count++] = lab_hash(message_id(data), ID_SIZE);
	if (lab->tap != NULL)
		lab->tap(lab->tap_arg, data, len);
}

/* A datagram that died on its way: the router that dropped it says so. */
static void time_exceeded(struct lab *lab, const struct lab_machine *m,
	const struct path *path, uint8_t ttl, const uint8_t *data, size_t len)
{
	struct lab_datagram *d = flight_add(lab);

	d->from = ttl == 1 ? addr_v4(192, 168, 1, 1, 0) : addr_v4(198, 51, 100, 1, 0);
	d->icmp = 11;
	d->about = m->role;
	d->path = *path;
	d->data = fuzz_copy(data, len);
	d->len = len;
}

void lab_emit(struct lab *lab, struct lab_machine *m, const struct path *path,
	uint8_t ttl, const uint8_t *data, size_t len)
{
	const struct addr *bound;
	struct lab_machine *to;
	struct addr from;
	uint32_t socket;

	REQUIRE(path->socket < LAB_SOCKETS && m->sockets[path->socket].open);
	bound = &m->sockets[path->socket].bound;
	REQUIRE(bound->family == path->remote.family && len > 0 && len <= 65507);
	from = seen_as(lab, m, path, bound);
	trace_datagram(lab, "send", &from, &path->remote, data, len);
	judge_output(lab, m, &path->remote, data, len);
	note_sent(lab, &from, &path->remote, data, len);
	if (ttl == 1 || ttl == 2) {
		time_exceeded(lab, m, path, ttl, data, len);
		return;
	}
	to = lab_machine_at(lab, &path->remote, &socket);
	if (to != NULL && !is_blocked(lab, m->role, to->role) &&
		(lab->mtu == 0 || len <= lab->mtu))
		lab_send(lab, &from, &path->remote, data, len, false);
}
