/* SPDX-License-Identifier: MIT */
/* sim: runs the simulator's trials.
 *
 *   sim selftest              the simulated network alone
 *   sim scenarios [--long]    all named scenarios
 *   sim scenario NAME         those whose name begins so (exactly one: a whole name)
 *   sim random --seeds N [--first S]
 *   sim planted RULE          in a build with -DEYELET_PLANT_RULE: must be caught
 *   sim list
 *
 * -v traces every datagram and event; --here runs in this process, for a debugger; --seed
 * S for another than the fixed one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/trial.h"

#define SECONDS_MAX 900 /* of processor time for one trial, however busy the machine is */

struct options {
	const char *command, *name;
	uint64_t first, seed;
	unsigned seeds;
	bool is_long, verbose, here, seeded;
};

static bool is_word(const char *arg, const char *word)
{
	return strcmp(arg, word) == 0;
}

static uint64_t number(const char *text)
{
	return text != NULL ? strtoull(text, NULL, 0) : 0;
}

static bool options_read(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (is_word(argv[i], "-v")) {
			o->verbose = o->here = true;
		} else if (is_word(argv[i], "--here")) {
			o->here = true;
		} else if (is_word(argv[i], "--long")) {
			o->is_long = true;
		} else if (is_word(argv[i], "--seeds") && value != NULL) {
			o->seeds = (unsigned)number(argv[++i]);
		} else if (is_word(argv[i], "--first") && value != NULL) {
			o->first = number(argv[++i]);
		} else if (is_word(argv[i], "--seed") && value != NULL) {
			o->seed = number(argv[++i]);
			o->seeded = true;
		} else if (argv[i][0] != '-' && o->command == NULL) {
			o->command = argv[i];
		} else if (argv[i][0] != '-' && o->name == NULL) {
			o->name = argv[i];
		} else {
			return false;
		}
	}
	return o->command != NULL;
}

static struct trials named(void)
{
	struct trials list = {0};

	trials_connect(&list);
	trials_meet(&list);
	trials_loss(&list);
	trials_restart(&list);
	trials_data(&list);
	trials_attack(&list);
	trials_spoilt(&list);
	trials_relay_attack(&list);
	trials_blocked(&list);
	trials_private(&list);
	trials_relay(&list);
	trials_last(&list);
	trials_spray(&list);
	trials_keepalive(&list);
	trials_roam(&list);
	trials_rekey(&list);
	trials_mtu(&list);
	trials_netcheck(&list);
	return list;
}

static void run_one(struct trial *t, const struct options *o, struct tally *tally)
{
	t->verbose = o->verbose;
	if (o->seeded)
		t->seed = o->seed;
	trial_run(t, tally, o->here, SECONDS_MAX);
}

static int run_all(struct trials *list, const struct options *o)
{
	struct tally tally = {0};

	for (unsigned i = 0; i < list->count; i++)
		if (list->of[i].is_long && !o->is_long)
			trial_skip(&list->of[i], &tally, "long tier");
		else
			run_one(&list->of[i], o, &tally);
	free(list->of);
	return tally_end(&tally);
}

/* A whole name picks one; the beginning of several picks them. */
static int run_named(struct trials *list, const struct options *o)
{
	struct tally tally = {0};
	bool exact = false;

	for (unsigned i = 0; i < list->count; i++)
		exact = exact || is_word(list->of[i].name, o->name);
	for (unsigned i = 0; i < list->count; i++)
		if (exact ? is_word(list->of[i].name, o->name)
			  : strncmp(list->of[i].name, o->name, strlen(o->name)) == 0)
			run_one(&list->of[i], o, &tally);
	free(list->of);
	if (tally.number == 0) {
		fprintf(stderr, "sim: no scenario '%s'\n", o->name);
		return 2;
	}
	return tally_end(&tally);
}

static int print_list(struct trials *list)
{
	for (unsigned i = 0; i < list->count; i++)
		printf("%s%s\n", list->of[i].name, list->of[i].is_long ? " (long)" : "");
	free(list->of);
	return 0;
}

static int dispatch(const struct options *o)
{
	struct trials list = {0};

	if (is_word(o->command, "selftest")) {
		trials_selftest(&list);
		return run_all(&list, o);
	}
	if (is_word(o->command, "random")) {
		trials_random(&list, o->first, o->seeds);
		return run_all(&list, o);
	}
	list = named();
	if (is_word(o->command, "scenarios"))
		return run_all(&list, o);
	if (is_word(o->command, "list"))
		return print_list(&list);
	if (is_word(o->command, "scenario") && o->name != NULL)
		return run_named(&list, o);
	if (is_word(o->command, "planted") && o->name != NULL)
		return planted_run(&list, o->name, o->here);
	free(list.of);
	return 2;
}

int main(int argc, char **argv)
{
	struct options o = {.first = 1, .seeds = 200};
	int status = 2;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (options_read(&o, argc, argv))
		status = dispatch(&o);
	if (status == 2)
		fprintf(stderr, "usage: sim selftest | scenarios [--long] | scenario "
				"NAME | random "
				"[--seeds N] [--first S] | planted RULE | list\n"
				"       [-v] [--here] [--seed S]\n");
	return status;
}
