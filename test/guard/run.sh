#!/bin/bash
# SPDX-License-Identifier: MIT
# A guard of the data path's speed that no clock decides: instructions of our own code per
# datagram, counted by callgrind, and system calls per datagram, counted by strace, beside those
# in test/guard/expected. More than 5 % above is a failure. One TAP line each.
# usage: run.sh [update]    update writes what it counts into the file
set -u
cd "$(dirname "$0")/../.." || exit 1

EXPECTED=test/guard/expected
OUT=build/test/guard
TIMES=320   # of path.c
RUNS=8
BURSTS=40   # of each size in each run
TOLERANCE=5 # percent
EYELET=build/eyelet
declare -A COUNTED=()
status=0

skip() { # WHAT WHY
	echo "skip - guard $1: $2"
}

# What may change the figures without any change of ours.
compiler() { "${CC:-cc}" --version | sed -n "1s/\$/, $(uname -m)/p"; }

# ---- instructions ----

count_instructions() {
	local name sum dump
	command -v valgrind >/dev/null || { skip instructions "valgrind is not installed" && return; }
	if [ "$(compiler)" != "$(sed -n 's/^compiler //p' $EXPECTED)" ] && [ -z "$UPDATE" ]; then
		skip instructions "the figures are of another compiler: $(sed -n 's/^compiler //p' $EXPECTED)"
		return
	fi
	rm -f "$OUT"/path.callgrind*
	if ! timeout 120 valgrind -q --tool=callgrind --callgrind-out-file="$OUT/path.callgrind" \
		"$OUT/path" >"$OUT/path.log" 2>&1; then
		echo "not ok - guard instructions: see $OUT/path.log"
		status=1
		return
	fi
	for dump in "$OUT"/path.callgrind.[0-9]*; do
		read -r name sum <<<"$(test/guard/sum.awk "$dump")"
		COUNTED[instructions-$name]=$((sum / TIMES))
	done
}

# ---- system calls ----

NAMES=()
declare -A PID=()
DIR=$(mktemp -d) || exit 1

# A tracer ends with what it traces.
clean_up() {
	local name traced
	for name in "${NAMES[@]}"; do
		{ read -r traced <"/proc/${PID[$name]}/task/${PID[$name]}/children"; } 2>/dev/null
		kill ${traced:-"${PID[$name]}"} 2>/dev/null
	done
	wait
	rm -rf "$DIR"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

start() { # NAME COMMAND...
	local name=$1
	shift
	STATE_DIRECTORY=$DIR/state-$name "$@" >"$DIR/$name.out" 2>"$DIR/$name.log" </dev/null &
	PID[$name]=$!
	NAMES+=("$name")
}

await() { # FILE PATTERN
	local tries=1000
	until grep -Eqs "$2" "$DIR/$1"; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.02
	done
}

# Those that both forwarders made so far.
calls() {
	cat "$DIR"/calls-* | grep -cE '^[0-9]* *(recvmmsg|recvmsg|recvfrom|sendmsg|sendmmsg|sendto|epoll_wait|epoll_pwait2?|poll|clock_nanosleep)\('
}

# Leaves the calls per 1000 datagrams in COUNTED: the fewest of several runs, since pings and
# reports, which go by the clock, are no datagram's.
burst() { # DATAGRAMS
	local before after answer run fewest=
	echo "$1 10" >&"${BURST[1]}" && read -r answer <&"${BURST[0]}" # sockets, path MTU
	for ((run = 0; run < RUNS; run++)); do
		before=$(calls)
		echo "$1 $BURSTS" >&"${BURST[1]}" && read -r answer <&"${BURST[0]}"
		after=$(calls)
		[ "$answer" = "$BURSTS of $BURSTS" ] || return 1
		[ -n "$fewest" ] && [ $((after - before)) -ge "$fewest" ] || fewest=$((after - before))
	done
	COUNTED[calls-$1]=$((fewest * 1000 / ($1 * BURSTS)))
}

traced() { # NAME COMMAND...
	local name=$1
	shift
	start "$name" strace -qq -o "$DIR/calls-$name" \
		-e trace=recvmmsg,recvmsg,recvfrom,sendmsg,sendmmsg,sendto,epoll_wait,epoll_pwait,poll,clock_nanosleep \
		"$@"
}

start_pair() { # BASE-PORT
	start rendezvous $EYELET rendezvous --listen "127.0.0.1:$1" --alt 1
	traced serve $EYELET serve "127.0.0.1:$(($1 + 5))" -r "127.0.0.1:$1" --no-port-mapping
	await serve.out '^eyelet:' || return 1
	grep -m1 '^eyelet:' "$DIR/serve.out" >"$DIR/ticket"
	traced connect $EYELET connect "127.0.0.1:$(($1 + 6))" "@$DIR/ticket" --no-port-mapping
	await connect.log 'connected directly'
}

count_calls() {
	local size base=$((21000 + RANDOM % 8000))
	command -v strace >/dev/null || { skip "system calls" "strace is not installed" && return; }
	strace -qq -o /dev/null true 2>/dev/null ||
		{ skip "system calls" "strace may not trace here" && return; }
	start_pair $base || {
		echo "not ok - guard system calls: the pair did not connect: $(tail -n 2 "$DIR/connect.log")"
		status=1
		return
	}
	coproc BURST { "$OUT/burst" $((base + 5)) $((base + 6)) 2>"$DIR/burst.log"; }
	for size in 1 8 64; do
		burst $size || {
			echo "not ok - guard system calls: bursts of $size did not arrive: $(cat "$DIR/burst.log")"
			status=1
			break
		}
	done
	kill "$BURST_PID" 2>/dev/null
}

# ---- verdict ----

compare() {
	local name expected counted
	while read -r name expected; do
		counted=${COUNTED[$name]:-}
		[ -n "$counted" ] || continue
		if [ $((counted * 100)) -gt $((expected * (100 + TOLERANCE))) ]; then
			echo "not ok - guard $name: $counted, expected $expected"
			status=1
		elif [ $((counted * 100)) -lt $((expected * (100 - TOLERANCE))) ]; then
			echo "ok - guard $name: $counted, better than the expected $expected: test/guard/run.sh update"
		else
			echo "ok - guard $name: $counted, expected $expected"
		fi
	done < <(grep -E '^(instructions|calls)-' $EXPECTED)
}

update() {
	local name
	{
		grep '^#' $EXPECTED
		echo "compiler $(compiler)"
		for name in "${!COUNTED[@]}"; do
			echo "$name ${COUNTED[$name]}"
		done | sort -V
	} >"$DIR/expected"
	cp "$DIR/expected" $EXPECTED
	cat $EXPECTED
}

UPDATE=${1:-}
count_instructions
count_calls
if [ "$UPDATE" = update ] && [ "$status" = 0 ]; then
	update
else
	compare
fi
exit $status
