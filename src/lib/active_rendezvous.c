/* SPDX-License-Identifier: MIT */
#include "lib/active.h"
#include "lib/passive.h"
#include "net/system.h"

#define ALT_MAX 32 /* bits of alt_mask */

void eyelet_serve_rendezvous_config_init(struct eyelet_serve_rendezvous_config *config)
{
	memset(config, 0, sizeof(*config));
	eyelet_rendezvous_config_init(&config->rendezvous);
	config->rendezvous.entropy.fill = random_fill;
	config->alt = 16;
}

static void set_listens(struct rendezvous_driver_config *driver,
	const struct eyelet_serve_rendezvous_config *config)
{
	addrs_in(driver->listens, config->listens, config->listen_count);
	driver->listen_count = config->listen_count;
	if (config->listen_count > 0)
		return;
	driver->listens[0] = (struct addr){.family = ADDR_V4, .port = RENDEZVOUS_PORT};
	driver->listens[1] = (struct addr){.family = ADDR_V6, .port = RENDEZVOUS_PORT};
	driver->listen_count = 2;
}

static int fill_config(struct rendezvous_driver_config *driver,
	const struct eyelet_serve_rendezvous_config *config)
{
	if (config->listen_count > FORWARDER_LISTENS_MAX || config->alt > ALT_MAX)
		return EYELET_EINVAL;
	set_listens(driver, config);
	driver->alt = config->alt;
	return rendezvous_config_in(&driver->core, &config->rendezvous);
}

static int make_driver(struct eyelet_forwarder *f,
	const struct rendezvous_driver_config *driver, const char **why)
{
	const struct forwarder_hooks hooks = forwarder_hooks(f);

	f->rendezvous = rendezvous_driver_new(f->loop, driver, &hooks, why);
	if (f->rendezvous == NULL)
		return EYELET_ESOCKET;
	if (f->owns_loop)
		forwarder_set_ready(f, READINESS_READY);
	return EYELET_OK;
}

int eyelet_serve_rendezvous(struct eyelet_forwarder **f,
	const struct eyelet_serve_rendezvous_config *config, const char **why)
{
	struct rendezvous_driver_config driver = {.listen_count = 0};
	struct eyelet_forwarder *made = NULL;
	const char *reason = NULL;
	int error = fill_config(&driver, config);

	if (error == EYELET_OK) {
		made = forwarder_new(config->loop, &config->hooks);
		error = made != NULL ? make_driver(made, &driver, &reason)
				     : EYELET_ENOMEM;
	}
	return forwarder_give(f, made, error, why, reason);
}
