/* SPDX-License-Identifier: MIT */
#include "cmd/ticket_argument.h"

#include <string.h>
#include <unistd.h>

#include "cmd/file.h"

#define TICKET_FILE_MAX 4096

static bool decode(struct options *o, struct ticket *ticket, const char *text)
{
	const char *why = ticket_decode(ticket, text);

	if (why != NULL)
		options_error(o, "this is no ticket: %s", why);
	return why == NULL;
}

/* From stdin, if path is NULL. */
static bool read_file(struct options *o, struct ticket *ticket, const char *path)
{
	char text[TICKET_FILE_MAX];
	ssize_t len = path != NULL ? file_read(path, text, sizeof(text))
				   : file_read_open(STDIN_FILENO, text, sizeof(text));
	bool ok;

	if (len < 0) {
		log_error("cannot read the ticket from %s: %s",
			path != NULL ? path : "stdin", strerror((int)-len));
		o->code = EXIT_FAILED;
		return false;
	}
	ok = decode(o, ticket, text);
	crypto_wipe(text, sizeof(text));
	return ok;
}

/* Leaves of a ticket what tells its user which one it was. */
static void cover(char *text)
{
	char *secret = strchr(text, ':');

	if (secret != NULL)
		for (secret++; *secret != '\0' && *secret != '@'; secret++)
			*secret = '*';
}

bool ticket_argument(struct options *o, struct ticket *ticket, char *text)
{
	bool ok;

	if (strcmp(text, "-") == 0)
		return read_file(o, ticket, NULL);
	if (text[0] == '@')
		return read_file(o, ticket, text + 1);
	ok = decode(o, ticket, text);
	cover(text);
	return ok;
}

bool ticket_or_key(
	struct credentials *c, const struct ticket *ticket, const struct key *key)
{
	struct service service;
	bool ok;

	if (ticket != NULL) {
		credentials_derive(c, ticket->service, ticket->secret);
		return true;
	}
	ok = service_from_key(&service, key->text);
	if (ok)
		credentials_of(c, &service);
	else
		log_error("out of memory");
	crypto_wipe(&service, sizeof(service));
	return ok;
}
