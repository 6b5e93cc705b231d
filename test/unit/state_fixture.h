/* SPDX-License-Identifier: MIT */
/* A state directory of each test's own, and the sentences said about it. */
#ifndef EYELET_TEST_UNIT_STATE_FIXTURE_H
#define EYELET_TEST_UNIT_STATE_FIXTURE_H

#include "cmd/state.h"
#include "cmd/file.h"
#include "unit.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];
static char warnings[16384]; /* all sentences of the test, a line each */
static uint64_t random_state;

static inline void warn(const char *sentence)
{
	strncat(warnings, sentence, sizeof(warnings) - strlen(warnings) - 2);
	strcat(warnings, "\n");
}

static inline void fill(void *arg, uint8_t *bytes, size_t len)
{
	random_bytes(arg, bytes, len);
}

static const struct entropy entropy = {fill, &random_state};

static inline int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/eyelet-state-XXXXXX");
	warnings[0] = '\0';
	return mkdtemp(directory) == NULL || setenv("STATE_DIRECTORY", directory, 1);
}

static inline int delete_one(
	const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline int teardown(void **state)
{
	(void)state;
	return nftw(directory, delete_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline struct state opened(void)
{
	struct state s;

	state_open(&s, &entropy, warn);
	return s;
}

static inline const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static inline void write_file(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

static inline size_t read_whole(const char *name, char *text, size_t cap)
{
	ssize_t len = file_read(path_of(name), text, cap);

	if (len < 0)
		fail_msg("%s: %s", name, strerror((int)-len));
	return (size_t)len;
}

static inline bool is_there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

#define assert_warned(words)                                                             \
	do {                                                                             \
		if (strstr(warnings, words) == NULL)                                     \
			fail_msg("\"%s\" is not in: %s", words, warnings);               \
	} while (0)

static inline int start(void **state)
{
	(void)state;
	random_state = random_start();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
