/* SPDX-License-Identifier: MIT */
#include "cmd/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *fill(
	const char *text, const char *address, const char *host, const char *port)
{
	const struct {
		const char *name, *value;
	} places[] = {{"{}", address}, {"{host}", host}, {"{port}", port}};
	char *filled = NULL;
	size_t len, i;
	FILE *out = open_memstream(&filled, &len);

	if (out == NULL)
		return NULL;
	while (*text != '\0') {
		for (i = 0; i < 3; i++)
			if (strncmp(text, places[i].name, strlen(places[i].name)) == 0)
				break;
		if (i < 3) {
			fputs(places[i].value, out);
			text += strlen(places[i].name);
		} else {
			fputc(*text++, out);
		}
	}
	if (fclose(out) != 0) {
		free(filled);
		return NULL;
	}
	return filled;
}

void words_free(char **words)
{
	for (char **word = words; word != NULL && *word != NULL; word++)
		free(*word);
	free(words);
}

char **words_fill(char **command, const char *address, const char *host, const char *port)
{
	size_t count = 0;
	char **words;

	while (command[count] != NULL)
		count++;
	words = calloc(count + 1, sizeof(*words));
	for (size_t i = 0; i < count && words != NULL; i++) {
		words[i] = fill(command[i], address, host, port);
		if (words[i] == NULL) {
			words_free(words);
			words = NULL;
		}
	}
	return words;
}
