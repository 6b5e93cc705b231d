/* SPDX-License-Identifier: MIT */
/* seeds DIR: writes first inputs for every target to DIR/TARGET: scripts for the core, the
 * datagrams that those scripts bring about for the decoders. What run.sh replays is a
 * corpus merged from these and from what fuzzing found. */
#include <stdio.h>
#include <sys/stat.h>

#include "core/stun.h"
#include "core/ticket.h"
#include "fuzz/lab.h"

static const char *dir;
static unsigned written;

static void write_seed(const char *target, uint8_t first, const void *bytes, size_t len)
{
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, target);
	(void)mkdir(path, 0777);
	(void)snprintf(path, sizeof(path), "%s/%s/seed-%u", dir, target, written++);
	f = fopen(path, "wb");
	REQUIRE(f != NULL && fputc(first, f) != EOF);
	REQUIRE(fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
}

/* Scripts, in the operations of core.c. */
static const struct script {
	const char *what;
	uint8_t len, bytes[96];
} scripts[] = {
#define S(what, ...)                                                                     \
	{                                                                                \
		what, sizeof((uint8_t[]){__VA_ARGS__}),                                  \
		{                                                                        \
			__VA_ARGS__                                                      \
		}                                                                        \
	}
#define CONNECT 0, 20
#define SETTLE  0, 9
#define TALK    11, 0, 5, SETTLE, 12, 0, 5, SETTLE
	S("connect", 0, 0, 0, CONNECT, TALK),
	S("before the path is up", 0, 0, 0, 11, 1, 4, 22, 2, 31, CONNECT, 0, 20),
	S("every size", 0, 0, 0, CONNECT, 11, 0, 1, 11, 0, 2, 11, 0, 9, 11, 0, 10, 11, 1,
		11, 11, 1, 12, 11, 1, 13, 11, 1, 14, 0, 3, 12, 0, 14, 12, 1, 13, 12, 1, 9,
		12, 1, 1, 0, 5),
	S("IPv6 too", 0, 2, 0, CONNECT, 0, 30, TALK, 2, 100),
	S("one NAT", 0, 1, 0, CONNECT, TALK),
	S("one NAT, IPv6", 0, 3, 0, CONNECT, TALK),
	S("spoilt mapping", 128, 0, 0, 0, 63, 0, 63, TALK, 2, 60, 0, 63, 14, 2, 0, 63, 2,
		90),
	S("spoilt, no ports to see it", 128, 8, 0, 0, 63, TALK),
	S("configured address", 0, 16, 0, CONNECT, TALK),
	S("early", 0, 4, 0, CONNECT, TALK, 13, 0, 0, 5),
	S("plain cipher", 32, 0, 0, CONNECT, TALK),
	S("no common cipher", 96, 0, 0, CONNECT, 0, 63),
	S("wrong key", 24, 0, 0, 0, 63, 2, 60),
	S("private", 2, 0, 0, CONNECT, TALK),
	S("unlisted", 6, 0, 0, CONNECT, 0, 30),
	S("full rendezvous", 0, 96, 0, CONNECT, 0, 30),
	S("no attempts", 0, 160, 0, CONNECT, 0, 30),
	S("inside", 0, 0, 1, CONNECT, TALK),
	S("misnamed", 0, 0, 6, CONNECT, 0, 30),
	S("one guest", 0, 0, 16, CONNECT, TALK, 14, 2, CONNECT, TALK),
	S("no guests", 0, 0, 24, CONNECT, 0, 40),
	S("one half-open", 0, 0, 64, CONNECT, TALK),
	S("no half-open", 0, 0, 96, CONNECT, 0, 40),
	S("two flows", 0, 0, 128, CONNECT, 11, 0, 4, 11, 1, 4, 11, 2, 4, 11, 3, 4,
		SETTLE),
	S("idle", 0, 0, 0, CONNECT, TALK, 2, 60, SETTLE, 2, 120, TALK, 23, 100, TALK),
	S("idle with deadlines kept", 0, 0, 0, CONNECT, TALK, 0, 63, 0, 63, 0, 63, TALK),
	S("flow idle", 0, 0, 0, CONNECT, TALK, 0, 63, 0, 63, 0, 63, 0, 63, 0, 63, 0, 63,
		0, 63),
	S("silence and return", 0, 0, 0, CONNECT, TALK, 21, 4, 11, 0, 4, 1, 30, 21, 0, 0,
		40, TALK),
	S("silence and death", 0, 0, 0, CONNECT, TALK, 21, 4, 11, 0, 4, 2, 60, 0, 63, 21,
		0, 0, 63, TALK),
	S("all silent", 0, 0, 0, CONNECT, TALK, 21, 7, 2, 70, 0, 20, 21, 0, 0, 60, TALK),
	S("late", 0, 0, 0, CONNECT, TALK, 11, 0, 4, 2, 168, 0, 30, TALK),
	S("rendezvous restarted", 0, 0, 0, CONNECT, 14, 0, 0, 63, 14, 2, 0, 63, TALK),
	S("host restarted", 0, 0, 0, CONNECT, TALK, 14, 1, 0, 63, 0, 63, TALK),
	S("guest restarted", 0, 0, 0, CONNECT, TALK, 14, 2, 0, 63, TALK, 2, 30),
	S("host shut down", 0, 0, 0, CONNECT, TALK, 14, 4, 0, 63, 0, 63, TALK),
	S("guest shut down", 0, 0, 0, CONNECT, TALK, 14, 5, 0, 63, TALK),
	S("rendezvous shut down", 2, 0, 0, CONNECT, 14, 3, 0, 63),
	S("no answers", 0, 0, 0, 21, 3, 2, 30, 21, 0, 0, 63, TALK),
	S("no way through", 0, 0, 0, 21, 4, 0, 63, 0, 63, 2, 40, 21, 0, 0, 63, TALK),
	S("storm", 0, 0, 0, 0, 3, 0, 2, 19, 0, 10, TALK),
	S("STUN", 0, 0, 0, 20, 0, 20, 0, 20, 0, 20, 16, 20, 5, 0, 3),
	S("no STUN", 1, 0, 0, 20, 0, 0, 3),
	S("garbage", 0, 0, 0, CONNECT, 9, 6, 5, 24, 0x41, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
		11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, SETTLE),
	S("host's garbage", 0, 0, 0, CONNECT, 9, 5, 6, 24, 0x50, 1, 2, 3, 4, 5, 6, 7, 8,
		9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, SETTLE),
	S("half-open garbage", 0, 0, 0, 0, 8, 9, 6, 5, 24, 0x41, 1, 2, 3, 4, 5, 6, 7, 8,
		9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 0, 0),
	S("replays", 0, 0, 0, CONNECT, TALK, 10, 0, 0x80, 0x80, 10, 1, 0, 0x80, 10, 5,
		0x80, 6, 10, 9, 0, 5, 10, 20, 0x80, 0x80, 10, 30, 8, 0x80, SETTLE),
	S("doubled and reordered", 0, 0, 0, CONNECT, 22, 0, 9, 5, 0, 5, 1, 6, 4, 6, 5, 4,
		2, 3, 1, SETTLE, 12, 0, 4, 5, 0, SETTLE),
	S("mutated", 0, 0, 0, 7, 0, 0, 20, 1, 0, 1, 7, 1, 0, 30, 4, 0, 1, 8, 0, 0, 30,
		CONNECT),
	S("other version", 0, 0, 0, 7, 0, 0, 1, 3, 0, 1, CONNECT, 7, 0, 0, 1, 3, SETTLE),
	S("icmp", 0, 0, 0, CONNECT, TALK, 11, 0, 4, 13, 0, 0, 0, 13, 1, 1, 1, 13, 2, 2, 7,
		SETTLE),
	S("icmp, IPv6", 0, 3, 0, CONNECT, TALK, 11, 0, 4, 13, 0, 2, 7, 13, 1, 2, 7,
		SETTLE),
	S("evil guest: control", 0, 0, 0, CONNECT, 15, 0, 9, 1, 3, 15, 0, 9, 9, 3, 0, 0,
		0, 0, 0, 0, 0, 1, 15, 0, 9, 2, 5, 0, 15, 0, 9, 3, 5, 0, 9, SETTLE, 15, 0,
		9, 2, 4, 7, SETTLE),
	S("evil guest: flows", 0, 0, 0, CONNECT, 15, 0, 2, 3, 0, 7, 1, 15, 0, 2, 3, 0, 8,
		1, 15, 0, 2, 3, 0xff, 0xff, 1, 15, 0, 2, 1, 0, SETTLE),
	S("evil guest: parts", 0, 0, 0, CONNECT, 15, 0, 4, 8, 0, 1, 0, 0, 0, 4, 1, 2, 15,
		0, 4, 8, 0, 1, 0, 2, 0, 4, 3, 4, 15, 0, 4, 7, 0, 2, 0xff, 0xff, 0xff,
		0xff, 1, SETTLE),
	S("evil host", 0, 0, 0, CONNECT, TALK, 15, 1, 9, 2, 4, 0, SETTLE, 0, 63, TALK),
	S("evil host: unknown", 0, 0, 0, CONNECT, TALK, 15, 1, 9, 1, 99, 15, 1, 2, 3, 0,
		9, 1, 15, 1, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 1, 16, 2, 1, 1, SETTLE),
	S("evil offer", 0, 0, 0, 0, 1, 16, 1, 33, 40, 0, 16, 1, 51, 1, 0, CONNECT),
	S("host's own address offered", 0, 3, 0, 0, 1, 16, 2, 57, 1, 0, 16, 2, 70, 0x5f,
		0, 16, 2, 71, 0x10, 0, CONNECT),
	S("evil messages", 0, 0, 0, 0, 5, 18, 0, 7, 2, 0, 18, 1, 7, 3, 0, 18, 2, 7, 8, 0,
		18, 0, 7, 1, 1, 18, 0, 31, 2, 0, 18, 0, 31, 9, 1, CONNECT),
	S("busy and refused", 0, 0, 0, 21, 4, 0, 8, 18, 0, 19, 1, 0, 18, 0, 20, 1, 0, 18,
		4, 20, 2, 0, 0, 3, 21, 0, 0, 63),
	S("punch from elsewhere", 0, 0, 0, 21, 4, 0, 7, 18, 0, 16, 200, 0, 18, 3, 16, 201,
		0, 0, 10),
	S("hello of another version", 0, 0, 0, 0, 5, 7, 1, 0, 1, 3, 7, 0, 0, 1, 3, 7, 2,
		0, 1, 3, 0, 1),
	S("host of another version", 0, 0, 0, 0, 5, 18, 0, 31, 9, 0, 0, 2),
	S("busy", 0, 0, 0, 0, 4, 19, 0, 0, 0, 0, 0, 0, 19, 0, 0, 0, 0, 0, 20),
	S("evil guest: closes a flow", 0, 0, 0, CONNECT, TALK, 15, 0, 9, 3, 5, 0, 0,
		SETTLE),
	S("host without NAT", 0, 0, 2, CONNECT, TALK),
	S("named as dialled", 0, 0, 5, CONNECT, TALK),
	S("two people", 0, 0, 0, CONNECT, TALK, 25, 1, 14, 2, 0, 40, TALK, 25, 0, 14, 2,
		0, 40, TALK),
	S("two people, room for one", 0, 0, 16, CONNECT, TALK, 25, 1, 14, 2, 0, 40, 2, 60,
		0, 63, TALK),
	S("two instances", 0, 0, 0, CONNECT, 26, 1, 14, 1, 0, 40, TALK, 14, 2, 0, 40, 26,
		2, 14, 4, 0, 40),
	S("starving at start", 0, 0, 0, 24, 1, 14, 0, 24, 2, 14, 1, 24, 3, 14, 1, 24, 1,
		14, 2, 24, 3, 14, 2, 24, 4, 14, 2, CONNECT),
	S("starving rendezvous", 0, 0, 0, 24, 1, 0, 1, 24, 2, 0, 1, 24, 3, 0, 1, 24, 1, 0,
		1, 24, 1, 0, 1, CONNECT),
	S("starving handshake", 0, 0, 0, 0, 3, 24, 1, 0, 0, 24, 1, 0, 0, 24, 2, 0, 0, 24,
		3, 0, 0, 24, 4, 0, 0, 24, 5, 0, 0, CONNECT),
	S("starving flows", 0, 0, 0, CONNECT, 24, 1, 11, 0, 4, 24, 2, 11, 1, 4, 24, 1, 0,
		1, 24, 1, 11, 2, 14, 0, 3, TALK),
	S("guest rebound", 0, 0, 0, CONNECT, TALK, 27, 0, 11, 0, 4, SETTLE, TALK, 27,
		0x80, TALK),
	S("host rebound", 0, 0, 0, CONNECT, TALK, 27, 1, 12, 0, 4, SETTLE, TALK, 27, 0x81,
		TALK),
	S("both rebound", 0, 0, 0, CONNECT, TALK, 27, 0, 27, 1, 11, 0, 4, 12, 0, 4, 0, 63,
		TALK),
	S("rebound before the first frame", 0, 0, 0, 0, 6, 27, 0, 0, 1, 27, 1, 0, 1,
		CONNECT, TALK),
	S("frame replayed from elsewhere", 0, 0, 0, CONNECT, 11, 0, 4, 4, 0, 10, 0, 0,
		0x80, 0, 4, TALK),
	S("welcome replayed from elsewhere", 0, 0, 0, 0, 5, 10, 0, 0, 0x80, 10, 1, 0,
		0x80, 10, 2, 0, 0x80, 10, 3, 0, 0x80, CONNECT, TALK),
	S("new keys", 0, 0, 0, CONNECT, TALK, 0, 63, TALK, 0, 63, TALK, 0, 63, TALK, 0,
		63, TALK, 0, 63, TALK, 0, 63, TALK),
	S("narrow", 0, 0, 0, 28, 4, CONNECT, 11, 0, 8, 12, 0, 8, 0, 20, 28, 6, 11, 0, 8,
		0, 20, 28, 7, 11, 0, 8, 0, 30, TALK),
	S("narrower under way", 0, 0, 0, CONNECT, TALK, 11, 0, 6, 28, 5, 11, 0, 6, 1, 5,
		11, 0, 6, 0, 9, 11, 0, 6, 0, 9),
	S("challenge while the place is not proved", 0, 67, 0, 0, 8, 8, 8, 8, 8, 198, 51,
		100, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11, 11, 1, 34, 34, 34, 8, 8,
		8, 8, 8, 8, 8, 8, 5, 12, 0, 6, 0, 40),
	S("resolved anew", 0, 0, 0, 0, 4, 30, 1, 1, 0, 9, 30, 1, 0, CONNECT, TALK, 30, 0,
		1, 0, 9, 30, 0, 0, TALK),
	S("resolved anew while NATs are counted", 0, 0, 0, 0, 4, 30, 1, 1, 1, 5, CONNECT),
	S("resolved to more", 0, 2, 0, CONNECT, TALK, 30, 1, 6, 30, 0, 6, SETTLE, 30, 1,
		5, 14, 2, 0, 40, TALK),
	S("denied", 0, 0, 0, 29, 0, 1, CONNECT, 29, 0, 0, 0, 40, TALK, 29, 0, 1, 0, 20),
	S("only known ones", 0, 0, 0, CONNECT, TALK, 29, 0, 3, 0, 30, 29, 0, 0, 0, 40,
		TALK, 29, 0, 2, 29, 1, 3, 0, 40, TALK),
	S("woken late amid a silence", 0, 0, 0, CONNECT, TALK, 11, 0, 4, 2, 148, 0, 5),
	S("over the relay", 0, 0, 0, 21, 4, 0, 30, TALK, 11, 1, 8, 12, 0, 8, 0, 20, TALK),
	S("over the relay, IPv6 too", 0, 2, 0, 21, 4, 0, 40, TALK, 2, 20, TALK),
	S("over the relay, then directly", 0, 0, 0, 21, 4, 0, 40, TALK, 21, 0, 2, 20, 0,
		40, TALK, 0, 63, TALK),
	S("fallen back to the relay", 0, 0, 0, CONNECT, TALK, 21, 4, 11, 0, 4, 0, 40,
		TALK, 0, 40, TALK, 21, 0, 2, 30, 0, 40, TALK),
	S("relay restarted", 0, 0, 0, 21, 4, 0, 40, TALK, 14, 0, 11, 0, 4, 0, 60, TALK, 0,
		60, TALK),
	S("relay, host restarted", 0, 0, 0, 21, 4, 0, 40, TALK, 14, 1, 11, 0, 4, 0, 60,
		TALK, 14, 2, 0, 60, TALK),
	S("relay, rebound", 0, 0, 0, 21, 4, 0, 40, TALK, 27, 0, 11, 0, 4, 0, 60, TALK, 27,
		1, 11, 0, 4, 0, 60, TALK),
	S("narrow relay", 0, 32, 0, 21, 4, 0, 40, 22, 0, 30, SETTLE, 22, 1, 30, SETTLE,
		11, 0, 8, 0, 9, 14, 2, 0, 60, TALK, 14, 2, 0, 60, TALK),
	S("no relay", 0, 64, 0, 21, 4, 0, 40, 2, 40),
	S("relay idle", 0, 0, 0, 21, 4, 0, 40, TALK, 2, 120, TALK, 23, 30, TALK),
	S("relayed, replayed to the relay", 0, 0, 0, 21, 4, 0, 40, 11, 0, 4, 0, 1, 10, 0,
		0, 4, 10, 1, 0, 4, 10, 0, 5, 4, 10, 0, 6, 4, 10, 1, 5, 4, 10, 1, 6, 4, 10,
		2, 0x80, 0x80, SETTLE, TALK),
	S("relayed, replayed to the ends", 0, 0, 0, 21, 4, 0, 40, 11, 0, 4, 12, 0, 4, 0,
		1, 10, 0, 4, 5, 10, 0, 4, 6, 10, 1, 4, 5, 10, 1, 4, 6, 10, 1, 0, 5, 10, 2,
		5, 6, SETTLE, TALK),
	S("relayed, mutated", 0, 0, 0, 21, 4, 0, 40, 11, 0, 4, 7, 0, 0, 0, 0x20, 11, 0, 4,
		7, 0, 0, 3, 1, 11, 0, 4, 7, 0, 0, 9, 1, 11, 0, 4, 8, 0, 0, 4, 11, 0, 4, 8,
		0, 0, 5, SETTLE, TALK),
	S("relayed, doubled and reordered", 0, 0, 0, 21, 4, 0, 40, 22, 0, 9, 5, 0, 5, 1,
		6, 4, 6, 5, 4, 2, SETTLE, 12, 0, 4, 5, 0, SETTLE),
	S("starving relay", 0, 0, 0, 21, 4, 0, 4, 24, 1, 0, 1, 24, 2, 0, 1, 24, 3, 0, 1,
		24, 1, 0, 1, 24, 2, 0, 40, TALK),
	S("MACs", 0, 0, 0, CONNECT, 14, 2, 0, 1, 7, 0, 0, 40, 1, 17, 0, 7, 1, 0, 40, 1,
		17, 1, 0, 20),
};

