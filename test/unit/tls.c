/* SPDX-License-Identifier: MIT */
/* TLS over a socket pair: what is verified, what is refused, and in which words. */
#include "net/tls.h"

#include "certificate.h"

#if defined(EYELET_TLS)

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

static struct pair {
	int fds[2];
	struct tls_context *contexts[2]; /* of the client, of the server */
	struct tls *ends[2];
	int results[2];
} pair;

static void begin(const char *ca, const char *server, const char *name)
{
	char why[TLS_WHY_MAX] = "";

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.fds), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(fcntl(pair.fds[i], F_SETFL, O_NONBLOCK), 0);
	pair.contexts[0] = tls_client_new(certificate_path(ca, "pem"), why);
	if (!pair.contexts[0])
		fail_msg("%s", why);
	pair.contexts[1] = tls_server_new(
		certificate_path(server, "pem"), certificate_path(server, "key"), why);
	if (!pair.contexts[1])
		fail_msg("%s", why);
	pair.ends[0] = tls_new(pair.contexts[0], pair.fds[0], name);
	pair.ends[1] = tls_new(pair.contexts[1], pair.fds[1], NULL);
	assert_non_null(pair.ends[0]);
	assert_non_null(pair.ends[1]);
	/* What they share may go first: a certificate that was read again. */
	tls_context_free(pair.contexts[0]);
	tls_context_free(pair.contexts[1]);
}

static void end(void)
{
	for (unsigned i = 0; i < 2; i++) {
		tls_free(pair.ends[i]);
		close(pair.fds[i]);
	}
}

/* Lets both shake hands; returns the client's result. */
static int shake(void)
{
	bool done[2] = {false, false};

	for (unsigned turn = 0; turn < 100 && !(done[0] && done[1]); turn++) {
		unsigned i = turn % 2;

		if (done[i])
			continue;
		pair.results[i] = tls_handshake(pair.ends[i]);
		done[i] = pair.results[i] != -EAGAIN;
	}
	return pair.results[0];
}

static void expect_valid(const char *name)
{
	begin("ca", "server", name);
	assert_int_equal(shake(), 0);
	assert_int_equal(pair.results[1], 0);
	end();
}

static void expect_invalid(
	const char *ca, const char *server, const char *name, const char *sentence)
{
	char why[TLS_WHY_MAX];

	begin(ca, server, name);
	assert_int_equal(shake(), -EPROTO);
	assert_true(pair.results[1] < 0);
	tls_why(pair.ends[0], why);
	assert_string_equal(why, sentence);
	end();
}

static void takes_the_name_and_the_addresses(void **state)
{
	(void)state;
	expect_valid("rdv.example.net");
	expect_valid("rdv.example.net.");
	expect_valid("RDV.example.net");
	expect_valid("127.0.0.1");
	expect_valid("::1");
}

static void refuses_another_name(void **state)
{
	(void)state;
	expect_invalid("ca", "server", "rdv.example.org",
		"the certificate of rdv.example.org is not valid: hostname mismatch");
	expect_invalid("ca", "server", "127.0.0.2",
		"the certificate of 127.0.0.2 is not valid: IP address mismatch");
}

static void refuses_an_unknown_authority(void **state)
{
	(void)state;
	expect_invalid("other-ca", "server", "rdv.example.net",
		"the certificate of rdv.example.net is not valid: unable to get local "
		"issuer certificate");
}

static void refuses_one_without_a_name(void **state)
{
	struct tls_context *context;
	char why[TLS_WHY_MAX];

	(void)state;
	context = tls_client_new(NULL, why);
	assert_non_null(context);
	assert_null(tls_new(context, 0, ""));
	tls_context_free(context);
}

static void carries_bytes_both_ways(void **state)
{
	static uint8_t sent[40000], got[sizeof(sent)];
	size_t put = 0, had = 0;

	(void)state;
	begin("ca", "server", "rdv.example.net");
	assert_int_equal(shake(), 0);
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 + i / 251);
	for (unsigned turn = 0; turn < 100000 && had < sizeof(got); turn++) {
		size_t left = sizeof(sent) - put;
		ssize_t done = left == 0 ? 0
					 : tls_write(pair.ends[0], sent + put,
						   left < TLS_RECORD ? left : TLS_RECORD);

		assert_true(done >= 0 || done == -EAGAIN);
		put += done > 0 ? (size_t)done : 0;
		done = tls_read(pair.ends[1], got + had, sizeof(got) - had);
		assert_true(done > 0 || done == -EAGAIN);
		had += done > 0 ? (size_t)done : 0;
	}
	assert_int_equal(had, sizeof(sent));
	assert_memory_equal(sent, got, sizeof(sent));
	tls_free(pair.ends[0]);
	pair.ends[0] = NULL;
	assert_int_equal(tls_read(pair.ends[1], got, sizeof(got)), 0); /* its goodbye */
	end();
}

