/* SPDX-License-Identifier: MIT */
#include "core/channel.h"

#include "core/wire.h"

bool channel_is(const uint8_t *buf, size_t len)
{
	return len > CHANNEL_SIZE && buf[0] >> 5 == 7;
}

uint32_t channel_decode(const uint8_t *buf)
{
	struct reader r = reader_over(buf, CHANNEL_SIZE);

	return read_u32(&r) & CHANNEL_MAX;
}

void channel_encode(uint8_t out[CHANNEL_SIZE], uint32_t channel)
{
	struct writer w = writer_over(out, CHANNEL_SIZE);

	write_u32(&w, channel | ~CHANNEL_MAX);
}

bool channel_strip(
	struct path *relayed, const struct path *path, uint8_t **buf, size_t *len)
{
	uint32_t channel = channel_is(*buf, *len) ? channel_decode(*buf) : 0;

	if (channel == 0)
		return false;
	*relayed = *path;
	relayed->channel = channel;
	*buf += CHANNEL_SIZE;
	*len -= CHANNEL_SIZE;
	return true;
}
