/* SPDX-License-Identifier: MIT */
#include "cmd/state.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 15 /* of 20 ms each */

void state_warn(const struct state *s, const char *verb, const char *path, int error,
	const char *consequence)
{
	char sentence[PATH_MAX + 512];

	snprintf(sentence, sizeof(sentence), "cannot %s %s: %s; %s", verb, path,
		strerror(error), consequence);
	s->warn(sentence);
}

static const char *home(void)
{
	const char *dir = getenv("HOME");
	const struct passwd *user;

	if (dir != NULL && dir[0] == '/')
		return dir;
	user = getpwuid(getuid());
	return user != NULL ? user->pw_dir : "";
}

/* systemd gives a list, of which the first is ours; the XDG specification says that
 * relative paths are to be ignored. */
static int find_directory(char *dir)
{
	const char *given = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME");

	if (given != NULL && *given != '\0')
		return snprintf(dir, PATH_MAX, "%.*s", (int)strcspn(given, ":"), given);
	if (xdg != NULL && xdg[0] == '/')
		return snprintf(dir, PATH_MAX, "%s/eyelet", xdg);
	return snprintf(dir, PATH_MAX, "%s/.local/state/eyelet", home());
}

/* Makes the directory and those it lies in. Returns 0 or an errno. */
static int make_directories(char *dir)
{
	for (char *slash = strchr(dir + 1, '/'); slash != NULL;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(dir, 0700); /* the last one tells */
		*slash = '/';
	}
	return mkdir(dir, 0700) == 0 || errno == EEXIST ? 0 : errno;
}

/* Closing it would give up all locks, so it stays open. */
static void open_locks(struct state *s)
{
	char path[PATH_MAX];

	if (state_path(s, path, "locks", NULL))
		s->locks = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

void state_open(struct state *s, const struct entropy *entropy,
	void (*warn)(const char *sentence))
{
	int len, error;

	*s = (struct state){.entropy = *entropy, .warn = warn, .locks = -1};
	len = find_directory(s->dir);
	error = len > 0 && len < PATH_MAX ? make_directories(s->dir) : ENAMETOOLONG;
	if (error == 0) {
		open_locks(s);
		return;
	}
	state_warn(s, "make the state directory", s->dir, error,
		"nothing is kept for the next run");
	s->dir[0] = '\0';
}

bool state_path(const struct state *s, char *path, const char *prefix, const char *name)
{
	int len = snprintf(path, PATH_MAX, "%s/%s%s%s", s->dir, prefix,
		name != NULL ? "-" : "", name != NULL ? name : "");

	return s->dir[0] != '\0' && len < PATH_MAX;
}

static bool name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

bool state_name_valid(const char *name)
{
	size_t len = 0;

	for (; name[len] != '\0'; len++)
		if (len + 1 >= STATE_NAME_MAX || !name_character(name[len]))
			return false;
	return len > 0;
}

void state_name_from(char *name, const char *text)
{
	size_t len = 0;

	for (; *text != '\0' && len + 1 < STATE_NAME_MAX; text++) {
		if (*text == '[' || *text == ']')
			continue;
		name[len] = '-';
		if (name_character(*text))
			name[len] = *text;
		len++;
	}
	if (len == 0)
		name[len++] = '-';
	name[len] = '\0';
}

/* One byte of the file is a name's lock: nothing of it is left when the process ends, and
 * no file a name. */
static off_t lock_place(const char *name)
{
	const struct crypto_slice slice = {name, strlen(name)};
	uint8_t hash[CRYPTO_HASH_SIZE];
	off_t place = 0;

	crypto_hash(hash, &slice, 1);
	for (size_t i = 0; i < 7; i++)
		place = place << 8 | hash[i];
	return place;
}

bool state_lock(struct state *s, const char *name)
{
	static const struct timespec pause = {.tv_nsec = 20000000};
	struct flock lock = {.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = lock_place(name),
		.l_len = 1};

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (fcntl(s->locks, F_SETLK, &lock) == 0)
			return true;
		if (errno != EACCES && errno != EAGAIN)
			return true; /* no directory, or a file system without locks */
		nanosleep(&pause, NULL);
	}
	return false;
}
