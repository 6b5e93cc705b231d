/* SPDX-License-Identifier: MIT */
/* Small text files: read whole, replaced whole, appended to by lines, put aside. */
#ifndef EYELET_CMD_FILE_H
#define EYELET_CMD_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* Reads all of the file, or of the descriptor, into text and ends it with a NUL. Returns
 * the length, or -errno; -EFBIG if cap bytes do not hold it and its NUL. */
ssize_t file_read(const char *path, char *text, size_t cap);
ssize_t file_read_open(int fd, char *text, size_t cap);

/* Puts a new file of mode 0600 in the place of whatever is there, by rename: a reader
 * sees the old one or the new one, also after a crash. Returns 0 or -errno. */
int file_replace(const char *path, const char *text, size_t len);

/* Appends by one write to a file that is made, mode 0600, if it is not there. Returns 0
 * or -errno. */
int file_append(const char *path, const char *text, size_t len);

/* Renames path to path.damaged, or path.damaged.N if such are there already, and writes
 * the new name into aside (cap bytes). Returns 0 or -errno. */
int file_set_aside(const char *path, char *aside, size_t cap);

#endif
