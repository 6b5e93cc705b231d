/* SPDX-License-Identifier: MIT */
#include "cmd/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX  1024
#define STAMP_MAX 32

static struct {
	enum log_level level;
	bool steps;       /* the steps of one attempt share a line */
	bool stamps;      /* lines begin with the date */
	bool unfinished;  /* the cursor stands behind a step */
	bool lent;        /* the terminal, to another program */
	const char *dots; /* behind a step */
} settings = {.level = LOG_NORMAL, .dots = "... "};

static bool locale_is_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && *value != '\0')
			return strcasestr(value, "utf-8") != NULL ||
			       strcasestr(value, "utf8") != NULL;
	}
	return false;
}

void log_init(enum log_level level)
{
	bool terminal = isatty(STDERR_FILENO) == 1;

	settings.level = level;
	settings.steps = terminal && level == LOG_NORMAL;
	settings.stamps = !terminal && getenv("JOURNAL_STREAM") == NULL;
	settings.dots = locale_is_utf8() ? "\xe2\x80\xa6 " : "... ";
}

void log_lend_terminal(bool lent)
{
	settings.lent = lent && isatty(STDERR_FILENO) == 1;
}

/* True if states, or details, are to be written. */
static bool wanted(enum log_level level)
{
	return settings.level >= level && !settings.lent;
}

static const char *stamp(char *text)
{
	time_t now = time(NULL);
	struct tm parts;

	*text = '\0';
	if (settings.stamps && localtime_r(&now, &parts) != NULL)
		strftime(text, STAMP_MAX, "%Y-%m-%d %H:%M:%S ", &parts);
	return text;
}

/* Writes it all by one call, so that lines of several processes do not mix. */
static void write_text(
	const char *prefix, const char *suffix, const char *format, va_list arguments)
{
	char text[TEXT_MAX];
	const char *finish = "";

	vsnprintf(text, sizeof(text), format, arguments);
	if (settings.unfinished && *prefix != '\0')
		finish = "\n";
	settings.unfinished = strchr(suffix, '\n') == NULL;
	fprintf(stderr, "%s%s%s%s", finish, prefix, text, suffix);
}

/* A state or detail; its prefix is the date, which may be empty. */
static void write_line(const char *format, va_list arguments)
{
	char date[STAMP_MAX];

	if (settings.unfinished)
		fputc('\n', stderr);
	settings.unfinished = false;
	write_text(stamp(date), "\n", format, arguments);
}

void log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_text("eyelet: ", "\n", format, arguments);
	va_end(arguments);
}

void log_warning(const char *format, ...)
{
	va_list arguments;

	if (settings.level < LOG_NORMAL)
		return;
	va_start(arguments, format);
	write_text("eyelet: warning: ", "\n", format, arguments);
	va_end(arguments);
}

void log_state(const char *format, ...)
{
	va_list arguments;

	if (!wanted(LOG_NORMAL))
		return;
	va_start(arguments, format);
	write_line(format, arguments);
	va_end(arguments);
}

void log_detail(const char *format, ...)
{
	va_list arguments;

	if (!wanted(LOG_VERBOSE))
		return;
	va_start(arguments, format);
	write_line(format, arguments);
	va_end(arguments);
}

void log_step(const char *format, ...)
{
	va_list arguments;

	if (!wanted(LOG_NORMAL))
		return;
	va_start(arguments, format);
	if (settings.steps)
		write_text("", settings.dots, format, arguments);
	else
		write_line(format, arguments);
	va_end(arguments);
}

void log_last_step(const char *format, ...)
{
	va_list arguments;

	if (!wanted(LOG_NORMAL))
		return;
	va_start(arguments, format);
	if (settings.steps)
		write_text("", "\n", format, arguments);
	else
		write_line(format, arguments);
	va_end(arguments);
}
