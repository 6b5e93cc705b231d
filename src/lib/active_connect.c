/* SPDX-License-Identifier: MIT */
#include "lib/active.h"
#include "net/system.h"

void eyelet_connect_config_init(struct eyelet_connect_config *config)
{
	memset(config, 0, sizeof(*config));
	config->effort = EYELET_EFFORT_NORMAL;
}

static bool in_range(const struct eyelet_connect_config *config)
{
	return config->ticket != NULL && config->server_count <= EYELET_RENDEZVOUS_MAX &&
	       config->listen_count <= 2 && config->flows_max <= UINT16_MAX &&
	       config->effort <= EYELET_EFFORT_HIGH;
}

/* A guest without an identity gets one for this run. */
static void set_identity(uint8_t to[EYELET_KEY_SIZE], const uint8_t from[EYELET_KEY_SIZE])
{
	static const uint8_t none[EYELET_KEY_SIZE];

	memcpy(to, from, EYELET_KEY_SIZE);
	if (crypto_equal(from, none, sizeof(none)))
		random_fill(NULL, to, EYELET_KEY_SIZE);
}

static int set_servers(struct guest_config *core,
	const struct eyelet_connect_config *config, const char **why)
{
	addrs_in(core->servers, config->servers, config->server_count);
	core->server_count = config->server_count;
	if (config->server_count > 0)
		return EYELET_OK;
	if (!ticket_servers_valid(config->ticket->servers)) {
		*why = "the ticket's list of rendezvous is damaged";
		return EYELET_EINVAL;
	}
	return servers_resolve(
		core->servers, &core->server_count, config->ticket->servers, why);
}

/* Where UDP is blocked the same rendezvous may answer by TCP. */
static int set_all_servers(struct guest_config *core,
	const struct eyelet_connect_config *config, const char **why)
{
	int error = set_servers(core, config, why);

	if (error == EYELET_OK)
		core->server_count =
			resolve_streams(core->servers, core->server_count, NULL);
	return error;
}

static void set_listens(
	struct guest_driver_config *driver, const struct eyelet_connect_config *config)
{
	addrs_in(driver->listens, config->listens, config->listen_count);
	driver->listen_count = config->listen_count;
	if (config->listen_count == 0)
		driver->listens[driver->listen_count++] = addr_v4(127, 0, 0, 1, 0);
}

static int fill_config(struct guest_driver_config *driver,
	const struct eyelet_connect_config *config, const char **why)
{
	struct guest_config *core = &driver->core;

	guest_config_init(core);
	if (!in_range(config))
		return EYELET_EINVAL;
	core->entropy.fill = random_fill;
	core->ciphers = crypto_ciphers();
	if (config->flows_max != 0)
		core->flows_max = config->flows_max;
	core->no_relay = config->no_relay;
	core->no_local_candidates = config->no_local_candidates;
	core->effort = (enum effort)config->effort;
	driver->portmap = config->port_mapping ? forwarder_on_portmap : NULL;
	set_identity(core->identity, config->identity);
	set_listens(driver, config);
	return set_all_servers(core, config, why);
}

static int make_driver(struct eyelet_forwarder *f, struct guest_driver_config *driver,
	const struct eyelet_ticket *ticket, const char **why)
{
	const struct forwarder_hooks hooks = forwarder_hooks(f);
	struct credentials credentials;

	ticket_credentials(&credentials, ticket);
	driver->core.credentials = &credentials;
	f->guest = guest_driver_new(f->loop, driver, &hooks, why);
	crypto_wipe(&credentials, sizeof(credentials));
	return f->guest != NULL ? EYELET_OK : EYELET_ESOCKET;
}

int eyelet_connect(struct eyelet_forwarder **f,
	const struct eyelet_connect_config *config, const char **why)
{
	struct guest_driver_config driver = {.listen_count = 0};
	struct eyelet_forwarder *made = NULL;
	const char *reason = NULL;
	int error = fill_config(&driver, config, &reason);

	if (error == EYELET_OK) {
		made = forwarder_new(config->loop, &config->hooks);
		error = made != NULL ? make_driver(made, &driver, config->ticket, &reason)
				     : EYELET_ENOMEM;
	}
	crypto_wipe(&driver, sizeof(driver));
	return forwarder_give(f, made, error, why, reason);
}
