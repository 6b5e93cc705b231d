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

static void on_step(void *arg, enum netcheck_step step)
{
	struct check *c = arg;

	if (step == NETCHECK_DONE)
		ev_break(c->loop, EVBREAK_ALL);
	else
		log_detail("finding out: %s", netcheck_step_name(step));
}

static void on_notice(void *arg, const char *text)
{
	(void)arg;
	log_detail("%s", text);
}

static enum exit_code print(struct check *c)
{
	enum exit_code code, printed;
	struct netcheck_result result;
	char text[NETCHECK_REPORT_MAX];
	struct json j;

	netcheck_get_result(netcheck_driver_core(c->driver), &result);
	code = result.heard ? EXIT_DONE : EXIT_UNREACHABLE;
	if (c->options.json) {
		netcheck_object(&j, &result, code);
		printed = options_print(j.text);
	} else {
		netcheck_report(text, &result, c->options.lifetime);
		printed = options_print(text);
	}
	if (!result.heard)
		log_error("no server answered: UDP is blocked here, or nobody is there");
	return printed != EXIT_DONE ? printed : code;
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
	stop_start(&stop, c->loop);
	ev_run(c->loop, 0);
	stop_end(&stop, c->loop);
	if (netcheck_done(netcheck_driver_core(c->driver)))
		code = print(c);
	else
		log_error("ended before all was found out");
	netcheck_driver_free(c->driver);
	return code;
}

int netcheck_main(int argc, char **argv)
{
	struct check c = {.driver = NULL};
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
	return run(&c);
}
