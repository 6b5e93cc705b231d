/* SPDX-License-Identifier: MIT */
/* What the message codecs share among themselves. */
#ifndef EYELET_CORE_MESSAGE_PARTS_H
#define EYELET_CORE_MESSAGE_PARTS_H

#include "core/message.h"
#include "core/wire.h"

/* A writer over out with the header written. */
struct writer message_write(
	uint8_t *out, size_t cap, enum message_type type, const uint8_t id[ID_SIZE]);

/* A reader behind the header. */
struct reader message_read(const uint8_t *buf, size_t len);

/* Fills in the MAC behind the header, over the finished message; returns its length. */
size_t message_seal_mac(const struct writer *w, const uint8_t token[TOKEN_SIZE]);

#endif
