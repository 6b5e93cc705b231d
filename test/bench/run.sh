#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# CPU time per delivered datagram of the pair, sealed, two hops, beside socat's one plain hop.
# Both carry the same load in the same run, in alternation; only ratios mean anything.
# usage: run.sh [quick]
#
# What is counted is the time that the kernel gives to the forwarders' processes (schedstat,
# in ns: user, system, and the softirqs that their own sends cause), divided by the datagrams
# that the sink got once and whole. The loads:
#   even   20,000 datagrams a second, each alone: a game server, some calls
#   flood  each alone, as fast as one core sends them; what is lost is shown
#   burst  runs of 32 by UDP_SEGMENT, 40,000 datagrams a second: QUIC, WireGuard
#   many   even, from 100 application sockets at one guest: a guest that serves a LAN
# With 100 guests the sockets take turns, so that each guest forwards 200 datagrams a second
# of the even load, single ones: as games do, and the dearest way there is, since a hundred
# processes find the processor's caches taken by others. Where guests run on machines of
# their own, only the host's part falls to the host's; a column shows it alone.
# socat forwards both ways (UDP4-LISTEN,fork: a process a client, which poll, read and write
# for each datagram; UDP4-RECVFROM,fork would fork for each), with buffers as large as ours.
# Two bare hops in a row, a process for each guest and one behind them, show what is left to
# gain: recv and send, one way, and nothing else.

set -u
cd "$(dirname "$0")/../.." || exit 1

EYELET=${EYELET:-build/eyelet}
OUT=build/bench
LOAD=$OUT/load
GUESTS=100
EVEN_RATE=20000
BURST_RATE=40000
BURST=32
MANY_FLOWS=100

SIZES=(64 512 1200)
LOADS=(even flood burst) # and many, with one guest
ROUNDS=5
SECONDS_EACH=0.6
if [ "${1:-}" = quick ]; then
	SIZES=(64 1200)
	LOADS=(even flood)
	ROUNDS=3
fi

die() { # WHY
	echo "bench: $*" >&2
	exit 1
}

# ---- place: a network namespace of its own where that is possible ----

if [ -z "${BENCH_INSIDE:-}" ] && unshare -rn ip link set lo up 2>/dev/null; then
	[ "$(id -u)" -ne 0 ] && exec env BENCH_INSIDE=1 unshare -rn "$0" "$@"
	exec env BENCH_INSIDE=1 unshare -n "$0" "$@" # root keeps its right to large buffers
fi
if [ -n "${BENCH_INSIDE:-}" ]; then
	ip link set lo up || die "no loopback"
	BASE=20000
else
	BASE=$((20000 + RANDOM % 10000))
fi
RENDEZVOUS_PORT=$((BASE + 100)) # and the 16 above
SINK_PORT=$((BASE + 200))
SOCAT_PORT=$((BASE + 201))
ECHO_PORT=$((BASE + 202))
LAST_HOP_PORT=$((BASE + 203))
BARE_PORT=$((BASE + 700)) # of the first bare hop; the others' follow
LISTEN_PORT=$((BASE + 300)) # of the first guest; the others' follow
FROM_PORT=$((BASE + 500))   # of the application's first socket

# ---- processes, stopped by their ids ----

declare -A PID=()
DIR=$(mktemp -d) || exit 1

start() { # NAME COMMAND...
	local name=$1
	shift
	STATE_DIRECTORY=$DIR/state-$name "$@" >"$DIR/$name.out" 2>"$DIR/$name.log" </dev/null &
	PID[$name]=$!
}

children() { # PID
	local ids
	read -r ids <"/proc/$1/task/$1/children" 2>/dev/null
	echo "${ids:-}"
}