/* Plays a script as core.c does: it is linked in. */
struct recording {
	unsigned seen[64]; /* messages by type */
	unsigned frames;
};

static void record(void *arg, const uint8_t *data, size_t len)
{
	struct recording *r = arg;

	if (!message_is(data, len) || r->seen[message_type(data)]++ >= 4)
		return;
	write_seed("message", 0, data, len);
	write_seed("message", 15, data, len);
}

static void record_connecting(bool v6)
{
	const struct lab_setup setup = {
		.v6 = v6, .guests_max = 1, .flows_max = 2, .half_open_max = 1};
	struct lab *lab = fuzz_alloc(sizeof(*lab));
	static struct recording recording;

	lab_open(lab, &setup);
	lab->tap = record;
	lab->tap_arg = &recording;
	for (unsigned i = 0; i < 40; i++)
		lab_run(lab);
	lab_restart(lab, LAB_RENDEZVOUS);
	for (unsigned i = 0; i < 40; i++)
		lab_run(lab);
	lab_shutdown(lab, LAB_HOST);
	lab_close(lab);
	free(lab);
}

/* Messages that only trouble brings about. */
static void more_messages(void)
{
	const uint8_t *key = fuzz_known()->credentials.mac_key;
	const uint8_t id[ID_SIZE] = "id of a message", cookie[COOKIE_SIZE] = "a cookie";
	uint8_t out[DATAGRAM_MAX];

	write_seed("message", 4, out, busy_encode(out, id, cookie, key));
	write_seed("message", 4, out, refuse_encode(out, id, 1, key));
	write_seed("message", 0, out, version_encode(out, id));
	write_seed("message", 0, out, code_encode(out, MESSAGE_ERROR, id, 3));
}

