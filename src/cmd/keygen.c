/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cmd/commands.h"
#include "cmd/key.h"
#include "cmd/options.h"
#include "core/ticket.h"
#include "net/system.h"

static const char help[] =
	"Usage: eyelet keygen\n"
	"       eyelet keygen --service-name [-k KEY | --key-file FILE]\n"
	"Prints a new key of 128 bits, or the name under which a rendezvous knows the "
	"service of\n"
	"a key (for its --allow file).\n"
	"\n"
	"      --service-name   print the name of the service; the key also by "
	"EYELET_KEY\n"
	"  -k, --key KEY        the key\n"
	"      --key-file FILE  the same, from a file's first line\n"
	"  -h, --help           this\n";

enum { OPTION_SERVICE_NAME = OPTION_LONG, OPTION_KEY_FILE };

static const struct option longs[] = {
	{"service-name", no_argument, NULL, OPTION_SERVICE_NAME},
	{"key", required_argument, NULL, 'k'},
	{"key-file", required_argument, NULL, OPTION_KEY_FILE},
	OPTIONS_COMMON,
};

static bool parse(
	struct options *o, struct key *key, bool *service_name, int argc, char **argv)
{
	int option;
	bool ok = true;

	*o = (struct options){.command = "keygen",
		.help = help,
		.letters = ":k:" OPTIONS_COMMON_LETTERS,
		.longs = longs,
		.argc = argc,
		.argv = argv};
	while (ok && (option = options_next(o)) != OPTIONS_END) {
		if (option == 'k')
			ok = key_from_option(o, key, optarg);
		else if (option == OPTION_KEY_FILE)
			ok = key_from_file(o, key, optarg);
		else if (option == OPTION_SERVICE_NAME)
			*service_name = true;
		else
			return false;
	}
	return ok && options_arguments(o, 0, 0, "");
}

static enum exit_code print_key(void)
{
	const struct entropy entropy = {random_fill, NULL};
	char text[GENERATED_KEY_MAX + 1];
	enum exit_code code;

	key_generate(text, &entropy);
	code = options_print(strcat(text, "\n"));
	crypto_wipe(text, sizeof(text));
	return code;
}

static enum exit_code print_service_name(const struct key *key)
{
	struct service service;
	struct credentials credentials;
	char text[SERVICE_NAME_MAX + 1];

	if (!service_from_key(&service, key->text)) {
		log_error("out of memory");
		return EXIT_FAILED;
	}
	credentials_of(&credentials, &service);
	service_name_encode(text, credentials.service);
	crypto_wipe(&service, sizeof(service));
	crypto_wipe(&credentials, sizeof(credentials));
	return options_print(strcat(text, "\n"));
}

int keygen_main(int argc, char **argv)
{
	struct options o;
	struct key key = {.given = false};
	bool service_name = false;

	if (!parse(&o, &key, &service_name, argc, argv))
		goto end;
	if (!service_name && key.given) {
		options_error(&o,
			"keygen makes a key and takes none; --service-name takes one");
	} else if (!service_name) {
		o.code = print_key();
	} else if (key_from_environment(&o, &key)) {
		if (key.given)
			o.code = print_service_name(&key);
		else
			options_error(&o, "--service-name wants a key (-k, --key-file, "
					  "EYELET_KEY)");
	}
end:
	key_wipe(&key);
	return o.code;
}
