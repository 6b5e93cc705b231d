/* SPDX-License-Identifier: MIT */
/* What the subcommands' options have in common: getopt_long with our own sentences,
 * --help, -v and -q, numbers. */
#ifndef EYELET_CMD_OPTIONS_H
#define EYELET_CMD_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "cmd/exit.h"
#include "cmd/log.h"
#include "core/spray.h"

/* Numbers for options without a letter begin here. */
#define OPTION_LONG 256

/* To stand in every command's table and letters. */
#define OPTIONS_COMMON                                                                   \
	{"help", no_argument, NULL, 'h'}, {"verbose", no_argument, NULL, 'v'},           \
		{"quiet", no_argument, NULL, 'q'},                                       \
	{                                                                                \
		NULL, 0, NULL, 0                                                         \
	}
#define OPTIONS_COMMON_LETTERS "hvq"

struct options {
	const char *command;        /* its name, for sentences */
	const char *help;           /* all of it */
	const char *letters;        /* getopt's, beginning with ':' */
	const struct option *longs; /* getopt's */
	int argc;
	char **argv;
	enum exit_code code; /* set when parsing ends early */
};

enum { OPTIONS_END = -1, OPTIONS_STOP = -2 };

/* Returns the next option's letter or number, with getopt's optarg; OPTIONS_END when the
 * arguments follow, from argv[optind]; OPTIONS_STOP when o->code is to be returned: help
 * was printed, or a sentence about what is wrong. */
int options_next(struct options *o);

/* Says what is wrong with the command line. Always returns OPTIONS_STOP, with o->code
 * set. */
int options_error(struct options *o, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Reads optarg as a decimal number. what is the option's name. Returns false, with a
 * sentence said and o->code set, if it is none or out of range. */
bool options_number(
	struct options *o, const char *what, uint32_t min, uint32_t max, uint32_t *value);

/* Reads optarg as low, normal or high. Returns false as options_number does. */
bool options_effort(struct options *o, enum effort *effort);

/* Checks the count of arguments that follow the options. names is for the sentence.
 * Returns false, with a sentence said and o->code set. */
bool options_arguments(struct options *o, int min, int max, const char *names);

/* Prints a result on stdout. Returns EXIT_DONE, or EXIT_FAILED with a sentence said. */
enum exit_code options_print(const char *text);

#endif