static void stun(void)
{
	/* RFC 5769, sections 2.1 and 2.2: request and response with FINGERPRINT */
	static const uint8_t request[] = {0, 1, 0, 0x0c, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3,
		4, 5, 6, 7, 8, 9, 10, 11, 12, 0x80, 0x22, 0, 0, 0x80, 0x28, 0, 4, 0, 0, 0,
		0};
	const uint8_t id[STUN_ID_SIZE] = "question 12";
	const struct addr v4 = addr_v4(192, 0, 2, 1, 32853);
	const struct addr v6 = {
		.family = ADDR_V6, .port = 32853, .ip = {0x20, 1, 0xd, 0xb8}};
	/* RFC 5780's: an answer with both addresses, a question with all it can ask. */
	static const uint8_t answer[] = {1, 1, 0, 0x24, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3,
		4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12,
		0xa6, 0x43, 0x80, 0x2b, 0, 8, 0, 1, 0x0d, 0x96, 192, 0, 2, 1, 0x80, 0x2c,
		0, 8, 0, 1, 0x0d, 0x97, 192, 0, 2, 2};
	struct stun_question q = {.id = "question 12",
		.has_change = true,
		.change_address = true,
		.change_port = true,
		.response_port = 4711};
	uint8_t out[STUN_RESPONSE_MAX];

	write_seed("stun", 0, answer, sizeof(answer));
	write_seed("stun", 0, out, stun_write_question(out, &q, sizeof(out)));
	write_seed("stun", 0, out, stun_write_request(out, id));
	write_seed("stun", 4, request, sizeof(request));
	write_seed("stun", 7, request, sizeof(request));
	write_seed("stun", 0, out, stun_write_response(out, id, &v4));
	write_seed("stun", 0, out, stun_write_response(out, id, &v6));
}

