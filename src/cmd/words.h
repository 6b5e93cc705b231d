/* SPDX-License-Identifier: MIT */
/* The words of the command that connect starts, with their places filled in. */
#ifndef EYELET_CMD_WORDS_H
#define EYELET_CMD_WORDS_H

/* Replaces {}, {host} and {port} everywhere in the words of command, which ends with NULL,
 * by address, host and port. Returns words to be freed, or NULL if memory ran out. */
char **words_fill(
	char **command, const char *address, const char *host, const char *port);
void words_free(char **words);

#endif
