/* SPDX-License-Identifier: MIT */
/* The secrets of the state directory: one record a file, made at the first run. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/file.h"
#include "cmd/record.h"
#include "cmd/state.h"

#define IDENTITIES 8 /* connected to one service at once */

static void warn_if_open(const struct state *s, const char *path)
{
	char sentence[PATH_MAX + 128];
	struct stat st;

	if (stat(path, &st) != 0 || (st.st_mode & 077) == 0)
		return;
	snprintf(sentence, sizeof(sentence),
		"others can read the secrets in %s (mode %04o): chmod 600", path,
		(unsigned)(st.st_mode & 0777));
	s->warn(sentence);
}

/* Says what is wrong and gets the file out of the way. Returns false if it stays there.
 */
static bool set_aside(const struct state *s, const char *path, const char *why)
{
	char aside[PATH_MAX], sentence[2 * PATH_MAX + 256];
	int error = file_set_aside(path, aside, sizeof(aside));

	if (error != 0) {
		snprintf(sentence, sizeof(sentence),
			"%s is damaged (%s) and cannot be put aside: %s", path, why,
			strerror(-error));
	} else {
		snprintf(sentence, sizeof(sentence),
			"%s is damaged (%s): it is kept as %s and a new one is made",
			path, why, aside);
	}
	s->warn(sentence);
	return error == 0;
}

enum load { LOADED, ABSENT, UNUSABLE };

static enum load load(
	const struct state *s, const char *path, const struct record *record)
{
	char text[RECORD_TEXT_MAX];
	ssize_t len = file_read(path, text, sizeof(text));
	const char *why;

	if (len == -ENOENT)
		return ABSENT;
	if (len < 0 && len != -EFBIG) {
		state_warn(s, "read", path, (int)-len, "using new secrets for this run");
		return UNUSABLE;
	}
	why = len < 0 ? "it is too long" : record_decode(record, text);
	if (len >= 0)
		crypto_wipe(text, sizeof(text));
	if (why != NULL)
		return set_aside(s, path, why) ? ABSENT : UNUSABLE;
	warn_if_open(s, path);
	return LOADED;
}

static void save(const struct state *s, const char *path, const struct record *record)
{
	char text[RECORD_TEXT_MAX];
	int error = file_replace(path, text, record_encode(text, record));

	crypto_wipe(text, sizeof(text));
	if (error != 0)
		state_warn(s, "write", path, -error, "using new secrets for this run");
}

/* The fields hold fresh values, for the case that there are none yet. */
static void keep(const struct state *s, const char *path, const struct record *record)
{
	if (load(s, path, record) == ABSENT)
		save(s, path, record);
}

void state_service(struct state *s, const char *name, struct service *service)
{
	const struct record_field fields[] = {
		{"seed", service->seed, sizeof(service->seed)},
		{"host-static", service->host_static, sizeof(service->host_static)},
		{"secret", service->secret, sizeof(service->secret)},
		{"instance", service->instance, sizeof(service->instance)},
	};
	const struct record record = {"eyelet-service", fields, 4};
	char path[PATH_MAX];

	service_generate(service, &s->entropy);
	if (state_path(s, path, "service", name))
		keep(s, path, &record);
}

void state_instance(struct state *s, const char *name, uint8_t instance[INSTANCE_SIZE])
{
	const struct record_field field = {"instance", instance, INSTANCE_SIZE};
	const struct record record = {"eyelet-instance", &field, 1};
	char path[PATH_MAX];

	s->entropy.fill(s->entropy.arg, instance, INSTANCE_SIZE);
	if (state_path(s, path, "instance", name))
		keep(s, path, &record);
}

/* Returns the first that no other process uses with this service; IDENTITIES if all are.
 */
static unsigned free_identity(struct state *s, const char *service_name)
{
	char name[128];
	unsigned i = 0;

	for (; i < IDENTITIES; i++) {
		snprintf(name, sizeof(name), "identity %u at %s", i, service_name);
		if (state_lock(s, name))
			break;
	}
	return i;
}

void state_identity(
	struct state *s, const char *service_name, uint8_t identity[CRYPTO_KEY_SIZE])
{
	const struct record_field field = {"identity", identity, CRYPTO_KEY_SIZE};
	const struct record record = {"eyelet-identity", &field, 1};
	unsigned place = free_identity(s, service_name);
	char path[PATH_MAX], number[16];

	s->entropy.fill(s->entropy.arg, identity, CRYPTO_KEY_SIZE);
	snprintf(number, sizeof(number), "%u", place + 1);
	if (place < IDENTITIES &&
		state_path(s, path, "identity", place > 0 ? number : NULL))
		keep(s, path, &record);
}
