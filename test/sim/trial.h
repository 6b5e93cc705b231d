/* SPDX-License-Identifier: MIT */
/* Named trials and how they are run: each in a process of its own, so that a crash, a
 * leak or an endless loop fails one trial and not all. */
#ifndef EYELET_SIM_TRIAL_H
#define EYELET_SIM_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#define TRIAL_SEED 1

struct trial {
	char name[96];
	void (*run)(struct trial *t);
	int arg;      /* what the trial makes of it */
	bool is_long; /* for the long tier only */
	uint64_t seed;
	bool verbose;
	bool failed;
	char failure[1024];
	char note[256]; /* figures, for the line */
};

struct trials {
	struct trial *of;
	unsigned count, cap;
};

/* Adds a trial to the list. */
__attribute__((format(printf, 4, 5))) struct trial *trials_add(struct trials *list,
	void (*run)(struct trial *t), int arg, const char *name, ...);

/* Notes a failure; the first one stands. */
__attribute__((format(printf, 2, 3))) void trial_fail(
	struct trial *t, const char *format, ...);

/* Appends to the note. */
__attribute__((format(printf, 2, 3))) void trial_note(
	struct trial *t, const char *format, ...);

/* Runs one in a child (or here, if here): failed, failure and note tell what came of it.
 */
void trial_try(struct trial *t, bool here, unsigned seconds_max);

struct tally {
	unsigned number, passed, failed, skipped;
};

/* Tries one, prints its TAP lines and counts it. */
void trial_run(struct trial *t, struct tally *tally, bool here, unsigned seconds_max);
void trial_skip(const struct trial *t, struct tally *tally, const char *why);

/* Prints the last line; returns the exit code. */
int tally_end(const struct tally *tally);

/* Tries the trial that has to fail in a build with that rule switched off. Returns the
 * exit code: 0 if it does, and for that reason. */
int planted_run(struct trials *list, const char *rule, bool here);

/* What there is, by file. */
void selftest_stream(struct trial *t);
void trials_selftest(struct trials *list);
void trials_connect(struct trials *list);
void trials_meet(struct trials *list);
void trials_loss(struct trials *list);
void trials_restart(struct trials *list);
void trials_data(struct trials *list);
void trials_attack(struct trials *list);
void trials_spoilt(struct trials *list);
void trials_relay(struct trials *list);
void trials_last(struct trials *list);
void trials_spray(struct trials *list);
void trials_keepalive(struct trials *list);
void trials_relay_attack(struct trials *list);
void trials_blocked(struct trials *list);
void trials_private(struct trials *list);
void trials_roam(struct trials *list);
void trials_rekey(struct trials *list);
void trials_mtu(struct trials *list);
void trials_netcheck(struct trials *list);
void trials_random(struct trials *list, uint64_t first, unsigned count);

#endif
