/* SPDX-License-Identifier: MIT */
/* The three drivers on one loop, on loopback: rendezvous, host with an echoing target, guest
 * with local applications. */
#ifndef EYELET_TEST_UNIT_FORWARDER_FIXTURE_H
#define EYELET_TEST_UNIT_FORWARDER_FIXTURE_H

#include "net/forwarder.h"
#include "local.h"

#include <stdio.h>

#include "core/crypto.h"
#include "core/secrets.h"
#include "net/system.h"

static const struct entropy entropy = {.fill = random_fill};

static struct world {
	struct rendezvous_driver *rendezvous;
	struct host_driver *host;
	struct guest_driver *guest;
	struct service service;
	struct credentials credentials;
	uint8_t guest_identity[32];
	struct forwarder_hooks hooks;
	unsigned events[EVENT_COUNT];
	uint32_t guest_number;
	char notice[256]; /* the last */
	unsigned notices;
} w;

static inline void on_event(void *arg, const struct event *event)
{
	(void)arg;
	if (getenv("EYELET_VERBOSE"))
		print_message("           %s\n", event_name(event->type));
	w.events[event->type]++;
	if (event->type == EVENT_GUEST_NEW)
		w.guest_number = event->number;
}

static inline void on_notice(void *arg, const char *text)
{
	(void)arg;
	w.notices++;
	(void)snprintf(w.notice, sizeof(w.notice), "%s", text);
}

static inline struct addr rendezvous_addr(void)
{
	struct addr addr;

	assert_true(rendezvous_driver_listen(w.rendezvous, 0, &addr));
	return addr;
}

static inline void start_rendezvous(void)
{
	struct rendezvous_driver_config config = {.listen_count = 1, .alt = 2};
	const char *why;

	rendezvous_config_init(&config.core);
	config.core.entropy = entropy;
	config.listens[0] = addr_v4(127, 0, 0, 1, 0);
	w.rendezvous = rendezvous_driver_new(local.loop, &config, &w.hooks, &why);
	if (!w.rendezvous)
		fail_msg("%s", why);
}

static inline struct host_driver_config host_config(const struct addr *rendezvous)
{
	struct host_driver_config config = {.target_count = 1, .bind_count = 1};

	host_config_init(&config.core);
	config.core.entropy = entropy;
	config.core.service = &w.service;
	config.core.ciphers = crypto_ciphers();
	config.core.servers[0] = *rendezvous;
	config.core.server_count = 1;
	config.targets[0] = local.echo.addr;
	config.binds[0] = addr_v4(0, 0, 0, 0, 0);
	return config;
}

static inline void start_host(const struct host_driver_config *config)
{
	const char *why;

	w.host = host_driver_new(local.loop, config, &w.hooks, &why);
	if (!w.host)
		fail_msg("%s", why);
}

static inline struct guest_driver_config guest_config(const struct addr *rendezvous)
{
	struct guest_driver_config config = {.listen_count = 1};

	guest_config_init(&config.core);
	config.core.entropy = entropy;
	config.core.credentials = &w.credentials;
	memcpy(config.core.identity, w.guest_identity, 32);
	config.core.ciphers = crypto_ciphers();
	config.core.servers[0] = *rendezvous;
	config.core.server_count = 1;
	config.listens[0] = addr_v4(127, 0, 0, 1, 0);
	return config;
}

static inline void start_guest(const struct guest_driver_config *config)
{
	const char *why;

	w.guest = guest_driver_new(local.loop, config, &w.hooks, &why);
	if (!w.guest)
		fail_msg("%s", why);
}

static inline struct addr listen_addr(size_t i)
{
	struct addr addr;

	assert_true(guest_driver_listen(w.guest, i, &addr));
	return addr;
}

/* All three with their defaults; nothing has happened on the wire yet. */
static inline void start_all(void)
{
	struct host_driver_config host;
	struct guest_driver_config guest;
	struct addr rendezvous;

	start_rendezvous();
	rendezvous = rendezvous_addr();
	host = host_config(&rendezvous);
	start_host(&host);
	guest = guest_config(&rendezvous);
	start_guest(&guest);
}

static inline int world_begin(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	local_begin();
	w.hooks = (struct forwarder_hooks){.event = on_event, .notice = on_notice};
	service_generate(&w.service, &entropy);
	credentials_of(&w.credentials, &w.service);
	random_fill(NULL, w.guest_identity, 32);
	return 0;
}

static inline int world_end(void **state)
{
	(void)state;
	guest_driver_free(w.guest);
	host_driver_free(w.host);
	rendezvous_driver_free(w.rendezvous);
	local_end();
	return 0;
}

static inline bool connected(void)
{
	return guest_connected(guest_driver_core(w.guest));
}

static inline bool noticed(void)
{
	return w.notices > 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_begin, world_end)

/* Other hosts on this machine would take the same addresses of 127.64.0.0/10. */
static inline int world_apart(void **state)
{
	(void)state;
#if defined(__linux__)
	if (namespace_enter())
		interface_set("lo", 65536);
#endif
	return 0;
}

#endif
