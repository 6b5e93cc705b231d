/* SPDX-License-Identifier: MIT */
#include "cmd/guests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/file.h"
#include "core/ticket.h"

#define HEAD           "eyelet-guests 1\n"
#define GUEST_LINE_MAX 80
#define NUMBER_MAX     4194302 /* what host_know_guest takes */

/* An identity is written as a service's name is: 43 characters of base64url. */
static bool parse_line(const char *line, uint8_t identity[32], uint32_t *number)
{
	char name[SERVICE_NAME_MAX];
	unsigned value;
	int end = 0;

	if (sscanf(line, "%43s %7u%n", name, &value, &end) != 2 ||
		strcmp(line + end, "\n") != 0)
		return false;
	*number = value;
	return value > 0 && value <= NUMBER_MAX && service_name_decode(identity, name);
}

static size_t format_line(char *line, const uint8_t identity[32], uint32_t number)
{
	char name[SERVICE_NAME_MAX];

	service_name_encode(name, identity);
	return (size_t)snprintf(line, GUEST_LINE_MAX, "%s %u\n", name, number);
}

struct reading {
	FILE *in, *good; /* good: the lines that make sense */
	unsigned line, first_bad;
};

static void read_lines(struct guests *g, struct reading *r,
	void (*know)(void *arg, const uint8_t identity[32], uint32_t number), void *arg)
{
	char line[GUEST_LINE_MAX];
	uint8_t identity[32];
	uint32_t number;

	while (fgets(line, sizeof(line), r->in) != NULL) {
		r->line++;
		if (r->line == 1 && strcmp(line, HEAD) == 0)
			continue;
		if (!parse_line(line, identity, &number)) {
			if (r->first_bad == 0)
				r->first_bad = r->line;
			continue;
		}
		fputs(line, r->good);
		if (g->count < GUESTS_MAX) {
			g->count++;
			know(arg, identity, number);
		}
	}
	if (r->line == 0)
		r->first_bad = 1;
}

static void mend(struct guests *g, const struct reading *r, const char *good, size_t len)
{
	char aside[PATH_MAX], sentence[2 * PATH_MAX + 256];
	int error = file_set_aside(g->path, aside, sizeof(aside));

	if (error == 0)
		error = file_replace(g->path, good, len);
	if (error != 0) {
		state_warn(g->state, "mend the damaged list of guests", g->path, -error,
			"no more are remembered");
		g->path[0] = '\0';
		return;
	}
	snprintf(sentence, sizeof(sentence),
		"the list of guests %s is damaged in line %u: %u guests are known from "
		"it, and "
		"it is kept as %s",
		g->path, r->first_bad, g->count, aside);
	g->state->warn(sentence);
}

void guests_load(struct guests *g, const struct state *s, const char *name,
	void (*know)(void *arg, const uint8_t identity[32], uint32_t number), void *arg)
{
	struct reading r = {0};
	char *good = NULL;
	size_t len = 0;

	*g = (struct guests){.state = s};
	if (!state_path(s, g->path, "guests", name)) {
		g->path[0] = '\0';
		return;
	}
	r.in = fopen(g->path, "re");
	if (r.in == NULL) {
		if (errno != ENOENT) {
			state_warn(s, "read", g->path, errno,
				"guests get new addresses at the target");
			g->path[0] = '\0';
		}
		return;
	}
	r.good = open_memstream(&good, &len);
	if (r.good != NULL) {
		fputs(HEAD, r.good);
		read_lines(g, &r, know, arg);
		fclose(r.good);
		if (r.first_bad != 0)
			mend(g, &r, good, len);
	}
	fclose(r.in);
	free(good);
}

static void stop_keeping(struct guests *g, const char *why)
{
	char sentence[PATH_MAX + 256];

	snprintf(sentence, sizeof(sentence),
		"no more guests are remembered in %s: %s; in the next run they may get "
		"other "
		"addresses at the target",
		g->path, why);
	g->state->warn(sentence);
	g->path[0] = '\0';
}

void guests_add(struct guests *g, const uint8_t identity[32], uint32_t number)
{
	char line[GUEST_LINE_MAX];
	int error = 0;

	if (g->path[0] == '\0')
		return;
	if (g->count == GUESTS_MAX) {
		stop_keeping(g, "it is full");
		return;
	}
	if (g->count++ == 0)
		error = file_replace(g->path, HEAD, strlen(HEAD));
	if (error == 0)
		error = file_append(g->path, line, format_line(line, identity, number));
	if (error != 0)
		stop_keeping(g, strerror(-error));
}
