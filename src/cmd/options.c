/* SPDX-License-Identifier: MIT */
#include "cmd/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int options_error(struct options *o, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_error("%s (see \"eyelet %s --help\")", text, o->command);
	o->code = EXIT_USAGE;
	return OPTIONS_STOP;
}

/* getopt tells apart badly: a letter it does not know leaves it in optopt, a long option
 * that got a value it does not take leaves its number there, another long one leaves 0.
 */
static int unknown_option(struct options *o)
{
	const char *last = o->argv[optind - 1];

	if (optopt > 0 && optopt < OPTION_LONG && strchr(o->letters, optopt) == NULL)
		return options_error(o, "there is no option -%c", optopt);
	if (optopt == 0)
		return options_error(
			o, "there is no option %.*s", (int)strcspn(last, "="), last);
	return options_error(o, "%.*s takes no value", (int)strcspn(last, "="), last);
}

int options_next(struct options *o)
{
	int option;

	opterr = 0; /* the sentences are ours */
	for (;;) {
		option = getopt_long(o->argc, o->argv, o->letters, o->longs, NULL);
		switch (option) {
		case 'v': log_init(LOG_VERBOSE); break;
		case 'q': log_init(LOG_QUIET); break;
		case 'h': o->code = options_print(o->help); return OPTIONS_STOP;
		case '?': return unknown_option(o);
		case ':':
			return options_error(o, "%s needs a value", o->argv[optind - 1]);
		default: return option;
		}
	}
}

bool options_number(
	struct options *o, const char *what, uint32_t min, uint32_t max, uint32_t *value)
{
	uint64_t number = 0;
	const char *p = optarg;

	for (; *p >= '0' && *p <= '9' && number <= UINT32_MAX; p++)
		number = number * 10 + (uint64_t)(*p - '0');
	if (*p != '\0' || p == optarg || number < min || number > max) {
		options_error(o, "%s is a number from %u to %u, not \"%s\"", what, min,
			max, optarg);
		return false;
	}
	*value = (uint32_t)number;
	return true;
}

bool options_effort(struct options *o, enum effort *effort)
{
	static const char *const names[] = {
		[EFFORT_LOW] = "low", [EFFORT_NORMAL] = "normal", [EFFORT_HIGH] = "high"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(optarg, names[i]) == 0) {
			*effort = (enum effort)i;
			return true;
		}
	options_error(o, "--effort is low, normal or high, not \"%s\"", optarg);
	return false;
}

bool options_arguments(struct options *o, int min, int max, const char *names)
{
	int count = o->argc - optind;

	if (count >= min && count <= max)
		return true;
	if (count < min)
		options_error(o, "%s is wanted", names);
	else
		options_error(o, "\"%s\" is too much", o->argv[optind + max]);
	return false;
}

enum exit_code options_print(const char *text)
{
	if (fputs(text, stdout) != EOF && fflush(stdout) == 0)
		return EXIT_DONE;
	log_error("cannot write to the standard output: %s", strerror(errno));
	return EXIT_FAILED;
}
