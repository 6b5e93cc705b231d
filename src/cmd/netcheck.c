/* SPDX-License-Identifier: MIT */
#include "cmd/netcheck.h"

#include <stdio.h>

#include "cmd/commands.h"
#include "cmd/probe.h"
#include "cmd/stop.h"
#include "core/rendezvous.h"
#include "net/netcheck_driver.h"
#include "net/system.h"

#define PER_NAME 2 /* addresses asked of one name: as a rule one of each family */

struct check {
	struct netcheck_options options;
	struct netcheck_config config;
	struct ev_loop *loop;
	struct netcheck_driver *driver;
	struct netcheck_router router;
	bool waits; /* for what is being found out */
};

static void add_server(
	struct check *c, const struct addr *addr, enum netcheck_protocol protocol)
{
	if (c->config.server_count < NETCHECK_SERVERS_MAX)
		c->config.servers[c->config.server_count++] =
			(struct netcheck_server){*addr, protocol};
}

static void resolve_stun(struct check *c, const char *text)
{
	struct addr found[PER_NAME];
	const char *why = NULL;
	size_t count = resolve(text, RENDEZVOUS_PORT, found, PER_NAME, &why);

	if (count == 0)
		log_error("cannot resolve the server %s: %s", text,
			why != NULL ? why : "the name has no address");
	for (size_t i = 0; i < count; i++)
		if (probe_family(found[i].family))
			add_server(c, &found[i], NETCHECK_STUN);
}

static bool resolve_all(struct check *c)
{
	struct servers *s = &c->options.rendezvous;

	if (s->text[0] != '\0' && servers_resolve(s))
		for (size_t i = 0; i < s->count; i++)
			add_server(c, &s->addrs[i], NETCHECK_RENDEZVOUS);
	for (size_t i = 0; i < c->options.stun_count; i++)
		resolve_stun(c, c->options.stuns[i]);
	return c->config.server_count > 0;
}

/* A router is waited for where there is a NAT. */
static void end_if_found(void *arg)
{
	struct check *c = arg;
	struct netcheck_result own;

	if (!c->waits || !netcheck_done(netcheck_driver_core(c->driver)))
		return;
	netcheck_get_result(netcheck_driver_core(c->driver), &own);
	if (c->router.settled || !own.heard || !own.network.translated)
		ev_break(c->loop, EVBREAK_ALL);
	else
		log_detail("finding out: port mapping");
}

static void on_step(void *arg, enum netcheck_step step)
{
	if (step == NETCHECK_DONE)
		end_if_found(arg);
	else
		log_detail("finding out: %s", netcheck_step_name(step));
}

static void on_notice(void *arg, const char *text)
{
	(void)arg;
	log_detail("%s", text);
}

static bool has_question(const struct check *c)
{
	return c->options.ticketed || c->options.key.given;
}

/* Asks the host, if one was named. Returns the exit code. */
static enum exit_code look_at_pair(const struct check *c,
	const struct netcheck_result *own, struct netcheck_pair *pair,
	struct netcheck_forecast *forecast)
{
	struct addr locals[NETCHECK_LOCALS_MAX];
	enum exit_code code;

	if (!has_question(c))
		return own->heard ? EXIT_DONE : EXIT_UNREACHABLE;
	log_detail("asking the host");
	code = netcheck_ask(pair, &c->options);
	if (code == EXIT_DONE)
		*forecast = netcheck_forecast(own, &c->router, locals,
			interfaces_list(locals, NETCHECK_LOCALS_MAX), &pair->host);
	return code;
}

/* All that is to be printed. */
struct findings {
	struct netcheck_result own;
	bool paired; /* the host was asked, and answered */
	struct netcheck_pair pair;
	struct netcheck_forecast forecast;
	struct netcheck_streams streams; /* none where UDP gets through */
	enum exit_code code;
};

