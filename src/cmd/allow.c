/* SPDX-License-Identifier: MIT */
#include "cmd/allow.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ticket.h"

static bool add(struct allow *list, const uint8_t service[32])
{
	if (list->count == list->cap) {
		size_t cap = list->cap > 0 ? 2 * list->cap : 16;
		void *grown = realloc(list->services, cap * sizeof(*list->services));

		if (grown == NULL)
			return false;
		list->services = grown;
		list->cap = cap;
	}
	memcpy(list->services[list->count++], service, sizeof(*list->services));
	return true;
}

/* Cuts the comment off and the white space around. */
static char *strip(char *line)
{
	size_t len;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, " \t\r\n");
	for (len = strlen(line); len > 0 && strchr(" \t\r\n", line[len - 1]) != NULL;)
		line[--len] = '\0';
	return line;
}

/* Returns NULL or a sentence part. */
static const char *read_line(struct allow *list, char *line)
{
	const char *text = strip(line);
	uint8_t service[32];

	if (*text == '\0')
		return NULL;
	if (!service_name_decode(service, text))
		return "this is no service name (43 characters, as \"eyelet serve\" logs "
		       "it and "
		       "\"eyelet keygen --service-name\" prints it)";
	return add(list, service) ? NULL : "out of memory";
}

static int read_all(
	struct allow *list, FILE *file, const char *path, char *why, size_t cap)
{
	char *line = NULL;
	size_t size = 0;
	unsigned number = 0;
	const char *wrong = NULL;

	while (wrong == NULL && getline(&line, &size, file) >= 0) {
		number++;
		wrong = read_line(list, line);
	}
	free(line);
	if (wrong != NULL)
		snprintf(why, cap, "%s, line %u: %s", path, number, wrong);
	else if (ferror(file))
		snprintf(why, cap, "cannot read %s: %s", path, strerror(errno));
	return wrong != NULL || ferror(file) ? -1 : 0;
}

int allow_read(struct allow *list, const char *path, char *why, size_t cap)
{
	FILE *file = fopen(path, "re");
	int result;

	if (file == NULL) {
		snprintf(why, cap, "cannot read %s: %s", path, strerror(errno));
		return -1;
	}
	result = read_all(list, file, path, why, cap);
	fclose(file);
	if (result < 0)
		allow_free(list);
	return result;
}

void allow_free(struct allow *list)
{
	free(list->services);
	*list = (struct allow){0};
}
