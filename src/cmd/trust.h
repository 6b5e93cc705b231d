/* SPDX-License-Identifier: MIT */
/* Whom a guest or host believes when a rendezvous that is reached by TLS shows a certificate:
 * the authorities of --ca, or EYELET_CA, or the system's. */
#ifndef EYELET_CMD_TRUST_H
#define EYELET_CMD_TRUST_H

#include <stdbool.h>

#include "net/tls.h"

/* Sets *context to be freed; NULL in a build without TLS. ca is the file of --ca, or NULL.
 * Returns false with a sentence said. */
bool trust_open(struct tls_context **context, const char *ca);

#endif