static void find(struct findings *f, const struct check *c)
{
	netcheck_get_result(netcheck_driver_core(c->driver), &f->own);
	f->code = look_at_pair(c, &f->own, &f->pair, &f->forecast);
	f->paired = has_question(c) && f->code == EXIT_DONE;
	if (!f->own.heard && c->options.rendezvous.count > 0)
		netcheck_streams_try(&f->streams, &c->options.rendezvous);
}

static enum exit_code print_object(
	const struct findings *f, const struct netcheck_router *router)
{
	struct json j;

	netcheck_object(&j, &f->own, router);
	json_number(&j, "code", (uint64_t)f->code);
	if (f->streams.count > 0)
		netcheck_streams_add(&j, &f->streams);
	if (f->paired)
		netcheck_pair_add(&j, &f->pair, &f->forecast);
	json_end(&j);
	return options_print(j.text);
}

/* UDP did not get through: what does? */
static enum exit_code print_streams(const struct netcheck_streams *s)
{
	char text[NETCHECK_REPORT_MAX];
	enum exit_code printed;

	netcheck_streams_report(text, s);
	printed = options_print(text);
	if (netcheck_streams_any(s, ADDR_TCP) || netcheck_streams_any(s, ADDR_TLS))
		log_state("eyelet meets by TCP or TLS where a rendezvous listens there: "
			  "over the relay");
	return printed;
}

static enum exit_code print_table(
	const struct findings *f, const struct netcheck_router *router, bool lifetime)
{
	char text[NETCHECK_REPORT_MAX];
	enum exit_code printed;

	netcheck_report(text, &f->own, router, lifetime);
	printed = options_print(text);
	if (printed == EXIT_DONE && f->paired) {
		netcheck_pair_report(text, &f->pair, &f->forecast);
		printed = options_print(text);
	}
	if (printed == EXIT_DONE && f->streams.count > 0)
		printed = print_streams(&f->streams);
	return printed;
}

static enum exit_code print(const struct check *c)
{
	struct findings f = {.paired = false};
	enum exit_code printed;

	find(&f, c);
	printed = c->options.json ? print_object(&f, &c->router)
				  : print_table(&f, &c->router, c->options.lifetime);
	if (!f.own.heard && !f.paired)
		log_error("no server answered: UDP is blocked here, or nobody is there");
	return printed != EXIT_DONE ? printed : f.code;
}

static enum exit_code run(struct check *c)
{
	const struct netcheck_hooks hooks = {on_step, on_notice, c};
	enum exit_code code = EXIT_FAILED;
	struct stop stop;

	c->driver = netcheck_driver_new(c->loop, &c->config, &hooks);
	if (c->driver == NULL) {
		log_error("out of memory");
		return EXIT_FAILED;
	}
	if (c->options.no_port_mapping)
		c->router.settled = true;
	else
		netcheck_router_ask(&c->router, c->loop, end_if_found, c);
	stop_start(&stop, c->loop);
	c->waits = true;
	ev_run(c->loop, 0);
	c->waits = false;
	stop_end(&stop, c->loop);
	if (netcheck_done(netcheck_driver_core(c->driver)))
		code = print(c);
	else
		log_error("ended before all was found out");
	netcheck_router_end(&c->router);
	netcheck_driver_free(c->driver);
	return code;
}

int netcheck_main(int argc, char **argv)
{
	struct check c = {.driver = NULL};
	enum exit_code code;
	struct options o;

	if (!netcheck_parse(&c.options, &o, argc, argv))
		return o.code;
	if (!resolve_all(&c))
		return EXIT_UNREACHABLE;
	c.config.entropy = (struct entropy){random_fill, NULL};
	c.config.lifetime = c.options.lifetime;
	c.loop = ev_default_loop(EVFLAG_AUTO);
	if (c.options.lifetime)
		log_state("this takes up to %u seconds, since the NAT has to forget",
			NETCHECK_LIFETIME_MAX + 20u);
	code = run(&c);
	key_wipe(&c.options.key);
	crypto_wipe(&c.options.ticket, sizeof(c.options.ticket));
	return (int)code;
}