clean_up() {
	local name ids
	[ -n "${PID[socat]:-}" ] && read -ra ids <<<"$(children "${PID[socat]}")" &&
		kill "${ids[@]}" 2>/dev/null
	for name in "${!PID[@]}"; do
		kill "${PID[$name]}" 2>/dev/null
	done
	wait
	rm -rf "$DIR"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# Waits until a line of a process's output matches.
await() { # FILE PATTERN SECONDS
	local tries=$(($3 * 50))
	until grep -Eq "$2" "$DIR/$1" 2>/dev/null; do
		[ $((tries -= 1)) -gt 0 ] || die "$1: no '$2' in $3 s: $(tail -n 3 "$DIR/$1")"
		sleep 0.02
	done
}

value() { # NAME LINE
	local rest=${2#*"$1="}
	echo "${rest%% *}"
}

# ---- the programs under test ----

start_guests() { # FROM TO
	local i
	for ((i = $1; i < $2; i++)); do
		start "connect$i" "$EYELET" connect "127.0.0.1:$((LISTEN_PORT + i))" "@$DIR/ticket" --timeout 60
	done
	for ((i = $1; i < $2; i++)); do
		await "connect$i.log" 'connected directly' 60
	done
}

start_pair() {
	local rendezvous=127.0.0.1:$RENDEZVOUS_PORT
	start rendezvous "$EYELET" rendezvous --listen "$rendezvous"
	start serve "$EYELET" serve "127.0.0.1:$SINK_PORT" -r "$rendezvous"
	await serve.out '^eyelet:' 10
	grep -m1 '^eyelet:' "$DIR/serve.out" >"$DIR/ticket"
	start_guests 0 1
}

start_socat() {
	start socat socat -b 65536 \
		"UDP4-LISTEN:$SOCAT_PORT,bind=127.0.0.1,fork,rcvbuf=4194304,sndbuf=4194304" \
		"UDP4:127.0.0.1:$SINK_PORT,rcvbuf=4194304,sndbuf=4194304"
}

start_hops() { # FROM TO
	local i
	for ((i = $1; i < $2; i++)); do
		start "hop$i" "$LOAD" hop $((BARE_PORT + i)) --to "$LAST_HOP_PORT"
	done
	for ((i = $1; i < $2; i++)); do
		await "hop$i.out" ready 5
	done
}

start_bare() {
	start last_hop "$LOAD" hop "$LAST_HOP_PORT" --to "$SINK_PORT"
	await last_hop.out ready 5
	start_hops 0 1
}

# Leaves in TO where the load goes and in PIDS who forwards it.
choose() { # pair|socat|bare GUESTS
	local i
	case $1 in
	pair)
		TO=(--ports "$2" "$LISTEN_PORT")
		PIDS=("${PID[serve]}")
		for ((i = 0; i < $2; i++)); do
			PIDS+=("${PID[connect$i]}")
		done
		;;
	socat)
		TO=(--ports 1 "$SOCAT_PORT")
		read -ra PIDS <<<"${PID[socat]} $(children "${PID[socat]}")"
		;;
	bare)
		TO=(--ports "$2" "$BARE_PORT")
		PIDS=("${PID[last_hop]}")
		for ((i = 0; i < $2; i++)); do
			PIDS+=("${PID[hop$i]}")
		done
		;;
	esac
}

# ---- measuring ----

cpu_ns() { # PID...
	local pid ns sum=0
	for pid; do
		read -r ns _ <"/proc/$pid/schedstat" || die "a forwarder is gone"
		sum=$((sum + ns))
	done
	echo "$sum"
}

send() { # FLOWS RUN ARGUMENT...
	local flows=$1 run=$2
	shift 2
	"$LOAD" send "${TO[2]}" "${TO[@]:0:2}" --flows "$flows" --from "$FROM_PORT" --run "$run" "$@" ||
		die "the sender failed"
}

# One sink for all runs, since socat ends when its target's port is closed.
start_sink() {
	RUN=1
	start sink "$LOAD" sink "$SINK_PORT" --run 1 --quiet 100
	await sink.out ready 5
}

# Leaves what the sink saw of the run in SEEN and begins the next run.
end_run() {
	kill -USR1 "${PID[sink]}"
	await sink.out "^run=$RUN " 10
	SEEN=$(tail -n 1 "$DIR/sink.out")
	RUN=$((RUN + 1))
}

# Opens every flow's sockets, and socat's processes: a few datagrams each, slowly.
warm_up() { # pair|socat GUESTS FLOWS
	choose "$1" "$2"
	send "$3" "$RUN" --count $((3 * $3)) --rate 500 >/dev/null
	end_run
	[ "$(value flows "$SEEN")" -eq "$3" ] || die "$1 does not carry $3 flows: $SEEN"
}

load_arguments() { # LOAD
	case $1 in
	even | many) echo "--rate $EVEN_RATE" ;;
	burst) echo "--rate $BURST_RATE --gso $BURST" ;;
	esac
}

