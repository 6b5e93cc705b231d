/* SPDX-License-Identifier: MIT */
#include "cmd/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/file.h"
#include "core/secrets.h"

static bool take(struct options *o, struct key *key, const char *text, const char *source)
{
	size_t len = strlen(text);

	if (key->given)
		return options_error(o, "one key is enough: give -k or --key-file, once"),
		       false;
	if (len == 0)
		return options_error(o, "the key in %s is empty", source), false;
	if (len >= sizeof(key->text))
		return options_error(o, "the key in %s is longer than %d characters",
			       source, KEY_TEXT_MAX - 1),
		       false;
	memcpy(key->text, text, len + 1);
	key->given = true;
	return true;
}

bool key_from_option(struct options *o, struct key *key, char *value)
{
	bool ok = take(o, key, value, "-k");

	crypto_wipe(value, strlen(value));
	key->shown = true;
	return ok;
}

static void warn_if_open(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0)
		log_warning("others can read the key in %s: chmod 600", path);
}

bool key_from_file(struct options *o, struct key *key, const char *path)
{
	char text[2 * KEY_TEXT_MAX];
	ssize_t len = file_read(path, text, sizeof(text));
	bool ok;

	if (len < 0) {
		log_error("cannot read the key file %s: %s", path, strerror((int)-len));
		o->code = EXIT_FAILED;
		return false;
	}
	warn_if_open(path);
	text[strcspn(text, "\r\n")] = '\0';
	ok = take(o, key, text, path);
	crypto_wipe(text, sizeof(text));
	return ok;
}

bool key_from_environment(struct options *o, struct key *key)
{
	char *value = getenv("EYELET_KEY");
	bool ok = true;

	if (key->shown)
		log_warning("a key on the command line can be seen by everyone on this "
			    "machine "
			    "while the program starts, and stays in the shell's history; "
			    "--key-file or EYELET_KEY are better");
	if (value == NULL)
		return true;
	if (!key->given)
		ok = take(o, key, value, "EYELET_KEY");
	/* /proc/PID/environ shows the memory, not what unsetenv leaves of it. */
	crypto_wipe(value, strlen(value));
	unsetenv("EYELET_KEY");
	return ok;
}

bool key_check_strength(struct options *o, const struct key *key)
{
	unsigned bits = key_strength(key->text);

	if (bits >= KEY_STRENGTH_MIN)
		return true;
	options_error(o,
		"the key is worth about %u bits, and whoever guesses it is in: take one "
		"from "
		"\"eyelet keygen\", or insist with --weak-key",
		bits);
	return false;
}

void key_wipe(struct key *key)
{
	crypto_wipe(key, sizeof(*key));
}
