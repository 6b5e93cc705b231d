/* SPDX-License-Identifier: MIT */
/* Liveness and path. */
#include "core/session.h"

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t within(uint64_t span, uint64_t least, uint64_t most)
{
	return span < least ? least : sooner(span, most);
}

static uint64_t unheard_span(const struct session *s)
{
	return within(2 * s->rtt, SESSION_UNHEARD, SESSION_UNHEARD_MAX);
}

static uint64_t ask_span(const struct session *s)
{
	return s->rtt == 0
		       ? SESSION_PING_INTERVAL
		       : within(s->rtt + s->rtt / 2, SESSION_ASK_MIN, SESSION_ASK_MAX);
}

static uint64_t ping_at(const struct session *s)
{
	return s->unheard_at == NEVER
		       ? NEVER
		       : s->unheard_at + unheard_span(s) + s->pings * ask_span(s);
}

static uint64_t last_frame(const struct session *s)
{
	return s->sent_at > s->heard_at ? s->sent_at : s->heard_at;
}

static uint64_t dead_after(const struct session *s)
{
	uint64_t span = s->span + SESSION_DEAD_AFTER;

	return span > SESSION_DEAD ? span : SESSION_DEAD;
}

uint64_t session_silence(const struct session *s, uint64_t now)
{
	return now - last_frame(s);
}

void session_keep(struct session *s, uint64_t span, bool hosts_turn, uint64_t quiet)
{
	s->span = span;
	s->hosts_turn = hosts_turn;
	s->quiet = quiet;
	session_wake(s, last_frame(s) + quiet);
}

bool session_owes_word(const struct session *s)
{
	return s->told_span != s->span || (s->hosts_turn && !s->told_turn);
}

void session_told(struct session *s, uint64_t span, bool hosts_turn)
{
	span = within(span, SESSION_SILENCE, SESSION_SPAN_MAX);
	session_keep(s, span, hosts_turn, hosts_turn ? span : span + span / 3);
}

/* When the session next has something to do by itself. */
static uint64_t next_deadline(const struct session *s)
{
	const struct generation *g = session_current(s);
	uint64_t at = sooner(last_frame(s) + s->quiet, s->heard_at + dead_after(s));

	at = sooner(at, ping_at(s));
	at = sooner(at, s->moved_at);
	at = sooner(at, s->pmtu.next_at);
	at = sooner(at, reassembly_next(&s->parts));
	if (!s->is_host && g->used_at != NEVER)
		at = sooner(at, g->used_at + SESSION_REKEY_SPAN);
	for (unsigned i = 0; i < SESSION_EPOCHS; i++)
		if (s->generations[i] != NULL)
			at = sooner(at, s->generations[i]->retire_at);
	return at;
}

void session_wake(struct session *s, uint64_t at)
{
	if (!s->draining && s->timer.place != 0 && s->timer.at > at)
		timers_set(s->timers, &s->timer, at);
}

/* The timer moves at most once per silence, not per frame. */
void session_sent(struct session *s, uint64_t now)
{
	if (s->unheard_at == NEVER && session_silence(s, now) >= SESSION_SILENCE)
		s->silence = session_silence(s, now);
	s->sent_at = now;
	if (s->unheard_at != NEVER)
		return;
	s->unheard_at = now;
	session_wake(s, now + unheard_span(s));
}

static bool same_path(const struct path *a, const struct path *b)
{
	return a->socket == b->socket && a->channel == b->channel &&
	       addr_equal(&a->remote, &b->remote);
}

static void go(struct session *s, const struct path *path, uint64_t now)
{
	s->path = *path;
	pmtu_start(&s->pmtu, session_overhead(path), now);
	session_ping(s, now);
	session_wake(s, now);
}

/* Goes back if no pong comes from where the peer moved to. */
static enum session_health check_move(struct session *s, uint64_t now)
{
	struct path left = s->left;

	if (s->moved_at == NEVER || now - s->moved_at < SESSION_CONFIRM)
		return SESSION_FINE;
	s->left_until = 0; /* to be believed again, it has to answer a challenge again */
	s->moved_at = NEVER;
	go(s, &left, now);
	return SESSION_SUSPECT;
}

/* One ping at a time, whatever it is for: a move to be confirmed, a silence, a mapping. */
static enum session_health ask(struct session *s, uint64_t now)
{
	bool is_due = now >= ping_at(s);
	unsigned missed = is_due ? s->pings : 0;

	if (is_due)
		s->pings++;
	/* Two at a time, or what loses three in ten would look dead now and then. */
	if (is_due && s->rtt != 0 && (s->pings > 1 || s->hinted_at != now))
		session_ping(s, now);
	if (session_silence(s, now) >= s->quiet) {
		is_due = true;
		/* It had its turn. */
		if (s->is_host)
			session_told(s, s->span, false);
	}
	if (is_due || s->moved_at != NEVER)
		session_ping(s, now);
	return missed >= SESSION_PINGS ? SESSION_SUSPECT
	       : missed > 0            ? SESSION_DOUBTED
				       : SESSION_FINE;
}

enum session_health session_expire(struct session *s, uint64_t now)
{
	enum session_health health;
	uint64_t at;

	if (now - s->heard_at >= dead_after(s) ||
		session_current(s)->sent >= SESSION_FRAMES_MAX)
		return SESSION_GONE;
	session_retire(s, now);
	reassembly_expire(&s->parts, now);
	session_probe(s, now);
	health = check_move(s, now);
	if (health == SESSION_FINE)
		health = ask(s, now);
	if (now - s->data_at >= SESSION_REST)
		session_rest(s, true);
	at = next_deadline(s);
	/* A rekey that is due is the owner's to do; it repeats itself. */
	timers_set(s->timers, &s->timer, at > now ? at : now + SESSION_PING_INTERVAL);
	return health;
}

void session_recheck(struct session *s, uint64_t now)
{
	if (s->proved)
		pmtu_start(&s->pmtu, session_overhead(&s->path), now);
	session_hint(s, now);
	session_wake(s, now);
}

void session_hint(struct session *s, uint64_t now)
{
	if (s->pings > 0 ||
		(s->hinted_at != 0 && now - s->hinted_at < SESSION_PING_INTERVAL))
		return;
	s->hinted_at = now;
	if (s->unheard_at == NEVER || now - s->unheard_at < unheard_span(s))
		s->unheard_at = now - unheard_span(s);
	session_wake(s, now);
}

void session_move(struct session *s, const struct path *path, uint64_t now)
{
	session_ping(s, now);
	s->left = s->path;
	s->left_until = now + SESSION_DOUBT;
	s->moved_at = now;
	s->counts.moves++;
	go(s, path, now);
}

void session_prove(struct session *s, const struct path *path, uint64_t now)
{
	s->proved = true;
	s->path = *path;
	pmtu_start(&s->pmtu, session_overhead(path), now);
	session_wake(s, now);
}

bool session_is_on(const struct session *s, const struct path *path, uint64_t now)
{
	return same_path(&s->path, path) ||
	       (now < s->left_until && same_path(&s->left, path));
}

bool session_moved_back(struct session *s, const struct path *path,
	const struct frame *frame, uint64_t now)
{
	if (now >= s->left_until || !frame->newest || !same_path(&s->left, path))
		return false;
	s->left_until = 0;
	s->left = s->path;
	s->moved_at = NEVER;
	go(s, path, now);
	return true;
}