static void texts(void)
{
	static const char *const addrs[] = {"1.2.3.4", "1.2.3.4:5", "2001:db8::1",
		"[2001:db8::1]:5", "[fe80::1]", "[::ffff:1.2.3.4]:65535"};
	struct ticket ticket = {.servers = "rdv.example.net:3478,[2001:db8::1]:5"};
	char text[TICKET_TEXT_MAX];

	memcpy(ticket.service, fuzz_known()->credentials.service, sizeof(ticket.service));
	ticket_encode(text, &ticket);
	write_seed("ticket", 0, text, strlen(text));
	service_name_encode(text, ticket.service);
	write_seed("ticket", 1, text, strlen(text));
	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++)
		write_seed("ticket", 2, addrs[i], strlen(addrs[i]));
	write_seed("ticket", 3, "correct horse 9 battery", 23);
}

/* candidate.c: sequence, length, plaintext, then addresses of the vantage. */
static void offers(void)
{
	static const uint8_t guest[] = {0, 0, 52, 1, 2, 1, 0xff, 0xfd, 0xc3, 0x50, 1, 0,
		2, 0xf4, 2, 1, 4, 192, 168, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0xc3, 0x50, 2, 6, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		0xc3, 0x50, 0, 203, 0, 113, 3, 1, 1, 0, 192, 168, 1, 2, 9, 9, 0, 203, 0,
		113, 3, 8, 8};
	/* the peer is unknown, and so is what others see of us */
	static const uint8_t unknown[] = {0, 0, 32, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1,
		4, 192, 168, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc3, 0x50, 2, 2,
		2, 2, 2, 2, 2};
	uint8_t host[3 + 127] = {1, 0, 127, 9};

	write_seed("candidate", 0, guest, sizeof(guest));
	write_seed("candidate", 0, unknown, sizeof(unknown));
	host[3 + 96] = 1;
	host[3 + 106] = 1;
	host[3 + 107] = 2;
	host[3 + 108] = 4;
	host[3 + 109] = 198;
	host[3 + 126] = 1;
	write_seed("candidate", 3, host, sizeof(host));
}

