#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The pair beside what people would use instead, each as two hops, all carrying the same loads in
# the same run, in alternation; only ratios mean anything. Tables on stdout; CSV and SVG files
# in build/bench.
# usage: run.sh [full|quick] [SUBJECT]... ; BENCH_CELLS="calls:200 burst:64"
# measures only those, BENCH_PLACES="loopback" only there
#
# CPU time is what the kernel gives to the forwarders' processes (schedstat, in ns: user,
# system, and the softirqs that their own sends cause), divided by the datagrams that the sink
# got once and whole. The loads:
#   burst   runs of 32 by UDP_SEGMENT, 40,000 datagrams a second, to a sink without UDP_GRO:
#           a QUIC or WireGuard sender, or one that is faster than one core
#   single  each alone, as fast as one core sends them; what is lost is shown
#   crowd   the same as burst, from 100 sockets of one application in turn
#   runs    runs of 50, 100,000 datagrams a second, to a sink with UDP_GRO: both applications know
#           runs
#   calls   10,000 datagrams a second, each alone: a game, some calls; its one-way latency
#   rate    runs of 16, ever faster until something is lost, in three tries each
#   guests  runs of 16, 40,000 datagrams a second, by one guest and by 1,000 in turn; the
#           host's part only
# Buffers are as large as each program lets us ask for.

set -u
cd "$(dirname "$0")/../.." || exit 1

EYELET=${EYELET:-build/eyelet}
OUT=build/bench
LOAD=$OUT/load
PEERS=$PWD/$OUT/peers
LIBRARIES=$PEERS/usr/lib/$(uname -m)-linux-gnu:$PEERS/lib/$(uname -m)-linux-gnu
SUBJECTS_LOOPBACK=(eyelet eyelet_spin nginx ss socat socat_hop rinetd pen bare direct)
SUBJECTS_VETH=(eyelet nginx ss wireguard openvpn n2n)
read -ra CELLS <<<"${BENCH_CELLS:-burst:64 burst:512 burst:1200 crowd:64 crowd:1200 single:64 single:512 single:1200 runs:64 runs:1200 calls:200 rate:200 guests:64}"
read -ra PLACES <<<"${BENCH_PLACES:-loopback veth}"
RATES=(20000 30000 40000 50000 60000 80000 100000 125000 150000 200000 250000 300000 400000
	500000 600000 800000 1000000 1250000 1500000)
BURST=32
BURST_RATE=40000
RUNS=50
RUNS_RATE=100000
CALLS_RATE=10000
GUESTS=1000
ROUNDS=5
SECONDS_EACH=0.5
MODE=full
case ${1:-} in
full | quick)
	MODE=$1
	shift
	;;
esac
if [ "$MODE" = quick ]; then
	SUBJECTS_LOOPBACK=(eyelet eyelet_spin nginx ss socat socat_hop)
	SUBJECTS_VETH=(eyelet wireguard)
	GUESTS=200
	ROUNDS=2
	SECONDS_EACH=0.2
fi

# ---- place: a network namespace of its own ----

if [ -z "${BENCH_INSIDE:-}" ]; then
	export BENCH_INSIDE=1
	[ "$(id -u)" -eq 0 ] && exec unshare -n "$0" "$MODE" "$@" # root keeps its right to large buffers
	exec unshare -rn "$0" "$MODE" "$@"
fi
# shellcheck source=test/bench/lib.sh
. test/bench/lib.sh
for file in test/bench/peer-*.sh; do
	# shellcheck disable=SC1090
	. "$file"
done
ip link set lo up || die "no network namespace of its own"
BASE=20000
SINK_PORT=$(port 0)
FROM_PORT=$(port 900)
SIZE_WARM=64
DIR=$(mktemp -d) || exit 1
trap 'stop_all; wait; rm -rf "$DIR"' EXIT
trap 'exit 1' INT TERM

# ---- sink ----

# One sink for all runs, since some forwarders end when their target's port is closed.
start_sink() {
	RUN=1 GRO=off
	SUBJECT='' start b sink "$LOAD" sink "$SINK_PORT" --run 1 --quiet 100
	await sink.out ready 5 || die "no sink"
}

want_gro() { # on|off
	[ "$GRO" != "$1" ] || return 0
	kill -USR2 "${PID[sink]}"
	GRO=$1
}

# Leaves what the sink saw of the run in SEEN and begins the next run.
end_run() {
	kill -USR1 "${PID[sink]}"
	await sink.out "^run=$RUN " 20 || die "no word of the sink"
	SEEN=$(tail -n 1 "$DIR/sink.out")
	RUN=$((RUN + 1))
}

# ---- measuring ----