/* Bytes that wait in a full socket are the same when the room is there, wherever they have
 * been moved. */
static void goes_on_after_a_full_socket(void **state)
{
	static uint8_t bytes[TLS_RECORD], moved[TLS_RECORD], got[4 * TLS_RECORD];
	size_t put = 0, had = 0;
	ssize_t done;

	(void)state;
	begin("ca", "server", "rdv.example.net");
	assert_int_equal(shake(), 0);
	memset(bytes, 'x', sizeof(bytes));
	while ((done = tls_write(pair.ends[1], bytes, sizeof(bytes))) > 0)
		put += (size_t)done;
	assert_int_equal(done, -EAGAIN);
	assert_true(tls_wants_write(pair.ends[1]));
	memcpy(moved, bytes, sizeof(bytes));
	while (had < put + sizeof(moved)) {
		done = tls_read(pair.ends[0], got, sizeof(got));
		assert_true(done > 0 || done == -EAGAIN);
		had += done > 0 ? (size_t)done : 0;
		if (had < put || had > put + 1)
			continue;
		done = tls_write(pair.ends[1], moved, sizeof(moved));
		assert_int_equal(done, sizeof(moved));
	}
	assert_int_equal(had, put + sizeof(moved));
	end();
}

static void tells_of_a_peer_without_tls(void **state)
{
	char why[TLS_WHY_MAX];

	(void)state;
	begin("ca", "server", "rdv.example.net");
	assert_int_equal(tls_handshake(pair.ends[0]), -EAGAIN);
	assert_int_equal(send(pair.fds[1], "HTTP/1.1 400 Bad Request\r\n", 26, 0), 26);
	assert_int_equal(tls_handshake(pair.ends[0]), -EPROTO);
	tls_why(pair.ends[0], why);
	assert_string_equal(why, "TLS with rdv.example.net failed: wrong version number");
	end();
}

static void expect_complaint(const char *cert, const char *key, const char *begin_of_it)
{
	char why[TLS_WHY_MAX];

	assert_null(tls_server_new(cert, key, why));
	if (strncmp(why, begin_of_it, strlen(begin_of_it)) != 0)
		fail_msg("\"%s\" and not \"%s\"", why, begin_of_it);
}

static void says_what_is_wrong_with_files(void **state)
{
	const char *cert = certificate_path("server", "pem");
	const char *key = certificate_path("server", "key");
	char text[256], why[TLS_WHY_MAX];

	(void)state;
	snprintf(text, sizeof(text), "cannot read the certificate in %s: ", key);
	expect_complaint(key, key, text);
	expect_complaint("/nowhere", key,
		"cannot read the certificate in /nowhere: No such file or directory");
	expect_complaint(
		cert, "/nowhere", "cannot read the key in /nowhere: No such file or");
	snprintf(text, sizeof(text), "the certificate in %s: the key is another one's",
		cert);
	expect_complaint(cert, certificate_path("ca", "key"), text);
	certificate_make("old", "DNS:old", -3, -1);
	cert = certificate_path("old", "pem");
	snprintf(text, sizeof(text), "the certificate in %s expired at 20", cert);
	expect_complaint(cert, certificate_path("old", "key"), text);
	certificate_make("early", "DNS:early", 1, 3);
	cert = certificate_path("early", "pem");
	snprintf(text, sizeof(text), "the certificate in %s is valid from 20", cert);
	expect_complaint(cert, certificate_path("early", "key"), text);
	assert_null(tls_client_new("/nowhere", why));
	assert_string_equal(why,
		"cannot read the authorities in /nowhere: No such file or directory");
}

static int all_begin(void **state)
{
	(void)state;
	certificates_begin();
	return 0;
}

static int all_end(void **state)
{
	(void)state;
	certificates_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_name_and_the_addresses),
		cmocka_unit_test(refuses_another_name),
		cmocka_unit_test(refuses_an_unknown_authority),
		cmocka_unit_test(refuses_one_without_a_name),
		cmocka_unit_test(carries_bytes_both_ways),
		cmocka_unit_test(goes_on_after_a_full_socket),
		cmocka_unit_test(tells_of_a_peer_without_tls),
		cmocka_unit_test(says_what_is_wrong_with_files),
	};

	return cmocka_run_group_tests(tests, all_begin, all_end);
}

#else

static void has_none(void **state)
{
	char why[TLS_WHY_MAX];

	(void)state;
	assert_false(tls_available());
	assert_null(tls_client_new(NULL, why));
	assert_string_equal(why, "this eyelet was built without TLS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(has_none)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