static void frames(void)
{
	static const uint8_t talk[] = {
		0, 5, 0, 0x80, 6, 1, 1, 0, 1, 1, 1, 2, 2, 0, 1, 1, 2, 1, 0, 5, 4};
	static const uint8_t parts[] = {0, 13, 0, 0, 14, 1, 1, 2, 1, 3, 1, 4, 1, 5};
	static const uint8_t hostile[] = {4, 9, 0, 0, 9, 1, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2,
		4, 4, 200, 0, 8, 0, 1, 0, 0, 0, 4, 1, 2, 1, 3, 5, 7};

	/* a probe and its answer, then a datagram in a flow that fills the path MTU */
	static const uint8_t full[] = {5, 0, 1, 2, 1, 22, 0, 8, 1};

	write_seed("frame", 2, full, sizeof(full));
	write_seed("frame", 0, talk, sizeof(talk));
	write_seed("frame", 1, parts, sizeof(parts));
	write_seed("frame", 0, hostile, sizeof(hostile));
}

/* framing.c: puts, writes, commitments, waits. */
static void streams(void)
{
	static const uint8_t busy[] = {0, 2, 0, 0, 3, 0, 1, 0, 40, 0, 4, 0, 2, 1, 0, 2, 0,
		0, 5, 0, 0, 11, 0, 0, 11, 0, 1, 8, 0, 3, 200, 1, 40, 0, 4};
	static const uint8_t late[] = {
		0, 1, 0, 3, 90, 0, 1, 0, 3, 90, 5, 1, 1, 1, 4, 0, 4};
	static const uint8_t hostile[] = {0, 0, 0, 1, 7, 0, 3, 1, 2, 3, 0xff, 0xff, 9};

	write_seed("framing", 4, busy, sizeof(busy));
	write_seed("framing", 4, late, sizeof(late));
	write_seed("framing", 0, hostile, sizeof(hostile));
}

