/* SPDX-License-Identifier: MIT */
/* In place of tls.c in a build without libssl (make WITH_TLS=no). */
#ifndef EYELET_TLS

#include "net/tls.h"

#include <errno.h>
#include <stdio.h>

static struct tls_context *refuse(char *why)
{
	(void)snprintf(why, TLS_WHY_MAX, "this eyelet was built without TLS");
	return NULL;
}

bool tls_available(void)
{
	return false;
}

struct tls_context *tls_server_new(const char *cert, const char *key, char *why)
{
	(void)cert, (void)key;
	return refuse(why);
}

struct tls_context *tls_client_new(const char *ca, char *why)
{
	(void)ca;
	return refuse(why);
}

void tls_context_free(struct tls_context *context)
{
	(void)context;
}

struct tls *tls_new(struct tls_context *context, int fd, const char *name)
{
	(void)context, (void)fd, (void)name;
	return NULL;
}

void tls_free(struct tls *t)
{
	(void)t;
}

int tls_handshake(struct tls *t)
{
	(void)t;
	return -EPROTO;
}

ssize_t tls_read(struct tls *t, uint8_t *bytes, size_t len)
{
	(void)t, (void)bytes, (void)len;
	return -EPROTO;
}

ssize_t tls_write(struct tls *t, const uint8_t *bytes, size_t len)
{
	(void)t, (void)bytes, (void)len;
	return -EPROTO;
}

bool tls_wants_write(const struct tls *t)
{
	(void)t;
	return false;
}

void tls_why(const struct tls *t, char *why)
{
	(void)t;
	(void)refuse(why);
}

#endif