send() { # SUBJECT ARGUMENT...
	# shellcheck disable=SC2086 # where to: a list, with the port at its end
	set -- ${TO[$1]% *} "${@:2}" -- "${TO[$1]##* }"
	local port=${!#}
	set -- "${@:1:$#-2}"
	[[ ${1:-} == --* ]] || shift
	"$LOAD" send "$port" --from "$FROM_PORT" --run "$RUN" "$@"
}

load_arguments() { # LOAD
	case $1 in
	burst) echo "--rate $BURST_RATE --gso $BURST" ;;
	crowd) echo "--rate $BURST_RATE --gso $BURST --flows 100" ;;
	runs) echo "--rate $RUNS_RATE --gso $RUNS" ;;
	calls) echo "--rate $CALLS_RATE" ;;
	esac
}

# Adds a line to the CSV file, of what the sink saw last.
record() { # ROUND LOAD SIZE SUBJECT SENT CPU-NS
	echo "$PLACE,$1,$2,$3,$4,$(value sent "$5"),$(value ns "$5"),$(value unique "$SEEN"),$(
		value duplicates "$SEEN"),$(value reordered "$SEEN"),$(value corrupted "$SEEN"),$(
		value messages "$SEEN"),$6,$(value p50_ns "$SEEN"),$(value p99_ns "$SEEN")" >>"$CSV"
}

measure() { # ROUND SUBJECT LOAD SIZE
	local before after sent names
	names=${ROOTS[$2]:-}
	want_gro "$([ "$3" = runs ] && echo on || echo off)"
	# shellcheck disable=SC2086
	before=$(cpu_ns $names)
	# shellcheck disable=SC2046
	sent=$(send "$2" --size "$4" --seconds "$SECONDS_EACH" $(load_arguments "$3")) || {
		echo "bench: $PLACE: $2 does not take $3 $4" >&2
		return
	}
	end_run
	# shellcheck disable=SC2086
	after=$(cpu_ns $names)
	record "$1" "$3" "$4" "$2" "$sent" $((after - before))
}

# True if nothing of the load is lost in one of three tries.
is_lossless() { # SUBJECT RATE
	local try sent
	for try in 1 2 3; do
		sent=$(send "$1" --size 200 --seconds 0.2 --rate "$2" --gso 16) || return 1
		end_run
		[ "$(value sent "$sent")" -ne "$(value unique "$SEEN")" ] || return 0
	done
	return 1
}

# What the generator cannot send is nobody's rate: it says what it sent.
measure_rate() { # ROUND SUBJECT
	local rate best=0
	want_gro off
	for rate in "${RATES[@]}"; do
		is_lossless "$2" "$rate" || break
		best=$rate
	done
	echo "$PLACE,$1,rate,200,$2,$best" >>"$RATE_CSV"
}

# ---- subjects ----

# Starts those that are here and carry a few datagrams; leaves them in SUBJECTS.
start_subjects() { # NAME...
	local name
	SUBJECTS=()
	for name; do
		SUBJECT=$name
		if ! "${name}_needs"; then
			[ "$name" = direct ] || echo "skip - bench: $PLACE: $name is not possible here"
		elif "${name}_start" && carries "$name"; then
			SUBJECTS+=("$name")
			VERSION[$name]=$("${name}_version" 2>/dev/null | head -n 1)
		else
			echo "skip - bench: $PLACE: $name does not work here"
		fi
	done
	SUBJECT=
}

# Tunnels take their time: half a second of datagrams, until some of them get through.
carries() { # SUBJECT
	local try
	for ((try = 0; try < 20; try++)); do
		send "$1" --size $SIZE_WARM --rate 200 --seconds 0.3 >/dev/null
		end_run
		[ "$(value unique "$SEEN")" -lt 50 ] || return 0
	done
	return 1
}

# Each round begins with another subject.
in_turn() { # ROUND COMMAND [ARGUMENT]...
	local round=$1 i count=${#SUBJECTS[@]}
	shift
	for ((i = 0; i < count; i++)); do
		"$1" "$round" "${SUBJECTS[(i + round) % count]}" "${@:2}"
	done
}

measure_place() { # loopback|veth SUBJECT...
	local round cell
	make_place "$1" || die "cannot make $1"
	shift
	start_sink
	[ "$PLACE" = veth ] || self_check
	start_subjects "$@"
	echo "bench: $PLACE: ${SUBJECTS[*]}" >&2
	for ((round = 1; round <= ROUNDS; round++)); do
		for cell in "${CELLS[@]}"; do
			case $cell in
			rate:*)
				[ "$PLACE" = veth ] || [ $((round % 2)) -eq 0 ] ||
					in_turn "$round" measure_rate
				;;
			guests:*) ;;
			*) in_turn "$round" measure "${cell%:*}" "${cell#*:}" ;;
			esac
		done
	done
	[ "$PLACE" = veth ] || [[ " ${CELLS[*]} " != *" guests:"* ]] || measure_guests
	leave_place
}

# ---- many guests ----

