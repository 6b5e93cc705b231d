/* SPDX-License-Identifier: MIT */
#include "lib/passive.h"

_Static_assert(
	EYELET_RENDEZVOUS_MAX <= GUEST_SERVERS_MAX, "the guest takes fewer servers");
_Static_assert(EYELET_SOCKETS_MAX == GUEST_SOCKETS_MAX, "numbers of sockets differ");
_Static_assert(EYELET_LOCALS_MAX == GUEST_LOCALS_MAX, "numbers of locals differ");
_Static_assert(EYELET_CIPHER_CHACHA20_POLY1305 == CIPHER_CHACHA20_POLY1305 &&
		       EYELET_CIPHER_AES_256_GCM == CIPHER_AES_256_GCM,
	"ciphers differ");

PASSIVE_MACHINE(guest);
PASSIVE_PEER(guest);

void eyelet_guest_config_init(struct eyelet_guest_config *config)
{
	struct guest_config core;

	guest_config_init(&core);
	memset(config, 0, sizeof(*config));
	config->flows_max = core.flows_max;
	config->ciphers = crypto_ciphers();
}

int guest_config_in(struct guest_config *to, const struct eyelet_guest_config *from)
{
	guest_config_init(to);
	if (from->entropy.fill == NULL || from->server_count > EYELET_RENDEZVOUS_MAX ||
		from->flows_max == 0 || from->flows_max > UINT16_MAX ||
		!ciphers_valid(from->ciphers))
		return EYELET_EINVAL;
	to->entropy = entropy_in(&from->entropy);
	memcpy(to->identity, from->identity, sizeof(to->identity));
	addrs_in(to->servers, from->servers, from->server_count);
	to->server_count = from->server_count;
	addrs_in(to->listens, from->listens, 2);
	to->ciphers = from->ciphers;
	to->no_relay = from->no_relay;
	to->no_local_candidates = from->no_local_candidates;
	to->flows_max = from->flows_max;
	return EYELET_OK;
}

int eyelet_guest_new(struct eyelet_guest **guest,
	const struct eyelet_guest_config *config, uint64_t now)
{
	struct credentials credentials;
	struct guest_config core;
	struct guest *made;
	int error = guest_config_in(&core, config);

	*guest = NULL;
	if (error == EYELET_OK && config->ticket == NULL)
		error = EYELET_EINVAL;
	if (error == EYELET_OK) {
		ticket_credentials(&credentials, config->ticket);
		core.credentials = &credentials;
		made = guest_new(&core, now);
		*guest = (struct eyelet_guest *)(void *)made;
		error = made != NULL ? EYELET_OK : EYELET_ENOMEM;
		crypto_wipe(&credentials, sizeof(credentials));
	}
	crypto_wipe(&core, sizeof(core));
	return error;
}

void eyelet_guest_start(struct eyelet_guest *guest, uint64_t now)
{
	guest_start(guest_in(guest), now);
}

struct eyelet_flow *eyelet_guest_flow(
	struct eyelet_guest *guest, const struct eyelet_addr *app, uint64_t now)
{
	const struct addr core = addr_in(app);

	return flow_out(guest_flow(guest_in(guest), &core, now));
}

unsigned eyelet_guest_parts(
	const struct eyelet_guest *guest, const struct eyelet_flow *flow, size_t len)
{
	return len <= EYELET_PAYLOAD_MAX
		       ? guest_parts((const struct guest *)(const void *)guest,
				 (const struct flow *)(const void *)flow, len)
		       : 0;
}

bool eyelet_guest_connected(const struct eyelet_guest *guest)
{
	return guest_connected((const struct guest *)(const void *)guest);
}

bool eyelet_guest_relayed(const struct eyelet_guest *guest)
{
	return guest_relayed((const struct guest *)(const void *)guest);
}

int eyelet_guest_set_mapped(
	struct eyelet_guest *guest, uint32_t number, const struct eyelet_addr *mapped)
{
	struct addr core = {.family = ADDR_NONE};

	if (number >= EYELET_SOCKETS_MAX)
		return EYELET_EINVAL;
	if (mapped != NULL)
		core = addr_in(mapped);
	guest_set_mapped(guest_in(guest), number, mapped != NULL ? &core : NULL);
	return EYELET_OK;
}

void eyelet_guest_get_progress(
	const struct eyelet_guest *guest, struct eyelet_guest_progress *progress)
{
	struct guest_progress core;

	guest_get_progress((const struct guest *)(const void *)guest, &core);
	*progress = (struct eyelet_guest_progress){
		.tries = core.tries,
		.addresses = core.addresses,
		.rendezvous_heard = core.rendezvous_heard,
		.no_service = core.no_service,
		.service_found = core.service_found,
		.host_answered = core.host_answered,
		.refused_by_rendezvous = core.refused_by_rendezvous,
		.refused = core.refused,
		.version = core.version,
	};
}

void eyelet_guest_get_counts(
	const struct eyelet_guest *guest, struct eyelet_guest_counts *counts)
{
	struct guest_counts core;

	guest_get_counts((const struct guest *)(const void *)guest, &core);
	*counts = (struct eyelet_guest_counts){
		.datagrams_out = core.datagrams_out,
		.bytes_out = core.bytes_out,
		.datagrams_in = core.datagrams_in,
		.bytes_in = core.bytes_in,
		.rtt = core.rtt,
		.lost_in = core.lost_in,
	};
	verdicts_out(counts->verdicts, &core.verdicts);
}
