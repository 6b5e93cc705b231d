/* SPDX-License-Identifier: MIT */
#ifdef EYELET_TLS

#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "net/tcp.h"

#define NAME_MAX_BYTES 256

struct tls_context {
	SSL_CTX *ctx;
	BIO_METHOD *method; /* reads and writes by tcp.h: without SIGPIPE */
	unsigned users;     /* its owner, and connections */
};

struct tls {
	SSL *ssl;
	struct tls_context *context;
	bool wants_write;
	bool dead; /* no goodbye can be said */
	char name[NAME_MAX_BYTES];
	unsigned long error; /* OpenSSL's, of the handshake; 0 if it has none */
	int system;          /* -errno of it, or 0 */
};

bool tls_available(void)
{
	return true;
}

/* The socket, for OpenSSL: its own writes with write(2), which may kill the process. */

static int bio_done(BIO *bio, ssize_t done)
{
	BIO_clear_retry_flags(bio);
	if (done >= 0)
		return (int)done;
	errno = (int)-done;
	return -1;
}

static int bio_read(BIO *bio, char *bytes, int len)
{
	const int *fd = BIO_get_data(bio);
	ssize_t got = tcp_read(*fd, (uint8_t *)bytes, (size_t)len);
	int result = bio_done(bio, got);

	if (got == -EAGAIN)
		BIO_set_retry_read(bio);
	return result;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
	const int *fd = BIO_get_data(bio);
	ssize_t put = tcp_write(*fd, (const uint8_t *)bytes, (size_t)len);
	int result = bio_done(bio, put);

	if (put == -EAGAIN)
		BIO_set_retry_write(bio);
	return result;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static int bio_destroy(BIO *bio)
{
	free(BIO_get_data(bio));
	BIO_set_data(bio, NULL);
	return 1;
}

static BIO_METHOD *make_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "eyelet tcp");

	if (!method)
		return NULL;
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
	BIO_meth_set_destroy(method, bio_destroy);
	return method;
}

static BIO *make_bio(const struct tls_context *context, int fd)
{
	BIO *bio = BIO_new(context->method);
	int *own = malloc(sizeof(*own));

	if (!bio || !own) {
		free(own);
		BIO_free(bio);
		return NULL;
	}
	*own = fd;
	BIO_set_data(bio, own);
	BIO_set_init(bio, 1);
	return bio;
}

/* Contexts. */

static const char *reason(unsigned long error)
{
	const char *text = ERR_GET_LIB(error) == ERR_LIB_SYS
				   ? strerror(ERR_GET_REASON(error))
				   : ERR_reason_error_string(error);

	return text ? text : "unknown error";
}

/* A key that is itself locked by a passphrase cannot be used: nobody is there to ask. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1;
}

static struct tls_context *context_new(bool server)
{
	struct tls_context *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->users = 1;
	c->method = make_method();
	c->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	if (!c->ctx || !c->method) {
		tls_context_free(c);
		return NULL;
	}
	(void)SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION);
	(void)SSL_CTX_set_options(c->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
						  SSL_OP_NO_COMPRESSION |
						  SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_num_tickets(c->ctx, 0);
	(void)SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(c->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
					       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					       SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_default_passwd_cb(c->ctx, no_passphrase);
	return c;
}

void tls_context_free(struct tls_context *context)
{
	if (!context || --context->users > 0)
		return;
	SSL_CTX_free(context->ctx);
	BIO_meth_free(context->method);
	free(context);
}

static bool complain(char *why, const char *what, const char *file, const char *reasons)
{
	(void)snprintf(why, TLS_WHY_MAX, "%s %s: %s", what, file, reasons);
	return false;
}

/* The first error is the cause, such as a file that cannot be opened. */
static bool complain_of_error(char *why, const char *what, const char *file)
{
	return complain(why, what, file, reason(ERR_get_error()));
}

static void format_time(char *text, size_t size, const ASN1_TIME *at)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(at, &tm) ||
		strftime(text, size, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		(void)snprintf(text, size, "a time that cannot be read");
}

static bool check_dates(const SSL_CTX *ctx, const char *cert, char *why)
{
	const X509 *x509 = SSL_CTX_get0_certificate(ctx);
	const ASN1_TIME *from = X509_get0_notBefore(x509), *to = X509_get0_notAfter(x509);
	char when[48];

	if (X509_cmp_current_time(to) < 0) {
		format_time(when, sizeof(when), to);
		(void)snprintf(why, TLS_WHY_MAX, "the certificate in %s expired at %s",
			cert, when);
		return false;
	}
	if (X509_cmp_current_time(from) > 0) {
		format_time(when, sizeof(when), from);
		(void)snprintf(why, TLS_WHY_MAX,
			"the certificate in %s is valid from %s on", cert, when);
		return false;
	}
	return true;
}

