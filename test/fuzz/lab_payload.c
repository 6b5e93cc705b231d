/* SPDX-License-Identifier: MIT */
/* What the applications sent, and that it comes out once at most. */
#include "fuzz/lab.h"

uint8_t *lab_payload(struct lab *lab, bool to_host, uint16_t flow, size_t len)
{
	uint8_t *payload;

	if (lab->sent_count == LAB_SENT)
		return NULL;
	payload = fuzz_alloc(len);
	for (size_t i = 0; i < len; i++)
		payload[i] = (uint8_t)((lab->sent_count + 1) >> (8 * (i % 3)));
	lab->sent[lab->sent_count++] = (struct lab_sent){.to_host = to_host,
		.flow = flow,
		.hash = lab_hash(payload, len),
		.len = len};
	return payload;
}

static void note_flow(struct lab *lab, struct flow *flow)
{
	for (unsigned i = 0; i < LAB_FLOWS; i++)
		if (lab->flows[i] == flow)
			return;
	for (unsigned i = 0; i < LAB_FLOWS; i++)
		if (lab->flows[i] == NULL) {
			lab->flows[i] = flow;
			return;
		}
}

void lab_delivered(struct lab *lab, bool to_host, const struct delivery *d)
{
	uint64_t hash = lab_hash(d->payload, d->len);

	REQUIRE(d->flow != NULL && !d->flow->closing && d->len <= 65535);
	if (to_host)
		note_flow(lab, d->flow);
	if (lab->evil[to_host ? 0 : 1])
		return;
	for (unsigned i = 0; i < lab->sent_count; i++) {
		struct lab_sent *s = &lab->sent[i];

		if (s->to_host == to_host && !s->delivered && s->len == d->len &&
			s->hash == hash && s->flow == d->flow->id) {
			s->delivered = true;
			return;
		}
	}
	fuzz_fail(__FILE__, __LINE__, "a payload was sent, and is not delivered twice");
}
