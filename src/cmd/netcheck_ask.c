/* SPDX-License-Identifier: MIT */
/* Asks the host of a ticket or key where it is: as a guest does, and goes no further. */
#include <ev.h>
#include <string.h>

#include "cmd/netcheck.h"
#include "cmd/report.h"
#include "cmd/stop.h"
#include "cmd/ticket_argument.h"
#include "cmd/trust.h"
#include "net/forwarder.h"
#include "net/system.h"

#define REFUSED_PATIENCE 1. /* seconds, for another rendezvous to know better */

struct question {
	struct ev_loop *loop;
	const struct netcheck_options *options;
	struct guest_driver *driver;
	struct tls_context *tls;
	char host[SERVERS_NAME_MAX]; /* what a certificate has to bear */
	ev_timer timeout;
	uint64_t began_at;
	struct netcheck_pair *pair;
	bool answered;
};

static void on_timeout(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)w;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void on_event(void *arg, const struct event *e)
{
	struct question *q = arg;

	if (e->type == EVENT_HOST_FOUND &&
		guest_get_host(guest_driver_core(q->driver), &q->pair->host)) {
		q->pair->took = clock_now() - q->began_at;
		q->answered = true;
		ev_break(q->loop, EVBREAK_ALL);
	} else if (e->type == EVENT_ASK_REFUSED &&
		   ev_timer_remaining(q->loop, &q->timeout) > REFUSED_PATIENCE) {
		ev_timer_stop(q->loop, &q->timeout);
		ev_timer_set(&q->timeout, REFUSED_PATIENCE, 0.);
		ev_timer_start(q->loop, &q->timeout);
	}
}

static void on_notice(void *arg, const char *text)
{
	(void)arg;
	log_detail("%s", text);
}

static const char *server_host(void *arg, const struct addr *remote)
{
	struct question *q = arg;

	return servers_host(q->host, &q->options->rendezvous, remote);
}

static enum exit_code explain(const struct question *q)
{
	const struct report_about about = {
		.servers = q->options->rendezvous.text,
		.seconds = (unsigned)((clock_now() - q->began_at + SECOND / 2) / SECOND),
		.guest = "",
		.trouble = guest_driver_trouble(q->driver),
	};
	struct guest_progress progress;
	char text[REPORT_MAX];
	enum exit_code code;

	guest_get_progress(guest_driver_core(q->driver), &progress);
	code = report_failure(text, &progress, &about);
	log_error("%s", text);
	return code;
}

static enum exit_code run(struct question *q)
{
	struct stop stop;

	q->began_at = clock_now();
	ev_now_update(q->loop);
	ev_timer_init(&q->timeout, on_timeout, NETCHECK_ASK_TIMEOUT, 0.);
	ev_timer_start(q->loop, &q->timeout);
	stop_start(&stop, q->loop);
	ev_run(q->loop, 0);
	stop_end(&stop, q->loop);
	ev_timer_stop(q->loop, &q->timeout);
	return q->answered ? EXIT_DONE : explain(q);
}

static void fill_config(struct guest_driver_config *config, const struct question *q,
	const struct credentials *credentials)
{
	guest_config_init(&config->core);
	config->core.entropy = (struct entropy){random_fill, NULL};
	config->core.credentials = credentials;
	config->core.ask_only = true;
	config->core.no_local_candidates = true; /* the host needs none of them */
	random_fill(NULL, config->core.identity, sizeof(config->core.identity));
	config->core.server_count = servers_dial(
		&q->options->rendezvous, q->tls != NULL, config->core.servers);
	config->tls = (struct forwarder_tls){q->tls, server_host};
}

static enum exit_code make_driver(struct question *q)
{
	const struct forwarder_hooks hooks = {on_event, on_notice, q};
	const struct netcheck_options *o = q->options;
	struct guest_driver_config config = {.listen_count = 0};
	struct credentials credentials;
	const char *why = "";

	if (!trust_open(&q->tls, NULL) ||
		!ticket_or_key(&credentials, o->ticketed ? &o->ticket : NULL, &o->key))
		return EXIT_FAILED;
	fill_config(&config, q, &credentials);
	q->driver = guest_driver_new(q->loop, &config, &hooks, &why);
	crypto_wipe(&credentials, sizeof(credentials));
	if (q->driver != NULL)
		return EXIT_DONE;
	log_error("%s", why);
	return EXIT_FAILED;
}

enum exit_code netcheck_ask(struct netcheck_pair *pair, const struct netcheck_options *o)
{
	struct question q = {
		.loop = ev_default_loop(EVFLAG_AUTO), .options = o, .pair = pair};
	enum exit_code code = make_driver(&q);

	if (code == EXIT_DONE)
		code = run(&q);
	if (q.driver != NULL)
		guest_driver_free(q.driver);
	tls_context_free(q.tls);
	return code;
}
