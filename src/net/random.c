/* SPDX-License-Identifier: MIT */
#include "net/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

#define GETENTROPY_MAX 256 /* bytes one getentropy(3) gives at most */

static bool fill_from_device(uint8_t *bytes, size_t len)
{
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && len > 0) {
		ssize_t got = read(fd, bytes, len);

		if (got > 0) {
			bytes += got;
			len -= (size_t)got;
		} else if (got == 0 || errno != EINTR) {
			break;
		}
	}
	if (fd >= 0)
		close(fd);
	return len == 0;
}

void random_fill(void *arg, uint8_t *bytes, size_t len)
{
	(void)arg;
	while (len > 0) {
		size_t part = len < GETENTROPY_MAX ? len : GETENTROPY_MAX;

		if (getentropy(bytes, part) && !fill_from_device(bytes, part))
			abort(); /* to go on with guessable keys would be worse */
		bytes += part;
		len -= part;
	}
}
