/* SPDX-License-Identifier: MIT */
#include "cmd/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASIDE_MAX 1000 /* names tried for a damaged file */

ssize_t file_read_open(int fd, char *text, size_t cap)
{
	size_t len = 0;
	ssize_t got;

	do {
		got = read(fd, text + len, cap - len);
		if (got > 0)
			len += (size_t)got;
	} while ((got > 0 && len < cap) || (got < 0 && errno == EINTR));
	if (got < 0)
		return -errno;
	if (len == cap)
		return -EFBIG;
	text[len] = '\0';
	return (ssize_t)len;
}

ssize_t file_read(const char *path, char *text, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = file_read_open(fd, text, cap);
	close(fd);
	return len;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, text, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		text += written;
		len -= (size_t)written;
	}
	return 0;
}

/* Makes the rename itself last. That some file systems cannot do this is no error. */
static void sync_directory(const char *path)
{
	char dir[PATH_MAX];
	char *slash;
	int fd;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		return;
	*slash = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

int file_replace(const char *path, const char *text, size_t len)
{
	char temporary[PATH_MAX];
	int fd, error;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return -errno;
	error = write_all(fd, text, len);
	if (error == 0 && fsync(fd) != 0)
		error = -errno;
	if (close(fd) != 0 && error == 0)
		error = -errno;
	if (error == 0 && rename(temporary, path) != 0)
		error = -errno;
	if (error != 0)
		unlink(temporary);
	else
		sync_directory(path);
	return error;
}

int file_append(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	int error;

	if (fd < 0)
		return -errno;
	error = write_all(fd, text, len);
	if (close(fd) != 0 && error == 0)
		error = -errno;
	return error;
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

int file_set_aside(const char *path, char *aside, size_t cap)
{
	for (unsigned i = 0; i < ASIDE_MAX; i++) {
		int len = i == 0 ? snprintf(aside, cap, "%s.damaged", path)
				 : snprintf(aside, cap, "%s.damaged.%u", path, i);

		if (len < 0 || (size_t)len >= cap)
			return -ENAMETOOLONG;
		if (!exists(aside))
			return rename(path, aside) == 0 ? 0 : -errno;
	}
	return -EEXIST;
}
