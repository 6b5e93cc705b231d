/* SPDX-License-Identifier: MIT */
/* What SIGUSR1 asks a host for: the counters, of all and of each guest. */
#include <stdlib.h>

#include "cmd/log.h"
#include "cmd/pacing.h"
#include "cmd/serve.h"
#include "core/host.h"
#include "net/system.h"

/* Returns a list to be freed, NULL if there are none or memory ran out. */
static struct host_guest *list_guests(const struct serve *s, size_t *count)
{
	struct host *host = host_driver_core(s->driver);
	struct host_guest *list;
	struct host_counts counts;

	*count = 0;
	host_get_counts(host, &counts);
	list = counts.guests > 0 ? calloc(counts.guests, sizeof(*list)) : NULL;
	if (list != NULL)
		*count = host_list_guests(host, list, counts.guests, clock_now());
	return list;
}

/* Of a thousand frames that the guest sent, how many did not come. */
static uint64_t loss(const struct host_guest *g)
{
	uint64_t sent = g->lost_in + g->datagrams_in;

	return sent > 0 ? g->lost_in * 1000 / sent : 0;
}

static void log_guest(const struct serve *s, const struct host_guest *g)
{
	char name[SERVE_GUEST_MAX], remote[ADDR_TEXT_MAX];

	log_state("guest %u (%s) at %s for %llu s: %u sockets, %.1f ms, %llu datagrams "
		  "in, %llu out, %llu lost on the way here (%.1f %%)",
		g->number, serve_guest_name(s, name, g->identity),
		addr_format(remote, &g->path.remote),
		(unsigned long long)(g->span / SECOND), g->flows,
		(double)g->rtt / (double)MILLISECOND, (unsigned long long)g->datagrams_in,
		(unsigned long long)g->datagrams_out, (unsigned long long)g->lost_in,
		(double)loss(g) / 10);
}

void serve_log_counters(struct serve *s)
{
	struct forwarder_counts forwarder;
	struct host_guest *list;
	struct host_counts counts;
	size_t count;

	host_get_counts(host_driver_core(s->driver), &counts);
	host_driver_get_counts(s->driver, &forwarder);
	log_state("counters: %u guests, %llu handshakes, %llu datagrams for guests who "
		  "were not there, %llu not sent",
		counts.guests, (unsigned long long)counts.handshakes,
		(unsigned long long)counts.dropped_out,
		(unsigned long long)forwarder.send_failed);
	pacing_log(&forwarder.pacing);
	list = list_guests(s, &count);
	for (size_t i = 0; i < count; i++)
		log_guest(s, &list[i]);
	free(list);
}

static void feed_guest(struct serve *s, const struct host_guest *g)
{
	const struct policy_guest *named = policy_find(&s->policy, g->identity);
	char print[SERVICE_NAME_MAX];
	struct json j;

	serve_feed_start(s, &j, "guest");
	json_number(&j, "number", g->number);
	service_name_encode(print, g->identity);
	json_string(&j, "guest", print);
	if (named != NULL && named->name[0] != '\0')
		json_string(&j, "name", named->name);
	json_string(&j, "path", g->path.channel != 0 ? "relay" : "direct");
	feed_addr(&j, "address", &g->path.remote);
	feed_span(&j, "since_ms", g->span);
	feed_span(&j, "rtt_ms", g->rtt);
	json_number(&j, "flows", g->flows);
	json_number(&j, "datagrams_in", g->datagrams_in);
	json_number(&j, "bytes_in", g->bytes_in);
	json_number(&j, "datagrams_out", g->datagrams_out);
	json_number(&j, "bytes_out", g->bytes_out);
	json_number(&j, "lost_in", g->lost_in);
	json_thousandths(&j, "loss", loss(g));
	json_number(&j, "rekeys", g->rekeys);
	json_number(&j, "moves", g->moves);
	feed_end(&s->feed, &j);
}

void serve_feed_counters(struct serve *s)
{
	struct forwarder_counts forwarder;
	struct host_guest *list;
	struct host_counts counts;
	struct json j;
	size_t count;

	host_get_counts(host_driver_core(s->driver), &counts);
	host_driver_get_counts(s->driver, &forwarder);
	serve_feed_start(s, &j, "counters");
	json_number(&j, "guests", counts.guests);
	json_number(&j, "half_open", counts.half_open);
	json_number(&j, "attempts", counts.attempts);
	json_number(&j, "hellos", counts.hellos);
	json_number(&j, "handshakes", counts.handshakes);
	json_number(&j, "unproved_bytes", counts.unproved_bytes);
	json_number(&j, "unsealed", counts.dropped_out);
	json_number(&j, "unsent", forwarder.send_failed);
	pacing_feed(&j, &forwarder.pacing);
	feed_drops(&j, &counts.verdicts);
	feed_end(&s->feed, &j);
	list = list_guests(s, &count);
	for (size_t i = 0; i < count; i++)
		feed_guest(s, &list[i]);
	free(list);
}
