/* SPDX-License-Identifier: MIT */
/* A simulator that finds nothing proves nothing: with one rule of the core switched off,
 * the trial named here must fail, and for the reason named here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/trial.h"

#define SECONDS_MAX 120

static const struct planted {
	const char *rule, *trial, *reason;
} plants[] = {
	{"REPLAY", "duplicating network", "delivered twice"},
	{"RETRANSMIT", "loss of 30 % at host and guest, 100 seeds", "did not"},
	{"ROAM", "attack: stolen frames", "reached the target"},
	{"COOKIE", "attack: stolen registrations", "did not connect"},
	{"TTL", "poison, one router between", "did not connect"},
	{"NONCE", "rekey: an hour of traffic", "used twice"},
	{"OVERLAP", "rekey: duplicating, reordering network", "reached the target"},
	{"RESUME", "roam: guest's NAT changes port, port-restricted to none",
		"no traffic"},
	{"RELAY", "relay: a stranger knows the channel", "relays "},
	{"STREAM", "blocked: no UDP, guest", "opens a stream to"},
	{"BLACKHOLE", "mtu 1500 to 1280", "reached the target"},
};

static struct trial *trial_named(struct trials *list, const char *name)
{
	for (unsigned i = 0; i < list->count; i++)
		if (strcmp(list->of[i].name, name) == 0)
			return &list->of[i];
	return NULL;
}

static int judge(const struct planted *p, struct trial *t, bool here)
{
	trial_try(t, here, SECONDS_MAX);
	if (t->failed && strstr(t->failure, p->reason) != NULL) {
		printf("ok - planted %s is caught by '%s'\n# %s\n", p->rule, p->trial,
			t->failure);
		return 0;
	}
	printf("not ok - planted %s is not caught by '%s'\n# %s\n", p->rule, p->trial,
		t->failed ? t->failure : "it passes");
	return 1;
}

int planted_run(struct trials *list, const char *rule, bool here)
{
	int status = 2;

	for (unsigned i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
		struct trial *t = trial_named(list, plants[i].trial);

		if (strcmp(plants[i].rule, rule) == 0 && t != NULL)
			status = judge(&plants[i], t, here);
	}
	if (status == 2)
		fprintf(stderr, "sim: no planted rule '%s'\n", rule);
	free(list->of);
	return status;
}