start_guests() {
	local rendezvous
	rendezvous=127.0.0.1:$(port 300)
	start b many-rendezvous "$EYELET" rendezvous --listen "$rendezvous" --alt 8
	start b many-serve "$EYELET" serve "127.0.0.1:$SINK_PORT" -r "$rendezvous" --name many \
		--max-guests-per-network "$GUESTS" --max-half-open "$GUESTS"
	await many-serve.out '^eyelet:' 10 || return 1
	mkfifo "$DIR/orders"
	"$OUT/guests" "$(grep -m1 '^eyelet:' "$DIR/many-serve.out")" "$GUESTS" \
		<"$DIR/orders" >"$DIR/guests.out" 2>"$DIR/guests.log" &
	PID[guests]=$!
	exec 9>"$DIR/orders"
	await guests.out "^ready connected=$GUESTS " 100
}

# The host's CPU time; what was sent comes from the guests' word.
order_guests() { # ROUND SUBJECT GUESTS
	local before after sent lines
	before=$(cpu_ns many-serve)
	lines=$(wc -l <"$DIR/guests.out")
	echo "$3 $BURST_RATE 16 64 500 $RUN" >&9
	until [ "$(wc -l <"$DIR/guests.out")" -gt "$lines" ]; do
		alive guests || die "the guests are gone"
		sleep 0.05
	done
	sent=$(tail -n 1 "$DIR/guests.out")
	end_run
	after=$(cpu_ns many-serve)
	[ "$1" = 0 ] || record "$1" guests 64 "$2" "$sent" $((after - before))
}

measure_guests() {
	local round
	want_gro off
	start_guests || {
		echo "skip - bench: $GUESTS guests do not connect here"
		return
	}
	order_guests 0 warm "$GUESTS"
	for ((round = 1; round <= ROUNDS; round++)); do
		order_guests "$round" eyelet_1 1
		order_guests "$round" eyelet_many "$GUESTS"
	done
	exec 9>&-
}

# ---- generator, sink and verifier against each other, without a forwarder ----

expect() { # NAME=VALUE...
	local want
	for want; do
		[ "$(value "${want%%=*}" "$SEEN")" = "${want#*=}" ] || die "self-check: $want, but $SEEN"
	done
}

check_fault() { # FAULT NAME=VALUE...
	local fault=$1
	shift
	send self --flows 3 --fault "$fault" --count 3000 --rate 60000 --size 333 >/dev/null
	end_run
	expect "$@" flows=3 strays=0
}

self_check() {
	local sent
	TO[self]=$SINK_PORT
	check_fault none unique=3000 duplicates=0 reordered=0 corrupted=0
	check_fault lose unique=2970 duplicates=0 reordered=0 corrupted=0
	check_fault double unique=3000 duplicates=30 reordered=0 corrupted=0
	check_fault swap unique=3000 duplicates=0 reordered=30 corrupted=0
	check_fault spoil unique=2970 duplicates=0 reordered=0 corrupted=30
	want_gro on
	check_fault none unique=3000 duplicates=0 reordered=0 corrupted=0
	sent=$(send self --count 3200 --gso 32 --rate 60000) || die "no sender"
	end_run
	expect unique=3200 duplicates=0 reordered=0 corrupted=0 strays=0
	[ "$(value messages "$SEEN")" -lt 3200 ] || die "self-check: UDP_GRO joins nothing"
	[ "$(value sent "$sent")" = 3200 ] || die "self-check: $sent"
	want_gro off
	SUBJECT='' start a echo "$LOAD" echo "$(port 1)"
	await echo.out ready 5 || die "no echo"
	TO[self]=$(port 1)
	SEEN=$(send self --flows 3 --echo --count 3000 --rate 60000 | tail -n 1)
	expect unique=3000 duplicates=0 reordered=0 corrupted=0
	stop echo
	unset 'TO[self]'
}

# ---- main ----

mkdir -p "$OUT"
for file in "$EYELET" "$LOAD" "$OUT/guests"; do
	[ -x "$file" ] || die "$file is missing: make bench-programs"
done
CSV=$OUT/cpu.csv RATE_CSV=$OUT/rate.csv
echo "place,round,load,size,subject,sent,ns,unique,duplicates,reordered,corrupted,messages,cpu_ns,p50_ns,p99_ns" >"$CSV"
echo "place,round,load,size,subject,rate" >"$RATE_CSV"

read -ra only <<<"$*"
for place in "${PLACES[@]}"; do
	case $place in
	loopback) measure_place loopback "${only[@]:-${SUBJECTS_LOOPBACK[@]}}" ;;
	veth) measure_place veth "${only[@]:-${SUBJECTS_VETH[@]}}" ;;
	esac
done

{
	echo "$(date -u +%F), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors, Linux $(uname -r)"
	echo "load average $(cut -d' ' -f1 /proc/loadavg), test/bench/run.sh $MODE $*"
	for name in "${!VERSION[@]}"; do
		echo "  $name: ${VERSION[$name]}"
	done | sort
} >"$OUT/about"
cat "$OUT/about"
test/bench/table.awk test/bench/goals "$CSV" "$RATE_CSV" | tee "$OUT/table"
status=${PIPESTATUS[0]}
test/bench/plot.sh "$OUT"
exit "$status"
