/* SPDX-License-Identifier: MIT */
/* TLS 1.2 and 1.3 on a connected, non-blocking socket. A server shows a certificate, a
 * client verifies it, and there is no way around that. */
#ifndef EYELET_NET_TLS_H
#define EYELET_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tls_context; /* what many connections share */
struct tls;         /* one connection */

#define TLS_PORT    443
#define TLS_RECORD  16384 /* most bytes of one record */
#define TLS_WHY_MAX 512

/* False in a build without OpenSSL's libssl. */
bool tls_available(void);

/* Reads a server's certificate, with the chain behind it, and its key, from PEM files.
 * Returns NULL with a sentence part in why (TLS_WHY_MAX bytes): what cannot be read, what
 * does not belong together, what has expired. */
struct tls_context *tls_server_new(const char *cert, const char *key, char *why);

/* A client that believes the authorities of the PEM file ca, or the system's if ca is
 * NULL. Returns NULL likewise. */
struct tls_context *tls_client_new(const char *ca, char *why);

/* Connections that were made with it keep what they need. NULL is allowed. */
void tls_context_free(struct tls_context *context);

/* Begins on a socket, which stays the caller's. A client gives the host's name or address,
 * as a person gave it, that the certificate must bear; a server NULL. Returns NULL if
 * memory ran out or no certificate can bear such a name. */
struct tls *tls_new(struct tls_context *context, int fd, const char *name);

/* Says goodbye to the other end, if that is possible at once. NULL is allowed. */
void tls_free(struct tls *t);

/* These return what is said, or -EAGAIN: when the socket is ready as tls_wants_write says,
 * the same is to be called again; or another -errno, -EPROTO where TLS itself failed. */
int tls_handshake(struct tls *t);                            /* 0: it is done */
ssize_t tls_read(struct tls *t, uint8_t *bytes, size_t len); /* bytes; 0: the end */
/* Bytes. After -EAGAIN the next call must offer the same bytes, perhaps with more behind
 * them, perhaps elsewhere. */
ssize_t tls_write(struct tls *t, const uint8_t *bytes, size_t len);

bool tls_wants_write(const struct tls *t);

/* Writes why the handshake failed, as a whole sentence without a full stop, into why
 * (TLS_WHY_MAX bytes): "the certificate of rdv.example.net is not valid: ...". */
void tls_why(const struct tls *t, char *why);

#endif
