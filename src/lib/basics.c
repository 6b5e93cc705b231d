/* SPDX-License-Identifier: MIT */
/* Version, errors, time, randomness, addresses. */
#include "core/frame.h"
#include "core/host.h"
#include "core/message.h"
#include "lib/convert.h"
#include "net/sockaddr.h"
#include "net/system.h"

#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number
#define VERSION_TEXT                                                                     \
	TEXT_OF(EYELET_VERSION_MAJOR)                                                    \
	"." TEXT_OF(EYELET_VERSION_MINOR) "." TEXT_OF(EYELET_VERSION_PATCH)

#ifdef EYELET_VERSION /* the Makefile's */
_Static_assert(
	sizeof(VERSION_TEXT) == sizeof(EYELET_VERSION), "eyelet.h has another version");
#endif
_Static_assert(EYELET_ADDR_TEXT_MAX == ADDR_TEXT_MAX, "address texts differ");
_Static_assert(EYELET_OVERHEAD == FRAME_OVERHEAD_MAX, "overheads differ");

uint32_t eyelet_version(void)
{
	return EYELET_VERSION_NUMBER;
}

const char *eyelet_version_text(void)
{
	return VERSION_TEXT;
}

const char *eyelet_strerror(int error)
{
	switch (error) {
	case EYELET_OK: return "done";
#define EYELET_X(name, value, text)                                                      \
	case value: return text;
		EYELET_ERROR_MAP(EYELET_X)
#undef EYELET_X
	default: return error > 0 ? "done" : "an error that this version does not know";
	}
}

uint64_t eyelet_now(void)
{
	return clock_now();
}

void eyelet_random(void *arg, uint8_t *bytes, size_t len)
{
	random_fill(arg, bytes, len);
}

void eyelet_wipe(void *bytes, size_t len)
{
	crypto_wipe(bytes, len);
}

int eyelet_addr_parse(struct eyelet_addr *addr, const char *text, uint16_t default_port)
{
	struct addr parsed;

	if (!addr_parse(&parsed, text, default_port))
		return EYELET_EADDRESS;
	*addr = addr_out(&parsed);
	return EYELET_OK;
}

const char *eyelet_addr_format(char *text, const struct eyelet_addr *addr)
{
	const struct addr core = addr_in(addr);

	return addr_format(text, &core);
}

int eyelet_addr_from_sockaddr(struct eyelet_addr *addr, const struct sockaddr *from)
{
	const struct addr core = sockaddr_decode(from);

	if (core.family == ADDR_NONE)
		return EYELET_EADDRESS;
	*addr = addr_out(&core);
	return EYELET_OK;
}

int eyelet_addr_to_sockaddr(
	const struct eyelet_addr *addr, struct sockaddr *to, size_t size)
{
	const struct addr core = addr_in(addr);
	union sockaddr_any any;
	socklen_t len;

	if (core.family != ADDR_V4 && core.family != ADDR_V6)
		return EYELET_EADDRESS;
	len = sockaddr_encode(&any, &core);
	if (size < len)
		return EYELET_EINVAL;
	memcpy(to, &any, len);
	return (int)len;
}

const char *eyelet_refusal_text(uint32_t number)
{
	return refusal_text((uint8_t)(number <= UINT8_MAX ? number : 0));
}

const char *eyelet_host_refusal_text(uint32_t number)
{
	return host_refusal_text((uint8_t)(number <= UINT8_MAX ? number : 0));
}
