#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A flood of hellos that nobody with the ticket sent: each ends at its MAC, none costs a
# Diffie-Hellman, and 10,000 of them a second take less than a tenth of a core from the
# sessions that are there, which lose nothing.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

RATE=10000
SPAN=2 # seconds of each round
ROUNDS=3

# Nanoseconds that a program was given on a processor.
cpu_of() { # NAME
	local spent
	read -r spent _ <"/proc/${PID[$1]}/schedstat" && echo "$spent"
}

counter() { # NAME, of the last object that tells counters
	grep '"event":"counters"' "$LAB_DIR/serve.out" | tail -n 1 | sed -E "s/.*\"$1\":([0-9]+).*/\1/"
}

ask_counters() {
	local before
	before=$(grep -c '"event":"counters"' "$LAB_DIR/serve.out")
	kill -USR1 "${PID[serve]}"
	poll 5 more_counters "$before"
}

more_counters() { # THAN
	[ "$(grep -c '"event":"counters"' "$LAB_DIR/serve.out")" -gt "$1" ]
}

# One round of the session's own traffic; leaves in SPENT what it cost the host.
round() {
	local before
	before=$(cpu_of serve)
	ping_target "$LISTEN" --count $((SPAN * 1000)) --rate 1000 --size 200 || return 1
	SPENT=$(($(cpu_of serve) - before))
}

# Prints the middle one of an odd number of values.
median() {
	printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"
}

floods() {
	local port quiet=() flooded=() sent=0 n extra
	start_rendezvous --listen "$RDV" && start_echo "$TARGET" || return 1
	start_eyelet serve here serve "127.0.0.1:$TARGET" -r "$RDV" --json
	await_line serve out '"event":"ticket"' 10 && await_line serve out '"event":"registered"' 10 ||
		return 1
	TICKET=$(grep -Eo 'eyelet:[^"]*' "$LAB_DIR/serve.out")
	port=$(grep -Eo '"observed":"127.0.0.1:[0-9]+' "$LAB_DIR/serve.out" | head -n 1)
	port=${port##*:}
	start_connect "$LISTEN" && await_connected 10 || return 1
	for ((n = 0; n < ROUNDS; n++)); do
		round || return 1
		quiet+=("$SPENT")
		python3 "$HERE/flood.py" 127.0.0.1 "$port" $RATE $SPAN >"$LAB_DIR/flood.$n" \
			2>>"$LAB_DIR/flood.log" &
		PID[flood]=$!
		round || return 1
		flooded+=("$SPENT")
		wait "${PID[flood]}" || fail "the flood failed: $(cat "$LAB_DIR/flood.log")" || return 1
		sent=$((sent + $(cat "$LAB_DIR/flood.$n")))
	done
	ask_counters || return 1
	[ "$(counter handshakes)" = 1 ] || fail "$(counter handshakes) handshakes" || return 1
	[ "$(counter dropped_forged)" -ge $((sent * 9 / 10)) ] ||
		fail "of $sent hellos $(counter dropped_forged) ended at their MAC" || return 1
	extra=$((($(median "${flooded[@]}") - $(median "${quiet[@]}")) / (SPAN * 10000000)))
	echo "# $RATE hellos a second take $extra % of a core (limit 10 %)"
	[ "$extra" -le 10 ] || fail "the flood takes $extra % of a core"
}

HERE=$(dirname "$0")
have python3 || lab_give_up "$WHY"
lab_init
need_eyelet
use_loopback
LISTEN=$(free_port)
TARGET=$(free_port)
check "10,000 forged hellos a second do not slow a session" floods
finish
