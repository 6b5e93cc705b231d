/* SPDX-License-Identifier: MIT */
#include "lib/active.h"
#include "net/system.h"

void eyelet_serve_config_init(struct eyelet_serve_config *config)
{
	memset(config, 0, sizeof(*config));
	config->effort = EYELET_EFFORT_NORMAL;
}

static bool in_range(const struct eyelet_serve_config *config)
{
	return config->service != NULL && config->server_count <= EYELET_RENDEZVOUS_MAX &&
	       config->target_count >= 1 && config->target_count <= 2 &&
	       config->flows_max <= UINT16_MAX && config->effort <= EYELET_EFFORT_HIGH &&
	       (config->known_count == 0 || config->known != NULL);
}

static int set_servers(struct host_config *core, const struct eyelet_serve_config *config,
	const char **why)
{
	addrs_in(core->servers, config->servers, config->server_count);
	core->server_count = config->server_count;
	if (config->server_names == NULL)
		return config->server_count > 0 ? EYELET_OK : EYELET_EINVAL;
	return servers_resolve(
		core->servers, &core->server_count, config->server_names, why);
}

/* Where UDP is blocked the same rendezvous may answer by TCP. */
static int set_all_servers(struct host_config *core,
	const struct eyelet_serve_config *config, const char **why)
{
	int error = set_servers(core, config, why);

	if (error == EYELET_OK)
		core->server_count =
			resolve_streams(core->servers, core->server_count, NULL);
	return error;
}

/* The rendezvous inside is asked by loopback. */
static int set_inside(struct host_config *core, const struct eyelet_serve_config *config)
{
	if (config->port == 0 || config->server_count > 0 || config->server_names != NULL)
		return EYELET_EINVAL;
	core->servers[0] = addr_v4(127, 0, 0, 1, config->port);
	core->server_count = 1;
	return EYELET_OK;
}

static void set_limits(struct host_config *core, const struct eyelet_serve_config *config)
{
	if (config->guests_max != 0)
		core->guests_max = config->guests_max;
	if (config->flows_max != 0)
		core->flows_max = config->flows_max;
	if (config->network_max != 0)
		core->network_max = config->network_max;
	if (config->sockets_max != 0)
		core->sockets_max = config->sockets_max;
	if (config->half_open_max != 0)
		core->half_open_max = config->half_open_max;
}

static void set_binds(struct host_driver_config *driver, uint16_t port)
{
	driver->binds[0] = (struct addr){.family = ADDR_V4, .port = port};
	driver->binds[1] = (struct addr){.family = ADDR_V6, .port = port};
	driver->bind_count = 2;
}

static int fill_config(struct host_driver_config *driver,
	const struct eyelet_serve_config *config, const char **why)
{
	struct host_config *core = &driver->core;

	host_config_init(core);
	if (!in_range(config))
		return EYELET_EINVAL;
	core->entropy.fill = random_fill;
	core->ciphers = crypto_ciphers();
	set_limits(core, config);
	core->no_local_candidates = config->no_local_candidates;
	core->effort = (enum effort)config->effort;
	driver->portmap = config->port_mapping ? forwarder_on_portmap : NULL;
	set_binds(driver, config->port);
	addrs_in(core->publics, config->publics, 2);
	addrs_in(core->targets, config->targets, config->target_count);
	addrs_in(driver->targets, config->targets, config->target_count);
	driver->target_count = config->target_count;
	return config->inside ? set_inside(core, config)
			      : set_all_servers(core, config, why);
}

/* Makes a rendezvous for this one service. NULL if memory ran out. */
static struct rendezvous *make_inner(
	const struct service *service, const struct addr publics[2])
{
	struct rendezvous_config config;
	struct rendezvous *r;
	uint8_t name[CRYPTO_KEY_SIZE];

	rendezvous_config_init(&config);
	config.entropy.fill = random_fill;
	config.stun = false;
	config.relay.max = 0; /* host and relay would be one */
	config.private = true;
	config.services_max = 1;
	for (size_t i = 0; i < 2; i++)
		if (publics[i].family != ADDR_NONE)
			config.publics[config.public_count++] = publics[i];
	crypto_ed25519_public(name, service->seed);
	r = rendezvous_new(&config, clock_now());
	if (r != NULL && rendezvous_allow(r, name))
		return r;
	rendezvous_free(r);
	return NULL;
}

static int make_driver(struct eyelet_forwarder *f, struct host_driver_config *driver,
	const struct service *service, bool inside, const char **why)
{
	const struct forwarder_hooks hooks = forwarder_hooks(f);

	driver->core.service = service;
	if (inside) {
		driver->inner = make_inner(service, driver->core.publics);
		if (driver->inner == NULL)
			return EYELET_ENOMEM;
	}
	f->host = host_driver_new(f->loop, driver, &hooks, why);
	if (f->host != NULL)
		return EYELET_OK;
	rendezvous_free(driver->inner);
	return EYELET_ESOCKET;
}

static void tell_known(struct host *host, const struct eyelet_serve_config *config)
{
	for (size_t i = 0; i < config->known_count; i++)
		host_know_guest(host, config->known[i].identity, config->known[i].number);
}

int eyelet_serve(struct eyelet_forwarder **f, const struct eyelet_serve_config *config,
	const char **why)
{
	struct host_driver_config driver = {.inner = NULL};
	struct eyelet_forwarder *made = NULL;
	struct service service;
	const char *reason = NULL;
	int error = fill_config(&driver, config, &reason);

	if (error == EYELET_OK) {
		made = forwarder_new(config->loop, &config->hooks);
		service_in(&service, config->service);
		error = made != NULL ? make_driver(made, &driver, &service,
					       config->inside, &reason)
				     : EYELET_ENOMEM;
		crypto_wipe(&service, sizeof(service));
	}
	if (error == EYELET_OK)
		tell_known(host_driver_core(made->host), config);
	return forwarder_give(f, made, error, why, reason);
}
