/* SPDX-License-Identifier: MIT */
#include "cmd/feed.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/log.h"
#include "core/host.h"
#include "core/message.h"
#include "core/ticket.h"

/* What the members of each event are called; NULL: it has none of the kind. */
static const struct shape {
	const char *addr, *peer, *number;
	const char *(*refusal)(uint8_t code); /* says what number means */
	bool guest, path;
} shapes[EVENT_COUNT] = {
	[EVENT_GUEST_NEW] = {.number = "number", .guest = true},
	[EVENT_REGISTERED] = {.addr = "rendezvous", .peer = "observed"},
	[EVENT_LEASE_LOST] = {.addr = "rendezvous"},
	[EVENT_LEASE_REFUSED] = {.addr = "rendezvous",
		.number = "code",
		.refusal = refusal_text},
	[EVENT_MAPPING_SPOILT] = {.addr = "address", .peer = "other"},
	[EVENT_LEVELS_COUNTED] = {.addr = "rendezvous", .number = "nats"},
	[EVENT_PUNCHING] = {.number = "addresses"},
	[EVENT_GUEST_CONNECTED] = {.number = "number", .guest = true, .path = true},
	[EVENT_GUEST_MOVED] = {.number = "number", .guest = true, .path = true},
	[EVENT_GUEST_GONE] = {.number = "number", .guest = true},
	[EVENT_GUEST_REFUSED] = {.number = "code",
		.refusal = host_refusal_text,
		.guest = true,
		.path = true},
	[EVENT_FLOW_REFUSED] = {.number = "number", .guest = true},
	[EVENT_ASKING] = {.addr = "rendezvous", .number = "attempt"},
	[EVENT_OBSERVED] = {.addr = "rendezvous", .peer = "observed"},
	[EVENT_SERVICE_FOUND] = {.addr = "rendezvous"},
	[EVENT_ASK_REFUSED] = {.addr = "rendezvous",
		.number = "code",
		.refusal = refusal_text},
	[EVENT_HOST_FOUND] = {.number = "addresses"},
	[EVENT_TRYING] = {.peer = "address", .number = "probes"},
	[EVENT_CONNECTED] = {.path = true},
	[EVENT_RELAYED] = {.number = "attempts", .path = true},
	[EVENT_MOVED] = {.path = true},
	[EVENT_REFUSED] = {.number = "code", .refusal = host_refusal_text},
	[EVENT_LIMIT_REACHED] = {.addr = "address", .number = "times"},
	[EVENT_VERSION_MISMATCH] = {.addr = "address", .number = "version"},
};

void feed_start(struct json *j, const char *event)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_start(j);
	json_string(j, "event", event);
	json_thousandths(
		j, "time", (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

void feed_addr(struct json *j, const char *name, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	if (addr->family != ADDR_NONE)
		json_string(j, name, addr_format(text, addr));
}

void feed_span(struct json *j, const char *name, uint64_t ns)
{
	if (ns != 0)
		json_thousandths(j, name, ns / 1000);
}

static const char *transport_of(const struct addr *addr)
{
	switch (addr->transport) {
	case ADDR_TCP: return "tcp";
	case ADDR_TLS: return "tls";
	default: return "udp";
	}
}

void feed_event(struct json *j, const struct event *e)
{
	static const uint8_t nobody[sizeof(e->identity)]; /* not known yet */
	const struct shape *shape = &shapes[e->type];
	char print[SERVICE_NAME_MAX];

	if (shape->number != NULL)
		json_number(j, shape->number, e->number);
	if (shape->guest && memcmp(e->identity, nobody, sizeof(nobody)) != 0) {
		service_name_encode(print, e->identity);
		json_string(j, "guest", print);
	}
	if (shape->addr != NULL)
		feed_addr(j, shape->addr, &e->addr);
	if (shape->addr != NULL && e->addr.transport != ADDR_UDP)
		json_string(j, "transport", transport_of(&e->addr));
	if (shape->peer != NULL)
		feed_addr(j, shape->peer, &e->peer);
	if (shape->path) {
		json_string(j, "path", e->path.channel != 0 ? "relay" : "direct");
		json_string(j, "transport", transport_of(&e->path.remote));
		feed_addr(j, "address", &e->path.remote);
		feed_addr(j, "local", &e->path.local);
		feed_span(j, "took_ms", e->span);
	}
	if (e->type == EVENT_TRYING) {
		json_number(j, "sockets", e->sockets);
		json_number(j, "chance_ppm", e->ppm);
		feed_span(j, "span_ms", e->span);
	}
	if (shape->refusal != NULL)
		json_string(j, "why", shape->refusal((uint8_t)e->number));
	else
		json_string(j, "why", e->why);
}

bool feed_is_internal(const struct event *e)
{
	return e->type == EVENT_SOCKET_WANTED || e->type == EVENT_SOCKET_DONE ||
	       e->type == EVENT_FLOW_CLOSED;
}

void feed_drops(struct json *j, const struct verdict_counts *counts)
{
	char name[64];

	for (enum verdict v = VERDICT_DROP_MALFORMED; v < VERDICT_COUNT; v++) {
		snprintf(name, sizeof(name), "dropped_%s", verdict_name(v));
		for (char *dash = name; (dash = strchr(dash, '-')) != NULL;)
			*dash = '_';
		json_number(j, name, counts->of[v]);
	}
}

/* A pipe that is writable takes a line whole; see JSON_MAX. */
static bool writable(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&out, 1, 0) != 0;
}

static void print(struct feed *f, const struct json *j)
{
	ssize_t written = write(STDOUT_FILENO, j->text, j->len);

	f->dropped = 0;
	if (written == (ssize_t)j->len)
		return;
	f->broken = true;
	log_warning("cannot write to the standard output: %s; there is no more --json",
		written < 0 ? strerror(errno) : "it is full");
}

void feed_end(struct feed *f, struct json *j)
{
	if (!f->on || f->broken)
		return;
	if (f->dropped > 0)
		json_number(j, "missed", f->dropped);
	json_end(j);
	if (writable())
		print(f, j);
	else
		f->dropped++;
}

void feed_ended(struct feed *f, int code)
{
	struct json j;

	feed_start(&j, "ended");
	json_number(&j, "code", (uint64_t)code);
	feed_end(f, &j);
}

void feed_warning(struct feed *f, const char *text)
{
	struct json j;

	feed_start(&j, "warning");
	json_string(&j, "text", text);
	feed_end(f, &j);
}
