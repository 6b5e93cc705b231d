# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# eyelet as it comes, sealed. eyelet-spin is the same with --busy-poll 50.

eyelet_needs() { [ -x "$EYELET" ]; }
eyelet_version() { "$EYELET" --version; }
eyelet_start() { eyelet_pair eyelet 0; }

eyelet_spin_needs() { eyelet_needs; }
eyelet_spin_version() { "$EYELET" --version; }
eyelet_spin_start() { eyelet_pair eyelet_spin 20 --busy-poll 50; }

eyelet_pair() { # NAME OFFSET OPTION...
	local name=$1 rendezvous port listen
	port=$(port $((100 + $2)))
	listen=$(port $((150 + $2)))
	rendezvous=$ADDR_B:$port
	shift 2
	SUBJECT='' start b "$name-rendezvous" "$EYELET" rendezvous --listen "$rendezvous" --alt 8
	start b "$name-serve" "$EYELET" serve "127.0.0.1:$SINK_PORT" -r "$rendezvous" \
		--name "$name" "$@"
	await "$name-serve.out" '^eyelet:' 10 || return 1
	grep -m1 '^eyelet:' "$DIR/$name-serve.out" >"$DIR/$name.ticket"
	start a "$name-connect" "$EYELET" connect "127.0.0.1:$listen" "@$DIR/$name.ticket" "$@"
	await "$name-connect.log" 'connected directly' 20 || return 1
	TO[$name]=$listen
}
