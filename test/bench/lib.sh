# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What run.sh and the peers share: processes, stopped by their ids; places to run them in;
# their CPU time.
#
# There are two ends, A with the generator and the first hop, B with the second hop and the
# sink. On loopback both are one network namespace; across veth each has its own, and ADDR_A
# and ADDR_B name them to each other.

die() { # WHY
	echo "bench: $*" >&2
	exit 1
}

declare -A PID=()     # of each process by name
declare -A ROOTS=()   # names of those that forward, of each subject
declare -A TO=()      # where to send the load of each subject: options and port
declare -A VERSION=() # of each subject

in_a() { "$@"; }
in_b() {
	if [ -n "${B_PID:-}" ]; then
		nsenter -t "$B_PID" -n "$@"
	else
		"$@"
	fi
}

# Remembers the process as one that forwards for the subject, if there is one.
start() { # a|b NAME COMMAND...
	local place=$1 name=$2
	shift 2
	if [ "$place" = b ] && [ -n "${B_PID:-}" ]; then
		set -- nsenter -t "$B_PID" -n "$@"
	fi
	STATE_DIRECTORY=$DIR/state-$name LD_LIBRARY_PATH=${LIBRARIES:-} \
		"$@" >"$DIR/$name.out" 2>"$DIR/$name.log" </dev/null &
	PID[$name]=$!
	[ -z "${SUBJECT:-}" ] || ROOTS[$SUBJECT]+="${ROOTS[$SUBJECT]:+ }$name"
}

stop() { # NAME
	[ -n "${PID[$1]:-}" ] || return 0
	# shellcheck disable=SC2046 # a list
	kill $(family "${PID[$1]}") 2>/dev/null
	wait "${PID[$1]}" 2>/dev/null
	unset "PID[$1]"
}

stop_all() {
	local name
	for name in "${!PID[@]}"; do
		stop "$name"
	done
}

alive() { # NAME
	kill -0 "${PID[$1]:-0}" 2>/dev/null
}

# A process and all that it started.
family() { # PID
	local ids id
	echo "$1"
	{ read -r ids <"/proc/$1/task/$1/children"; } 2>/dev/null
	for id in ${ids:-}; do
		family "$id"
	done
}

# Waits until a line of a process's output matches.
await() { # FILE PATTERN SECONDS
	local tries=$(($3 * 50))
	until grep -Eqs "$2" "$DIR/$1"; do
		[ $((tries -= 1)) -gt 0 ] || {
			echo "bench: $1: no '$2' in $3 s: $(tail -n 3 "$DIR/$1")" >&2
			return 1
		}
		sleep 0.02
	done
}

# Waits until a UDP port of one end is bound.
await_port() { # a|b PORT SECONDS
	local tries=$(($3 * 50))
	until "in_$1" cat /proc/net/udp /proc/net/udp6 2>/dev/null |
		grep -qi ":$(printf %04x "$2") "; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.02
	done
}

value() { # NAME LINE
	local rest=${2#*"$1="}
	echo "${rest%% *}"
}

# The time that the kernel gave to all threads of the processes: user, system, and the
# softirqs that their own sends cause, in ns.
cpu_ns() { # NAME...
	local name id ns sum=0
	for name; do
		for id in $(family "${PID[$name]}"); do
			for ns in "/proc/$id/task/"*/schedstat; do
				{ read -r ns _ <"$ns"; } 2>/dev/null || continue
				sum=$((sum + ns))
			done
		done
	done
	echo "$sum"
}

# Ports, by a number of the caller's choice.
port() { # NUMBER
	echo $((BASE + $1))
}

# A peer's program: the system's own, or the one that setup.sh unpacked.
program() { # NAME
	local dir
	for dir in "" "$PEERS/usr/sbin/" "$PEERS/usr/bin/"; do
		command -v "$dir$1" && return
	done
	return 1
}

# The version of a package that setup.sh unpacked, or that is installed.
package_version() { # NAME
	sed -n "s/^$1_\([^_]*\)_.*/$1 \1/p" "$PEERS/.packages" 2>/dev/null | grep . ||
		dpkg-query -W -f "$1 \${Version}\n" "$1"
}

# Makes both ends out of this namespace: one, or two with a cable between them.
make_place() { # loopback|veth
	PLACE=$1 B_PID='' ADDR_A=127.0.0.1 ADDR_B=127.0.0.1
	[ "$1" = veth ] || return 0
	unshare -n sleep 86400 &
	PID[place]=$! B_PID=$!
	until [ "$(readlink "/proc/$B_PID/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do
		sleep 0.02
	done
	ADDR_A=10.77.0.1 ADDR_B=10.77.0.2
	ip link add bench0 type veth peer name bench1 netns "$B_PID" || return 1
	ip addr add "$ADDR_A/24" dev bench0 && ip link set bench0 up
	in_b ip addr add "$ADDR_B/24" dev bench1 && in_b ip link set bench1 up &&
		in_b ip link set lo up
}

leave_place() {
	stop_all
	[ "$PLACE" != veth ] || ip link del bench0 2>/dev/null
	ROOTS=() TO=()
}
