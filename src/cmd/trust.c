/* SPDX-License-Identifier: MIT */
#include "cmd/trust.h"

#include <stdlib.h>

#include "cmd/log.h"

bool trust_open(struct tls_context **context, const char *ca)
{
	const char *environment = getenv("EYELET_CA");
	char why[TLS_WHY_MAX];

	*context = NULL;
	if (ca == NULL && environment != NULL && *environment != '\0')
		ca = environment;
	if (!tls_available() && ca == NULL)
		return true;
	*context = tls_client_new(ca, why);
	if (*context == NULL)
		log_error("%s", why);
	return *context != NULL;
}
