/* SPDX-License-Identifier: MIT */
/* The text list of rendezvous, as a ticket has it, to addresses. */
#include "core/rendezvous.h"
#include "lib/active.h"
#include "net/system.h"

#define PER_NAME 4 /* addresses of one name that are taken */

static size_t resolve_one(
	struct addr *addrs, size_t room, const char *text, size_t len, const char **why)
{
	char name[EYELET_SERVERS_MAX];

	memcpy(name, text, len);
	name[len] = '\0';
	return resolve(
		name, RENDEZVOUS_PORT, addrs, room < PER_NAME ? room : PER_NAME, why);
}

int servers_resolve(struct addr *addrs, size_t *count, const char *list, const char **why)
{
	size_t before = *count;

	*why = "there is no rendezvous in the list";
	if (strlen(list) >= EYELET_SERVERS_MAX)
		return EYELET_EINVAL;
	while (*list != '\0' && *count < EYELET_RENDEZVOUS_MAX) {
		size_t len = strcspn(list, ",");

		if (len > 0)
			*count += resolve_one(addrs + *count,
				EYELET_RENDEZVOUS_MAX - *count, list, len, why);
		list += len + (list[len] == ',');
	}
	return *count > before ? EYELET_OK : EYELET_ERESOLVE;
}
