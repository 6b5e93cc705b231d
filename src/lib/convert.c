/* SPDX-License-Identifier: MIT */
#include "lib/convert.h"

/* By name: a verdict or event that the core has and the header lacks does not compile, and
 * the header's values stay what they are when the core's move. */
_Static_assert((int)VERDICT_COUNT == (int)EYELET_VERDICT_COUNT, "verdicts differ");
_Static_assert((int)VERDICT_COUNT <= EYELET_VERDICTS_MAX, "no room for the verdicts");
_Static_assert((int)EVENT_COUNT == (int)EYELET_EVENT_COUNT, "events differ");

static const uint8_t verdicts[VERDICT_COUNT] = {
#define X(name, text) [VERDICT_##name] = EYELET_VERDICT_##name,
	VERDICT_MAP(X)
#undef X
};

static const uint8_t events[EVENT_COUNT] = {
#define X(name, text) [EVENT_##name] = EYELET_EVENT_##name,
	EVENT_MAP(X)
#undef X
};

enum eyelet_verdict verdict_out(enum verdict verdict)
{
	return (enum eyelet_verdict)verdicts[verdict];
}

void verdicts_out(uint64_t to[EYELET_VERDICTS_MAX], const struct verdict_counts *from)
{
	memset(to, 0, EYELET_VERDICTS_MAX * sizeof(*to));
	for (size_t i = 0; i < VERDICT_COUNT; i++)
		to[verdicts[i]] = from->of[i];
}

const char *eyelet_verdict_name(enum eyelet_verdict verdict)
{
	switch ((int)verdict) {
#define EYELET_X(name, text)                                                             \
	case EYELET_VERDICT_##name: return text;
		EYELET_VERDICT_MAP(EYELET_X)
#undef EYELET_X
	default: return "unknown";
	}
}

const char *eyelet_event_name(enum eyelet_event_type type)
{
	switch ((int)type) {
#define EYELET_X(name, text)                                                             \
	case EYELET_EVENT_##name: return text;
		EYELET_EVENT_MAP(EYELET_X)
#undef EYELET_X
	default: return "unknown";
	}
}

void datagram_out(struct eyelet_datagram *to, const struct datagram *from)
{
	to->path = path_out(&from->path);
	to->ttl = from->ttl;
	to->tos = from->tos;
	to->len = from->len;
	memcpy(to->data, from->data, from->len);
}

void event_out(struct eyelet_event *to, const struct event *from)
{
	*to = (struct eyelet_event){
		.type = (enum eyelet_event_type)events[from->type],
		.number = from->number,
		.addr = addr_out(&from->addr),
		.peer = addr_out(&from->peer),
		.path = path_out(&from->path),
		.span = from->span,
		.why = from->why,
		.flow = flow_out(from->flow),
	};
	memcpy(to->identity, from->identity, sizeof(to->identity));
}

uint16_t eyelet_flow_id(const struct eyelet_flow *flow)
{
	return ((const struct flow *)(const void *)flow)->id;
}

uint32_t eyelet_flow_guest(const struct eyelet_flow *flow)
{
	return ((const struct flow *)(const void *)flow)->guest;
}

struct eyelet_addr eyelet_flow_app(const struct eyelet_flow *flow)
{
	return addr_out(&((const struct flow *)(const void *)flow)->app);
}

void *eyelet_flow_user(const struct eyelet_flow *flow)
{
	return ((const struct flow *)(const void *)flow)->handle;
}

void eyelet_flow_set_user(struct eyelet_flow *flow, void *user)
{
	flow_in(flow)->handle = user;
}
