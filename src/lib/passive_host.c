/* SPDX-License-Identifier: MIT */
#include "lib/passive.h"

#define NUMBER_LAST 4194302 /* of guests: the last address of 127.64.0.0/10 but one */

_Static_assert(EYELET_RENDEZVOUS_MAX <= HOST_SERVERS_MAX, "the host takes fewer servers");
_Static_assert(EYELET_SOCKETS_MAX == HOST_SOCKETS_MAX, "numbers of sockets differ");
_Static_assert(EYELET_LOCALS_MAX == HOST_LOCALS_MAX, "numbers of locals differ");

PASSIVE_MACHINE(host);
PASSIVE_PEER(host);

void eyelet_host_config_init(struct eyelet_host_config *config)
{
	struct host_config core;

	host_config_init(&core);
	memset(config, 0, sizeof(*config));
	config->guests_max = core.guests_max;
	config->flows_max = core.flows_max;
	config->half_open_max = core.half_open_max;
	config->network_max = core.network_max;
	config->sockets_max = core.sockets_max;
	config->ciphers = crypto_ciphers();
}

int host_config_in(struct host_config *to, const struct eyelet_host_config *from)
{
	host_config_init(to);
	if (from->entropy.fill == NULL || from->server_count > EYELET_RENDEZVOUS_MAX ||
		from->flows_max == 0 || from->flows_max > UINT16_MAX ||
		from->guests_max == 0 || from->half_open_max == 0 ||
		from->network_max == 0 || from->sockets_max == 0 ||
		!ciphers_valid(from->ciphers))
		return EYELET_EINVAL;
	to->entropy = entropy_in(&from->entropy);
	addrs_in(to->servers, from->servers, from->server_count);
	to->server_count = from->server_count;
	addrs_in(to->publics, from->publics, 2);
	addrs_in(to->targets, from->targets, 2);
	to->ciphers = from->ciphers;
	to->guests_max = from->guests_max;
	to->flows_max = from->flows_max;
	to->half_open_max = from->half_open_max;
	to->network_max = from->network_max;
	to->sockets_max = from->sockets_max;
	to->no_local_candidates = from->no_local_candidates;
	return EYELET_OK;
}

int eyelet_host_new(
	struct eyelet_host **host, const struct eyelet_host_config *config, uint64_t now)
{
	struct host_config core;
	struct service service;
	struct host *made;
	int error = host_config_in(&core, config);

	*host = NULL;
	if (error != EYELET_OK || config->service == NULL)
		return EYELET_EINVAL;
	service_in(&service, config->service);
	core.service = &service;
	made = host_new(&core, now);
	crypto_wipe(&service, sizeof(service));
	*host = (struct eyelet_host *)(void *)made;
	return made != NULL ? EYELET_OK : EYELET_ENOMEM;
}

int eyelet_host_know_guest(struct eyelet_host *host,
	const uint8_t identity[EYELET_KEY_SIZE], uint32_t number)
{
	if (number == 0 || number > NUMBER_LAST)
		return EYELET_EINVAL;
	host_know_guest(host_in(host), identity, number);
	return EYELET_OK;
}

unsigned eyelet_host_parts(const struct eyelet_flow *flow, size_t len)
{
	return len <= EYELET_PAYLOAD_MAX
		       ? host_parts((const struct flow *)(const void *)flow, len)
		       : 0;
}

int eyelet_host_set_mapped(struct eyelet_host *host, uint32_t number,
	const struct eyelet_addr *mapped, uint64_t now)
{
	struct addr core = {.family = ADDR_NONE};

	if (number >= EYELET_SOCKETS_MAX)
		return EYELET_EINVAL;
	if (mapped != NULL)
		core = addr_in(mapped);
	host_set_mapped(host_in(host), number, mapped != NULL ? &core : NULL, now);
	return EYELET_OK;
}

void eyelet_host_get_counts(
	const struct eyelet_host *host, struct eyelet_host_counts *counts)
{
	struct host_counts core;

	host_get_counts((const struct host *)(const void *)host, &core);
	*counts = (struct eyelet_host_counts){
		.hellos = core.hellos,
		.handshakes = core.handshakes,
		.dropped_out = core.dropped_out,
		.unproved_bytes = core.unproved_bytes,
		.guests = core.guests,
		.half_open = core.half_open,
		.attempts = core.attempts,
	};
	verdicts_out(counts->verdicts, &core.verdicts);
}
