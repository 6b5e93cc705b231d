/* SPDX-License-Identifier: MIT */
#include "core/channel.h"
#include "lib/passive.h"

_Static_assert(EYELET_RENDEZVOUS_PORT == RENDEZVOUS_PORT, "ports differ");
_Static_assert(EYELET_PUBLICS_MAX == RENDEZVOUS_PUBLICS_MAX, "numbers of publics differ");

PASSIVE_MACHINE(rendezvous);

void eyelet_rendezvous_config_init(struct eyelet_rendezvous_config *config)
{
	struct rendezvous_config core;

	rendezvous_config_init(&core);
	memset(config, 0, sizeof(*config));
	config->stun = core.stun;
	config->services_max = core.services_max;
	config->attempts_max = core.attempts_max;
	config->attempt_rate = core.attempt_rate;
	config->attempt_burst = core.attempt_burst;
	config->stun_rate = core.stun_rate;
	config->relay_max = core.relay.max;
	config->relay_rate = core.relay.rate;
	config->relay_rate_all = core.relay.rate_all;
}

int rendezvous_config_in(
	struct rendezvous_config *to, const struct eyelet_rendezvous_config *from)
{
	rendezvous_config_init(to);
	if (from->entropy.fill == NULL || from->public_count > RENDEZVOUS_PUBLICS_MAX ||
		from->services_max == 0 || from->attempts_max == 0)
		return EYELET_EINVAL;
	to->entropy = entropy_in(&from->entropy);
	addrs_in(to->publics, from->publics, from->public_count);
	to->public_count = from->public_count;
	to->alt_base = from->alt_base;
	to->alt_mask = from->alt_mask;
	to->stun = from->stun;
	to->private = from->listed_only;
	to->services_max = from->services_max;
	to->attempts_max = from->attempts_max;
	to->attempt_rate = from->attempt_rate;
	to->attempt_burst = from->attempt_burst;
	to->stun_rate = from->stun_rate;
	to->relay = (struct relay_limits){
		from->relay_max, from->relay_rate, from->relay_rate_all};
	return EYELET_OK;
}

size_t eyelet_rendezvous_memory(const struct eyelet_rendezvous_config *config)
{
	const struct rendezvous_config core = {.services_max = config->services_max};

	return rendezvous_memory(&core);
}

int eyelet_rendezvous_new(struct eyelet_rendezvous **rendezvous,
	const struct eyelet_rendezvous_config *config, uint64_t now)
{
	struct rendezvous_config core;
	struct rendezvous *made;

	*rendezvous = NULL;
	if (rendezvous_config_in(&core, config) != EYELET_OK)
		return EYELET_EINVAL;
	made = rendezvous_new(&core, now);
	*rendezvous = (struct eyelet_rendezvous *)(void *)made;
	return made != NULL ? EYELET_OK : EYELET_ENOMEM;
}

int eyelet_rendezvous_allow(
	struct eyelet_rendezvous *rendezvous, const uint8_t service[EYELET_KEY_SIZE])
{
	return rendezvous_allow(rendezvous_in(rendezvous), service) ? EYELET_OK
								    : EYELET_ENOMEM;
}

void eyelet_rendezvous_forget_allowed(struct eyelet_rendezvous *rendezvous)
{
	rendezvous_forget_allowed(rendezvous_in(rendezvous));
}

enum eyelet_verdict eyelet_rendezvous_input(struct eyelet_rendezvous *rendezvous,
	const struct eyelet_path *path, const uint8_t *buf, size_t len, uint64_t now)
{
	const struct path core = path_in(path);

	return verdict_out(
		rendezvous_input(rendezvous_in(rendezvous), &core, buf, len, now));
}

bool eyelet_rendezvous_is_relayed(const uint8_t *buf, size_t len)
{
	return channel_is(buf, len);
}

enum eyelet_verdict eyelet_rendezvous_relay(struct eyelet_rendezvous *rendezvous,
	const struct eyelet_path *path, const uint8_t *buf, size_t len, uint64_t now,
	struct eyelet_path *to)
{
	const struct path core = path_in(path);
	struct path on;
	enum verdict verdict =
		rendezvous_relay(rendezvous_in(rendezvous), &core, buf, len, now, &on);

	if (verdict == VERDICT_DELIVER)
		*to = path_out(&on);
	return verdict_out(verdict);
}

void eyelet_rendezvous_get_counts(const struct eyelet_rendezvous *rendezvous,
	struct eyelet_rendezvous_counts *counts)
{
	struct rendezvous_counts core;

	rendezvous_get_counts((const struct rendezvous *)(const void *)rendezvous, &core);
	*counts = (struct eyelet_rendezvous_counts){
		.registrations = core.registrations,
		.refreshes = core.refreshes,
		.asks = core.asks,
		.introductions = core.introductions,
		.answers = core.answers,
		.stun = core.stun,
		.refusals = core.refusals,
		.signatures = core.signatures,
		.relayed = core.relayed,
		.relayed_bytes = core.relayed_bytes,
		.relay_dropped = core.relay_dropped,
		.relay_refused = core.relay_refused,
		.channels = core.channels,
		.services = core.services,
		.hosts = core.hosts,
		.attempts = core.attempts,
	};
	verdicts_out(counts->verdicts, &core.verdicts);
}
