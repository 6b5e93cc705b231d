/* SPDX-License-Identifier: MIT */
/* The one line a guest needs: "eyelet:", 64 characters of base64url (RFC 4648, section 5)
 * for the service's public key and the secret, "@", and where to meet. */
#ifndef EYELET_CORE_TICKET_H
#define EYELET_CORE_TICKET_H

#include <stdbool.h>

#include "core/secrets.h"

#define TICKET_SERVERS_MAX 255 /* characters of the server list */
#define TICKET_TEXT_MAX    (7 + 64 + 1 + TICKET_SERVERS_MAX + 1)

struct ticket {
	uint8_t service[CRYPTO_KEY_SIZE]; /* Ed25519 public key */
	uint8_t secret[SECRET_SIZE];
	/* HOST, HOST:PORT, ADDR:PORT or [V6]:PORT, comma-separated, NUL-terminated */
	char servers[TICKET_SERVERS_MAX + 1];
};

/* Writes the ticket, NUL-terminated, into TICKET_TEXT_MAX bytes. */
void ticket_encode(char *text, const struct ticket *ticket);

/* Reads one; white space around it is ignored. Returns NULL, or a static sentence part that
 * says what is wrong ("does not start with eyelet:"). */
const char *ticket_decode(struct ticket *ticket, const char *text);

/* Writes the 43 characters and NUL that name a service in logs and allow files. */
#define SERVICE_NAME_MAX 44
void service_name_encode(char *text, const uint8_t service[CRYPTO_KEY_SIZE]);
bool service_name_decode(uint8_t service[CRYPTO_KEY_SIZE], const char *text);

#endif
