/* SPDX-License-Identifier: MIT */
/* Certificates for tests, as PEM files in a directory that is gone at the end: an authority,
 * and what it signed. */
#ifndef EYELET_TEST_UNIT_CERTIFICATE_H
#define EYELET_TEST_UNIT_CERTIFICATE_H

#include "unit.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#define CERTIFICATE_DAY 86400L

static struct certificates {
	char dir[64];
	X509 *ca;
	EVP_PKEY *ca_key;
} certificates;

/* Returns the path of a file there, valid until the fourth call from now. */
static inline const char *certificate_path(const char *name, const char *suffix)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s.%s", certificates.dir, name, suffix);
	return path;
}

static inline void certificate_extend(
	X509 *x509, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(extension);
	assert_true(X509_add_ext(x509, extension, -1));
	X509_EXTENSION_free(extension);
}

static inline void certificate_write(const char *name, X509 *x509, EVP_PKEY *key)
{
	FILE *file = fopen(certificate_path(name, "pem"), "w");

	assert_non_null(file);
	assert_true(PEM_write_X509(file, x509));
	fclose(file);
	file = fopen(certificate_path(name, "key"), "w");
	assert_non_null(file);
	assert_true(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
	fclose(file);
}

/* Writes NAME.pem and NAME.key, valid from so many days from now to so many. sans is as
 * "DNS:rdv.example.net,IP:127.0.0.1"; NULL makes an authority that signs itself. */
static inline void certificate_make(const char *name, const char *sans, int from, int to)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x509 = X509_new();
	X509_NAME *subject = X509_NAME_new();

	assert_true(X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0));
	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), (long)strlen(name) + 1);
	X509_gmtime_adj(X509_getm_notBefore(x509), from * CERTIFICATE_DAY);
	X509_gmtime_adj(X509_getm_notAfter(x509), to * CERTIFICATE_DAY);
	X509_set_pubkey(x509, key);
	X509_set_subject_name(x509, subject);
	if (sans) {
		X509_set_issuer_name(x509, X509_get_subject_name(certificates.ca));
		certificate_extend(x509, certificates.ca, NID_subject_alt_name, sans);
		assert_true(X509_sign(x509, certificates.ca_key, EVP_sha256()));
	} else {
		X509_set_issuer_name(x509, subject);
		certificate_extend(x509, x509, NID_basic_constraints, "critical,CA:TRUE");
		assert_true(X509_sign(x509, key, EVP_sha256()));
	}
	certificate_write(name, x509, key);
	X509_NAME_free(subject);
	if (sans || certificates.ca) {
		X509_free(x509);
		EVP_PKEY_free(key);
		return;
	}
	certificates.ca = x509;
	certificates.ca_key = key;
}

/* The first authority, "ca", signs; "server" is for rdv.example.net, 127.0.0.1 and ::1. */
static inline void certificates_begin(void)
{
	snprintf(certificates.dir, sizeof(certificates.dir), "/tmp/eyelet-tls-XXXXXX");
	assert_non_null(mkdtemp(certificates.dir));
	certificate_make("ca", NULL, -1, 10);
	certificate_make("other-ca", NULL, -1, 10);
	certificate_make("server", "DNS:rdv.example.net,IP:127.0.0.1,IP:::1", -1, 10);
}

static inline void certificates_end(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", certificates.dir);
	assert_int_equal(system(command), 0);
	X509_free(certificates.ca);
	EVP_PKEY_free(certificates.ca_key);
	memset(&certificates, 0, sizeof(certificates));
}

#endif
