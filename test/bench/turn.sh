#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What a relayed datagram costs a rendezvous, beside coturn's ChannelData: the same loads to the
# same sink, in alternation; CPU time of the relay's process alone, of which only the ratio means
# anything. The pair is kept on the relay by a rule that lets no UDP through beside it.
# usage: turn.sh [ROUNDS [SECONDS of each load]]

set -u
cd "$(dirname "$0")/../.." || exit 1

if [ -z "${BENCH_INSIDE:-}" ]; then
	export BENCH_INSIDE=1
	[ "$(id -u)" -eq 0 ] && exec unshare -n "$0" "$@" # root keeps its right to large buffers
	exec unshare -rn "$0" "$@"
fi
# shellcheck source=test/bench/lib.sh
. test/bench/lib.sh
ROUNDS=${1:-5}
SPAN=${2:-0.5}
GOAL=2.5 # coturn's at least so many times as dear
EYELET=${EYELET:-build/eyelet}
LOAD=build/bench/load
BASE=20000 SINK=20000 RELAY=20010 LISTEN=20020 TURN=20030 CLIENT=20040
DIR=$(mktemp -d) || exit 1
trap 'stop_all; wait; rm -rf "$DIR"' EXIT
trap 'exit 1' INT TERM

skip() { # WHY
	echo "skip - bench: coturn: $*"
	exit 0
}

# Both ends' public sockets have ports of the system's choice, all else has not at one end.
no_direct_path() {
	nft -f - <<-END
		table inet bench {
			chain input {
				type filter hook input priority filter
				udp sport >= 32768 udp dport >= 32768 drop
			}
		}
	END
}

start_eyelet() {
	start b eyelet "$EYELET" rendezvous --listen "127.0.0.1:$RELAY" --alt 0 \
		--relay-rate 1000000 --relay-rate-all 1000000
	start b serve "$EYELET" serve "127.0.0.1:$SINK" -r "127.0.0.1:$RELAY" --no-port-mapping
	await serve.out '^eyelet:' 20 || return 1
	grep -m1 '^eyelet:' "$DIR/serve.out" >"$DIR/ticket"
	start a connect "$EYELET" connect "127.0.0.1:$LISTEN" "@$DIR/ticket" --no-port-mapping
	await connect.log 'connected over the relay' 30 && TO[eyelet]=$LISTEN
}

# One thread for its relaying, as eyelet has.
start_coturn() {
	local libraries
	libraries=$(dirname "$(find "$PWD/build/coturn/usr/lib" -name 'libevent*' 2>/dev/null | head -n 1)")
	LIBRARIES=$libraries start b coturn "$TURNSERVER" -n -z --no-cli --no-tcp --no-tls --no-dtls \
		-m 1 -L 127.0.0.1 -E 127.0.0.1 -p $TURN --allow-loopback-peers -l stdout \
		--simple-log --pidfile "$DIR/coturn.pid"
	await_port b $TURN 20 || return 1
	start a client build/bench/turn $TURN $CLIENT $SINK
	await client.out ready 10 && TO[coturn]=$CLIENT
}

# Leaves what the sink saw of the run in SEEN and begins the next run.
end_run() {
	kill -USR1 "${PID[sink]}"
	await sink.out "^run=$RUN " 20 || die "no word of the sink"
	SEEN=$(tail -n 1 "$DIR/sink.out")
	RUN=$((RUN + 1))
}

# Leaves in NS what one delivered datagram cost.
measure() { # eyelet|coturn LOAD-ARGUMENT...
	local before unique
	before=$(cpu_ns "$1")
	"$LOAD" send "${TO[$1]}" --run "$RUN" --seconds "$SPAN" "${@:2}" >/dev/null || die "no load"
	end_run
	unique=$(value unique "$SEEN")
	[ "$unique" -gt 0 ] || die "$1 relays nothing"
	NS=$((($(cpu_ns "$1") - before) / unique))
}

# The median of the ratios of each round.
compare() { # NAME LOAD-ARGUMENT...
	local round ours name=$1
	shift
	: >"$DIR/rounds"
	for ((round = 0; round < ROUNDS; round++)); do
		measure eyelet "$@" && ours=$NS
		measure coturn "$@" && echo "$ours $NS" >>"$DIR/rounds"
	done
	sort -n "$DIR/rounds" | awk -v name="$name" -v goal=$GOAL '
		{ ours[NR] = $1; theirs[NR] = $2; ratio[NR] = $2 / $1 }
		END {
			for (i = 2; i <= NR; i++)
				for (j = i; j > 1 && ratio[j] < ratio[j - 1]; j--) {
					t = ratio[j]; ratio[j] = ratio[j - 1]; ratio[j - 1] = t
				}
			m = ratio[int((NR + 1) / 2)]
			printf "  %-12s %9d %9d %7.2f (%.2f-%.2f)  at least %.1f  %s\n", name,
				ours[int((NR + 1) / 2)], theirs[int((NR + 1) / 2)], m, ratio[1],
				ratio[NR], goal, (m >= goal ? "met" : "NOT MET")
		}'
}

TURNSERVER=$(command -v turnserver || echo build/coturn/usr/bin/turnserver)
[ -x "$TURNSERVER" ] || skip "it is not here: packaging/setup.sh bench"
command -v nft >/dev/null || skip "nft is not here"
ip link set lo up && no_direct_path || skip "no namespace of its own"
RUN=1
start b sink "$LOAD" sink $SINK --run 1 --quiet 100
await sink.out ready 5 || die "no sink"
start_eyelet || die "no session over the relay"
start_coturn || skip "it does not work here: $(tail -n 1 "$DIR/client.log" 2>/dev/null)"
echo
echo "relay, CPU ns a datagram: eyelet rendezvous, coturn, coturn's as a multiple (spread)"
compare "burst, 64" --size 64 --rate 40000 --gso 32
compare "burst, 1200" --size 1200 --rate 40000 --gso 32
compare "single, 200" --size 200 --rate 20000
