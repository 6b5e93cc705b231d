/* SPDX-License-Identifier: MIT */
/* Which guests a host takes, and at which address its target sees them: those of the file
 * of --guests, and those remembered from earlier runs. Where the two differ about an
 * address at the start, the file is right. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd/log.h"
#include "cmd/serve.h"
#include "net/system.h"

const char *serve_guest_name(
	const struct serve *s, char *text, const uint8_t identity[32])
{
	const struct policy_guest *guest = policy_find(&s->policy, identity);
	char print[SERVICE_NAME_MAX];

	service_name_encode(print, identity);
	if (guest != NULL && guest->name[0] != '\0')
		snprintf(text, SERVE_GUEST_MAX, "%s, %.8s", guest->name, print);
	else
		snprintf(text, SERVE_GUEST_MAX, "%.8s", print);
	return text;
}

/* Nobody may be sent away who is let in both before and after: so all are, in between. */
static void apply(struct serve *s)
{
	struct host *host = host_driver_core(s->driver);
	uint64_t now = clock_now();

	host_forget_policies(host);
	host_allow_unknown(host, true, now);
	for (size_t i = 0; i < s->policy.count; i++)
		host_set_guest_policy(host, s->policy.guests[i].identity,
			s->policy.guests[i].allowed, now);
	host_allow_unknown(host, s->policy.unknown_allowed, now);
	host_driver_settle(s->driver);
}

static void log_policy(const struct serve *s)
{
	size_t allowed = 0;

	for (size_t i = 0; i < s->policy.count; i++)
		allowed += s->policy.guests[i].allowed;
	log_state("%s: %zu guests may connect, %zu may not, all others %s",
		s->options.guests, allowed, s->policy.count - allowed,
		s->policy.unknown_allowed ? "may" : "may not");
}

/* Returns false if the guest has another number in this run, or another guest has it. */
static bool give_number(struct serve *s, const struct policy_guest *g)
{
	uint32_t had = numbers_of(&s->numbers, g->identity);

	if ((had != 0 && had != g->number) ||
		!numbers_claim(&s->numbers, g->identity, g->number))
		return false;
	host_know_guest(host_driver_core(s->driver), g->identity, g->number);
	return true;
}

static void give_numbers(struct serve *s)
{
	for (size_t i = 0; i < s->policy.count; i++) {
		const struct policy_guest *g = &s->policy.guests[i];
		char name[SERVE_GUEST_MAX];

		if (g->number != 0 && !give_number(s, g))
			log_state(
				"guest %s gets the address 127.64.%u.%u at the next "
				"start: it has another one now, or another guest has it",
				serve_guest_name(s, name, g->identity), g->number >> 8,
				g->number & 255);
	}
}

/* One remembered from an earlier run. */
static void know_guest(void *arg, const uint8_t identity[32], uint32_t number)
{
	struct serve *s = arg;
	const struct policy_guest *g = policy_find(&s->policy, identity);

	if ((g == NULL || g->number == 0) && serve_guests_note(s, identity, number))
		host_know_guest(host_driver_core(s->driver), identity, number);
}

bool serve_guests_note(struct serve *s, const uint8_t identity[32], uint32_t number)
{
	return s->options.guests == NULL || numbers_claim(&s->numbers, identity, number);
}

bool serve_guests_read(struct serve *s)
{
	char why[512];

	if (s->options.guests == NULL ||
		policy_read(&s->policy, s->options.guests, why, sizeof(why)) == 0)
		return true;
	log_error("%s", why);
	return false;
}

static void on_hangup(struct ev_loop *loop, ev_signal *w, int events)
{
	struct serve *s = w->data;
	struct policy fresh;
	char why[512];

	(void)loop;
	(void)events;
	if (policy_read(&fresh, s->options.guests, why, sizeof(why)) < 0) {
		log_error("%s", why);
		log_state("guests are let in and named as before");
		return;
	}
	policy_free(&s->policy);
	s->policy = fresh;
	log_policy(s);
	give_numbers(s);
	apply(s);
}

void serve_guests_start(struct serve *s)
{
	if (s->options.guests != NULL) {
		log_policy(s);
		give_numbers(s);
		apply(s);
		ev_signal_init(&s->hangup, on_hangup, SIGHUP);
		s->hangup.data = s;
		ev_signal_start(s->loop, &s->hangup);
	}
	guests_load(&s->guests, &s->state, s->options.name, know_guest, s);
}

void serve_guests_end(struct serve *s)
{
	if (s->options.guests != NULL)
		ev_signal_stop(s->loop, &s->hangup);
}

void serve_guests_free(struct serve *s)
{
	policy_free(&s->policy);
	numbers_free(&s->numbers);
}