static bool load(SSL_CTX *ctx, const char *cert, const char *key, char *why)
{
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		return complain_of_error(why, "cannot read the certificate in", cert);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
		if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
			return complain(why, "the certificate in", cert,
				"the key is another one's");
		return complain_of_error(why, "cannot read the key in", key);
	}
	if (SSL_CTX_check_private_key(ctx) != 1)
		return complain(
			why, "the certificate in", cert, "the key is another one's");
	return check_dates(ctx, cert, why);
}

struct tls_context *tls_server_new(const char *cert, const char *key, char *why)
{
	struct tls_context *c = context_new(true);

	(void)snprintf(why, TLS_WHY_MAX, "out of memory");
	if (!c || !load(c->ctx, cert, key, why)) {
		tls_context_free(c);
		ERR_clear_error();
		return NULL;
	}
	return c;
}

struct tls_context *tls_client_new(const char *ca, char *why)
{
	struct tls_context *c = context_new(false);
	bool ok;

	(void)snprintf(why, TLS_WHY_MAX, "out of memory");
	if (!c)
		return NULL;
	ERR_clear_error();
	if (ca)
		ok = SSL_CTX_load_verify_file(c->ctx, ca) == 1 ||
		     complain_of_error(why, "cannot read the authorities in", ca);
	else
		ok = SSL_CTX_set_default_verify_paths(c->ctx) == 1;
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	ERR_clear_error();
	if (ok)
		return c;
	tls_context_free(c);
	return NULL;
}

/* Connections. */

/* What the certificate must bear: an address as such, a name without its final dot. */
static bool expect_name(struct tls *t, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
	size_t len = strlen(name);
	struct addr addr;

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len >= sizeof(t->name))
		return false;
	memcpy(t->name, name, len);
	t->name[len] = '\0';
	if (addr_parse(&addr, t->name, 0))
		return X509_VERIFY_PARAM_set1_ip(
			       param, addr.ip, addr.family == ADDR_V4 ? 4 : 16) == 1;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, t->name, len) == 1 &&
	       SSL_set_tlsext_host_name(t->ssl, t->name) == 1;
}

struct tls *tls_new(struct tls_context *context, int fd, const char *name)
{
	struct tls *t = calloc(1, sizeof(*t));
	BIO *bio = make_bio(context, fd);

	if (t)
		t->ssl = SSL_new(context->ctx);
	if (!t || !t->ssl || !bio) {
		BIO_free(bio);
		tls_free(t);
		return NULL;
	}
	t->dead = true;
	t->context = context;
	context->users++;
	SSL_set_bio(t->ssl, bio, bio);
	if (!name) {
		SSL_set_accept_state(t->ssl);
		return t;
	}
	SSL_set_connect_state(t->ssl);
	if (!expect_name(t, name)) {
		tls_free(t);
		return NULL;
	}
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	if (!t->dead && t->ssl)
		(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
	SSL_free(t->ssl);
	tls_context_free(t->context);
	free(t);
}

/* Returns the -errno of a call that did not do what it should; 0 for the orderly end. */
static int judge(struct tls *t, int result)
{
	int system = errno;

	switch (SSL_get_error(t->ssl, result)) {
	case SSL_ERROR_WANT_READ: t->wants_write = false; return -EAGAIN;
	case SSL_ERROR_WANT_WRITE: t->wants_write = true; return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN: return 0;
	case SSL_ERROR_SYSCALL:
		t->dead = true;
		t->system = system != 0 ? -system : -ECONNRESET;
		return t->system;
	default:
		t->dead = true;
		t->error = ERR_get_error();
		return -EPROTO;
	}
}

int tls_handshake(struct tls *t)
{
	int result, error;

	ERR_clear_error();
	errno = 0;
	result = SSL_do_handshake(t->ssl);
	if (result == 1) {
		t->dead = false;
		return 0;
	}
	error = judge(t, result);
	return error == 0 ? -ECONNRESET : error;
}

ssize_t tls_read(struct tls *t, uint8_t *bytes, size_t len)
{
	size_t got;
	int result;

	ERR_clear_error();
	errno = 0;
	result = SSL_read_ex(t->ssl, bytes, len, &got);
	return result == 1 ? (ssize_t)got : judge(t, result);
}

ssize_t tls_write(struct tls *t, const uint8_t *bytes, size_t len)
{
	size_t put;
	int result, error;

	ERR_clear_error();
	errno = 0;
	result = SSL_write_ex(t->ssl, bytes, len, &put);
	if (result == 1)
		return (ssize_t)put;
	error = judge(t, result);
	return error == 0 ? -EPIPE : error;
}

bool tls_wants_write(const struct tls *t)
{
	return t->wants_write;
}

void tls_why(const struct tls *t, char *why)
{
	long verdict = SSL_get_verify_result(t->ssl);

	if (verdict != X509_V_OK)
		(void)snprintf(why, TLS_WHY_MAX, "the certificate of %s is not valid: %s",
			t->name, X509_verify_cert_error_string(verdict));
	else
		(void)snprintf(why, TLS_WHY_MAX, "TLS with %s failed: %s", t->name,
			t->error != 0 ? reason(t->error) : strerror(-t->system));
}

#endif
