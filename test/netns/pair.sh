# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The product in the lab: starts rendezvous, host and guest, and says when they have met.
# To be sourced after tap.sh and lab.sh.

RDV=192.0.2.130
RDV_PORT=3478
TICKET=
CONNECT_MS=

# Ends the script, skipped, while there is no program to test.
need_eyelet() {
	[ -x "$EYELET" ] || lab_give_up "$EYELET is missing"
}

# Each instance keeps its identity in a directory of its own, also across restarts.
start_eyelet() { # NAME NODE ARGUMENT...
	local name=$1 node=$2
	shift 2
	mkdir -p "$LAB_DIR/state-$name"
	start "$name" "$node" env STATE_DIRECTORY="$LAB_DIR/state-$name" "$EYELET" "$@"
}

start_rendezvous() { # [ARGUMENT...]
	start_eyelet rdv rdv rendezvous "$@"
	await_udp rdv "$RDV_PORT" 20
}

# A pair without namespaces, where other programs may hold the usual ports.
use_loopback() {
	RDV_PORT=$(free_rendezvous_port)
	RDV=127.0.0.1:$RDV_PORT
}

# Leaves the ticket in TICKET.
start_serve() { # TARGET [ARGUMENT...]
	start_serve_as serve "$@"
}

start_serve_as() { # NAME TARGET [ARGUMENT...]
	local name=$1
	shift
	start_eyelet "$name" host serve "$@" -r "$RDV"
	await_line "$name" out '^eyelet:' 20 || return 1
	TICKET=$(grep -m1 '^eyelet:' "$LAB_DIR/$name.out")
}

start_connect() { # LISTEN [ARGUMENT...]
	start_connect_as connect "$@"
}

start_connect_as() { # NAME LISTEN [ARGUMENT...]
	local name=$1 listen=$2
	shift 2
	start_eyelet "$name" guest connect "$listen" "$TICKET" "$@"
}

# Waits until a guest has a path, and a direct one; leaves its time in CONNECT_MS.
await_connected() { # SECONDS [NAME]
	local name=${2:-connect}
	await_line "$name" log 'connected directly in [0-9]+ ms' "$1" || return 1
	CONNECT_MS=$(grep -Eo 'connected directly in [0-9]+' "$LAB_DIR/$name.log" | tail -n 1)
	CONNECT_MS=${CONNECT_MS##* }
}

# The target of most tests.
start_echo() { # PORT
	start echo host "$UDPCHECK" echo 127.0.0.1 "$1"
	await_line echo out '^listening' 20
}

# Sends datagrams from the guest and wants each back once, whole, in order.
ping_target() { # PORT [udpcheck's options]
	local port=$1 line
	shift
	line=$(lab_in guest "$UDPCHECK" ping 127.0.0.1 "$port" "$@") || fail "$line"
}

# Bytes that the rendezvous has heard and said.
rendezvous_bytes() {
	lab_in rdv awk '/eth0:/ { sub(/.*:/, ""); print $1 + $9 }' /proc/net/dev
}

# Sends 200 datagrams of 1000 bytes each way, 400 kB. Leaves in PASSED what the rendezvous has
# heard and said meanwhile: much less where the path is direct, more where it relays.
carry() { # PORT
	PASSED=$(rendezvous_bytes)
	ping_target "$1" --count 200 --size 1000 --rate 500 || return 1
	PASSED=$(($(rendezvous_bytes) - PASSED))
}

# All of it: echo at 7000 in the host, reached at 7001 in the guest.
start_pair() {
	start_rendezvous && start_echo 7000 && start_serve 7000 &&
		start_connect 7001 && await_connected 20
}

# The same where only the relay is left.
start_relayed() { # [ARGUMENT of the rendezvous...]
	start_rendezvous "$@" && start_echo 7000 &&
		start_serve 7000 --effort "${EFFORT:-normal}" && start_connect 7001 &&
		await_line connect log 'connected over the relay at' 20
}

# The value of name=value in a line.
value_of() { # NAME LINE
	local rest=${2#*"$1="}
	echo "${rest%% *}"
}
