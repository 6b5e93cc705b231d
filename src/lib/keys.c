/* SPDX-License-Identifier: MIT */
/* Services, text keys, tickets. */
#include "core/ticket.h"
#include "lib/convert.h"

_Static_assert(EYELET_KEY_SIZE == CRYPTO_KEY_SIZE && EYELET_SECRET_SIZE == SECRET_SIZE,
	"key sizes differ");
_Static_assert(EYELET_KEY_TEXT_MAX >= GENERATED_KEY_MAX, "no room for a key");
_Static_assert(EYELET_SERVICE_NAME_MAX == SERVICE_NAME_MAX, "name sizes differ");
_Static_assert(EYELET_SERVERS_MAX == TICKET_SERVERS_MAX + 1, "lists differ");
_Static_assert(EYELET_TICKET_TEXT_MAX == TICKET_TEXT_MAX, "ticket texts differ");

int eyelet_service_generate(
	struct eyelet_service *service, const struct eyelet_entropy *entropy)
{
	const struct entropy source = entropy_in(entropy);
	struct service made;

	if (entropy->fill == NULL)
		return EYELET_EINVAL;
	service_generate(&made, &source);
	memcpy(service, &made, sizeof(made));
	crypto_wipe(&made, sizeof(made));
	return EYELET_OK;
}

int eyelet_service_from_key(struct eyelet_service *service, const char *key,
	const struct eyelet_entropy *entropy)
{
	struct service made;
	bool ok;

	if (entropy->fill == NULL || key[0] == '\0')
		return EYELET_EINVAL;
	ok = service_from_key(&made, key);
	if (ok) {
		entropy->fill(entropy->arg, made.instance, sizeof(made.instance));
		memcpy(service, &made, sizeof(made));
	}
	crypto_wipe(&made, sizeof(made));
	return ok ? EYELET_OK : EYELET_ENOMEM;
}

int eyelet_key_generate(char *text, const struct eyelet_entropy *entropy)
{
	const struct entropy source = entropy_in(entropy);

	if (entropy->fill == NULL)
		return EYELET_EINVAL;
	key_generate(text, &source);
	return EYELET_OK;
}

unsigned eyelet_key_strength(const char *key)
{
	return key_strength(key);
}

static void to_core(struct ticket *to, const struct eyelet_ticket *from)
{
	memcpy(to->service, from->service, sizeof(to->service));
	memcpy(to->secret, from->secret, sizeof(to->secret));
	memcpy(to->servers, from->servers, sizeof(to->servers));
}

static void from_core(struct eyelet_ticket *to, const struct ticket *from)
{
	memset(to, 0, sizeof(*to));
	memcpy(to->service, from->service, sizeof(to->service));
	memcpy(to->secret, from->secret, sizeof(to->secret));
	memcpy(to->servers, from->servers, strlen(from->servers) + 1);
}

/* What the decoder takes back is valid: one judge for both. */
bool ticket_servers_valid(const char servers[EYELET_SERVERS_MAX])
{
	struct ticket ticket = {.service = {0}};
	char text[TICKET_TEXT_MAX];

	if (memchr(servers, '\0', EYELET_SERVERS_MAX) == NULL)
		return false;
	memcpy(ticket.servers, servers, strlen(servers) + 1);
	ticket_encode(text, &ticket);
	return ticket_decode(&ticket, text) == NULL;
}

static int set_servers(struct eyelet_ticket *ticket, const char *servers)
{
	size_t len = strlen(servers);

	if (len >= sizeof(ticket->servers))
		return EYELET_ETICKET;
	memset(ticket->servers, 0, sizeof(ticket->servers));
	memcpy(ticket->servers, servers, len);
	return ticket_servers_valid(ticket->servers) ? EYELET_OK : EYELET_ETICKET;
}

static void set_service(struct eyelet_ticket *ticket, const struct service *service)
{
	crypto_ed25519_public(ticket->service, service->seed);
	memcpy(ticket->secret, service->secret, sizeof(ticket->secret));
}

int eyelet_ticket_from_service(struct eyelet_ticket *ticket,
	const struct eyelet_service *service, const char *servers)
{
	struct service core;

	service_in(&core, service);
	set_service(ticket, &core);
	crypto_wipe(&core, sizeof(core));
	return set_servers(ticket, servers);
}

int eyelet_ticket_from_key(
	struct eyelet_ticket *ticket, const char *key, const char *servers)
{
	struct service core;
	bool ok;

	if (key[0] == '\0')
		return EYELET_EINVAL;
	ok = service_from_key(&core, key);
	if (ok)
		set_service(ticket, &core);
	crypto_wipe(&core, sizeof(core));
	return ok ? set_servers(ticket, servers) : EYELET_ENOMEM;
}

int eyelet_ticket_encode(char *text, const struct eyelet_ticket *ticket)
{
	struct ticket core;

	if (!ticket_servers_valid(ticket->servers))
		return EYELET_ETICKET;
	to_core(&core, ticket);
	ticket_encode(text, &core);
	crypto_wipe(&core, sizeof(core));
	return EYELET_OK;
}

int eyelet_ticket_decode(struct eyelet_ticket *ticket, const char *text, const char **why)
{
	struct ticket core;
	const char *wrong = ticket_decode(&core, text);

	if (why != NULL)
		*why = wrong;
	if (wrong != NULL)
		return EYELET_ETICKET;
	from_core(ticket, &core);
	crypto_wipe(&core, sizeof(core));
	return EYELET_OK;
}

void ticket_credentials(struct credentials *c, const struct eyelet_ticket *ticket)
{
	credentials_derive(c, ticket->service, ticket->secret);
}

void eyelet_service_name_encode(char *text, const uint8_t service[EYELET_KEY_SIZE])
{
	service_name_encode(text, service);
}

int eyelet_service_name_decode(uint8_t service[EYELET_KEY_SIZE], const char *text)
{
	uint8_t decoded[EYELET_KEY_SIZE];

	if (!service_name_decode(decoded, text))
		return EYELET_ETICKET;
	memcpy(service, decoded, sizeof(decoded));
	return EYELET_OK;
}

void eyelet_identity_public(
	uint8_t public_key[EYELET_KEY_SIZE], const uint8_t identity[EYELET_KEY_SIZE])
{
	crypto_x25519_public(public_key, identity);
}