# Adds a line to the CSV file. serve_ns is the last hop's part of cpu_ns.
measure() { # ROUND pair|socat|bare GUESTS SIZE LOAD
	local before after sent first_before first_after flows=$3
	[ "$5" = many ] && flows=$MANY_FLOWS
	choose "$2" "$3"
	before=$(cpu_ns "${PIDS[@]}") && first_before=$(cpu_ns "${PIDS[0]}") || exit 1
	# shellcheck disable=SC2046
	sent=$(send "$flows" "$RUN" --size "$4" --seconds $SECONDS_EACH $(load_arguments "$5")) || exit 1
	end_run
	after=$(cpu_ns "${PIDS[@]}") && first_after=$(cpu_ns "${PIDS[0]}") || exit 1
	echo "$1,$2,$3,$4,$5,$(value sent "$sent"),$(value ns "$sent"),$(value unique "$SEEN"),$(
		value duplicates "$SEEN"),$(value reordered "$SEEN"),$(value corrupted "$SEEN"),$(
		value messages "$SEEN"),$((after - before)),$((first_after - first_before))" >>"$CSV"
}

measure_all() { # ROUND GUESTS SIZE LOAD
	local order=(pair socat bare) subject
	[ $(($1 % 2)) -eq 0 ] && order=(bare socat pair)
	for subject in "${order[@]}"; do
		measure "$1" "$subject" "$2" "$3" "$4"
	done
}

measure_guests() { # GUESTS FLOWS LOAD...
	local guests=$1 round size load
	warm_up pair "$1" "$2"
	warm_up socat "$1" "$2"
	shift 2
	for ((round = 1; round <= ROUNDS; round++)); do
		for load; do
			for size in "${SIZES[@]}"; do
				measure_all "$round" "$guests" "$size" "$load"
			done
		done
	done
}

# ---- the load generator itself, without a forwarder ----

expect() { # NAME=VALUE...
	local want
	for want; do
		[ "$(value "${want%%=*}" "$SEEN")" = "${want#*=}" ] || die "self-check: $want, but $SEEN"
	done
}

check_fault() { # FAULT NAME=VALUE...
	local fault=$1
	shift
	send 3 "$RUN" --fault "$fault" --count 3000 --rate 60000 --size 333 >/dev/null
	end_run
	expect "$@" flows=3 strays=0
}

self_check() {
	local line
	TO=(--ports 1 "$SINK_PORT")
	check_fault none unique=3000 duplicates=0 reordered=0 corrupted=0
	check_fault lose unique=2970 duplicates=0 reordered=0 corrupted=0
	check_fault double unique=3000 duplicates=30 reordered=0 corrupted=0
	check_fault swap unique=3000 duplicates=0 reordered=30 corrupted=0
	check_fault spoil unique=2970 duplicates=0 reordered=0 corrupted=30
	TO=(--ports 1 "$ECHO_PORT")
	start echo "$LOAD" echo "$ECHO_PORT"
	await echo.out ready 5
	line=$(send 3 1 --echo --count 3000 --rate 60000) || exit 1
	SEEN=$(tail -n 1 <<<"$line")
	expect unique=3000 duplicates=0 reordered=0 corrupted=0
	kill "${PID[echo]}"
	wait "${PID[echo]}" 2>/dev/null
	unset 'PID[echo]'
}

# ---- main ----

[ -x "$EYELET" ] || die "$EYELET is missing"
command -v socat >/dev/null || die "socat is not installed"
mkdir -p "$OUT"
if [ "$LOAD" -ot test/bench/load.c ] || [ "$LOAD" -ot test/bench/verify.c ]; then
	"${CC:-cc}" -std=c11 -O2 -g test/bench/load.c test/bench/verify.c -o "$LOAD" || die "cc failed"
fi
CSV=$OUT/cpu.csv
echo "round,subject,guests,size,load,sent,ns,unique,duplicates,reordered,corrupted,messages,cpu_ns,serve_ns" >"$CSV"

start_sink
self_check
start_pair
start_socat
start_bare
measure_guests 1 1 "${LOADS[@]}"
measure_guests 1 "$MANY_FLOWS" many
start_guests 1 $GUESTS
start_hops 1 $GUESTS
measure_guests "$GUESTS" "$GUESTS" "${LOADS[@]}"
test/bench/table.awk "$CSV"