/* portmap.c: dice, then a router, its answers, time. */
static void routers(void)
{
#define ROUTER     3, 1
#define SECONDS(n) 132, 0, n
#define PCP(result, lifetime, epoch, ...)                                                \
	0, 0, 0, result, 0, 0, lifetime, 0, 0, 0, epoch, 0, 0, 0, 0, 0, 0xa1, 0x12,      \
		__VA_ARGS__
#define NATPMP(...) 0, 0, 0, 0, 0, 0, 3, __VA_ARGS__, 0, 0, 0, 0, 0, 0
#define VERSION_0   1, 8, 0, 0x81, 0, 1, 0, 0, 3, 0xe8
	static const uint8_t pcp[] = {ROUTER, PCP(0, 0x1c, 3, 203, 0, 113, 5),
		SECONDS(67), PCP(0, 0, 1, 0, 0, 0, 0), SECONDS(3),
		PCP(0, 0x1c, 1, 203, 0, 113, 6), 132, 0x0f, 0xff, SECONDS(3), 132, 0x0f,
		0xff};
	static const uint8_t nested[] = {
		ROUTER, PCP(0, 0x1c, 3, 100, 64, 0, 1), 132, 2, 0xff, 4};
	static const uint8_t refused[] = {ROUTER, PCP(2, 0, 3, 0, 0, 0, 0),
		NATPMP(0, 0, 0, 0, 0, 0, 0, 0, 0), 132, 2, 0xff, 3, 8, 3, 2};
	static const uint8_t natpmp[] = {ROUTER, VERSION_0,
		NATPMP(0, 203, 0, 113, 5, 0, 0, 0, 0),
		NATPMP(0, 0x1b, 0x58, 0xa1, 0x12, 0, 0, 0x1c, 0x20), SECONDS(67),
		NATPMP(0, 203, 0, 113, 6, 0, 0, 0, 0), SECONDS(3),
		NATPMP(0, 0x1b, 0x58, 0xa1, 0x12, 0, 0, 0x1c, 0x20), 132, 0x2f, 0xff};

	write_seed("portmap", 0, pcp, sizeof(pcp));
	write_seed("portmap", 1, pcp, sizeof(pcp));
	write_seed("portmap", 0, nested, sizeof(nested));
	write_seed("portmap", 0, refused, sizeof(refused));
	write_seed("portmap", 0, natpmp, sizeof(natpmp));
}

int main(int argc, char **argv)
{
	static const uint8_t what[] = {0, 1, 2, 4, 8, 10, 16, 18};
	uint8_t zeros[100] = {0};

	if (argc != 2)
		return 2;
	dir = argv[1];
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		write_seed("core", scripts[i].bytes[0], scripts[i].bytes + 1,
			scripts[i].len - 1u);
	record_connecting(false);
	record_connecting(true);
	more_messages();
	stun();
	streams();
	texts();
	offers();
	frames();
	routers();
	for (size_t i = 0; i < sizeof(what); i++) {
		zeros[40] = 1;
		write_seed("handshake", what[i], zeros, sizeof(zeros));
	}
	return 0;
}
