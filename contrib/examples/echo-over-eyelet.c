/* SPDX-License-Identifier: MIT */
/* Lines echoed by another machine, through the NATs between, by two ordinary UDP sockets.
 *
 *	cc echo-over-eyelet.c -leyelet -o echo-over-eyelet
 *	./echo-over-eyelet ADDR:PORT    serves an echo and prints a ticket; guests must be able
 *	                                to reach this UDP port of ours, where they meet us
 *	./echo-over-eyelet TICKET       sends each line of its input, prints what comes back */
#include <eyelet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* What both applications have: a socket bound to 127.0.0.1 with its real port, or one
 * connected to *addr. Neither knows of eyelet. */
static int open_socket(struct eyelet_addr *addr, bool server)
{
	struct sockaddr_storage name;
	socklen_t len =
		(socklen_t)eyelet_addr_to_sockaddr(addr, (void *)&name, sizeof(name));
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (!server)
		return connect(fd, (void *)&name, len) == 0 ? fd : -1;
	if (bind(fd, (void *)&name, len) != 0 ||
		getsockname(fd, (void *)&name, &len) != 0)
		return -1;
	return eyelet_addr_from_sockaddr(addr, (void *)&name) == EYELET_OK ? fd : -1;
}

static void echo(int fd)
{
	struct sockaddr_storage from;
	char buf[65536];

	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t got = recvfrom(fd, buf, sizeof(buf), 0, (void *)&from, &len);

		if (got >= 0)
			(void)sendto(fd, buf, (size_t)got, 0, (void *)&from, len);
	}
}

static int serve(const char *text)
{
	const struct eyelet_entropy entropy = {eyelet_random, NULL};
	struct eyelet_serve_config config;
	struct eyelet_service service; /* a real server keeps it for its next run */
	struct eyelet_ticket ticket;
	struct eyelet_forwarder *f = NULL;
	char line[EYELET_TICKET_TEXT_MAX];
	const char *why = NULL;
	int fd;

	eyelet_serve_config_init(&config);
	(void)eyelet_addr_parse(&config.targets[0], "127.0.0.1", 0);
	fd = open_socket(&config.targets[0], true);
	config.target_count = 1;
	(void)eyelet_addr_parse(&config.publics[0], text, EYELET_RENDEZVOUS_PORT);
	config.port = config.publics[0].port;
	config.inside = true; /* we are our own rendezvous */
	config.service = &service;
	(void)eyelet_service_generate(&service, &entropy);
	if (fd < 0 || eyelet_serve(&f, &config, &why) != EYELET_OK ||
		eyelet_forwarder_start_thread(f) != EYELET_OK ||
		eyelet_ticket_from_service(&ticket, &service, text) != EYELET_OK ||
		eyelet_ticket_encode(line, &ticket) != EYELET_OK)
		return fprintf(stderr, "cannot serve: %s\n", why ? why : text), 1;
	puts(line);
	fflush(stdout);
	echo(fd);
	return 0;
}

static int talk(const char *text)
{
	struct eyelet_connect_config config;
	struct eyelet_ticket ticket;
	struct eyelet_forwarder *f = NULL;
	struct eyelet_addr listen;
	char line[1200];
	const char *why = NULL;
	int fd, error = eyelet_ticket_decode(&ticket, text, &why);

	eyelet_connect_config_init(&config);
	config.ticket = &ticket;
	if (error == EYELET_OK)
		error = eyelet_connect(&f, &config, &why);
	if (error == EYELET_OK)
		error = eyelet_forwarder_start_thread(f);
	if (error == EYELET_OK)
		error = eyelet_forwarder_wait(f, 30 * EYELET_SECOND);
	if (error == EYELET_OK)
		error = eyelet_forwarder_bound(f, 0, &listen);
	if (error != EYELET_OK) {
		fprintf(stderr, "no connection: %s\n",
			why ? why : eyelet_strerror(error));
		eyelet_forwarder_free(f);
		return 1;
	}
	for (fd = open_socket(&listen, false); fgets(line, sizeof(line), stdin);) {
		ssize_t got = send(fd, line, strlen(line), 0);

		if (got >= 0 && (got = recv(fd, line, sizeof(line), 0)) >= 0)
			printf("%.*s", (int)got, line);
	}
	eyelet_forwarder_free(f);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return fprintf(stderr, "usage: %s ADDR:PORT | TICKET\n", argv[0]), 2;
	return strncmp(argv[1], "eyelet:", 7) == 0 ? talk(argv[1]) : serve(argv[1]);
}
