#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A rendezvous known by name moves to another address (dynamic DNS): host and guest follow.
# On loopback, in a namespace with a name server of its own.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

PROBE='ip link set lo up && mount --bind "$0" /etc/resolv.conf'

if [ "${NAMES_UNSHARED:-}" != 1 ]; then
	rights=-mn
	[ "$(id -u)" -eq 0 ] || rights=-mrn
	have ip unshare ss python3 || lab_give_up "$WHY"
	unshare $rights bash -c "$PROBE" "$0" 2>/dev/null ||
		lab_give_up "not able to make namespaces by unshare(1)"
	exec unshare $rights env NAMES_UNSHARED=1 bash "$0" "$@"
fi

# Where the name is from now on.
point() { # ADDRESS...
	echo "rdv.test $*" >"$LAB_DIR/zone.new" && mv "$LAB_DIR/zone.new" "$LAB_DIR/zone"
}

start_rendezvous_at() { # ADDRESS
	start_rendezvous --listen "$1:$RDV_PORT"
}

now_at() { # NAME ADDRESS SECONDS
	await_line "$1" log "rdv\.test is now at $2:$RDV_PORT\$" "$3"
}

lines_of_moves() { # NAME
	grep -c 'is now at' "$LAB_DIR/$1.log"
}

prepare() {
	RDV=rdv.test
	point 127.0.0.1
	start dns here python3 "$LAB_SOURCE/nameserver.py" "$LAB_DIR/zone"
	await_line dns out listening 10 && start_rendezvous_at 127.0.0.1 && start_echo 7000 &&
		start_serve 7000 && start_connect 7001 && await_connected 20
}

# The name server learns of it only after the host has asked once in vain.
host_follows() {
	prepare || return 1
	kill_hard rdv
	await_line serve log 'registration at rdv\.test .* lost' 10 || return 1
	sleep 1
	point 127.0.0.2
	start_rendezvous_at 127.0.0.2 && now_at serve 127.0.0.2 15 &&
		await_line serve log 'registered at rdv\.test \(127\.0\.0\.2' 5 || return 1
	[ "$(lines_of_moves serve)" -eq 1 ] || fail "said more than once" || return 1
	[ "$(lines_of_moves connect)" -eq 0 ] || fail "the guest has no reason to ask" || return 1
	ping_target 7001 && start_connect_as later 7002 && await_connected 10 later &&
		ping_target 7002
}

guest_follows_at_start() {
	prepare || return 1
	point 127.0.0.9
	start_connect_as later 7002
	await_line later log 'asking' 5 || return 1
	point 127.0.0.1
	now_at later 127.0.0.1 10 && await_connected 5 later && ping_target 7002
}

guest_follows_when_lost() {
	prepare || return 1
	kill_hard serve
	kill_hard rdv
	point 127.0.0.2
	start_rendezvous_at 127.0.0.2 && start_serve 7000 && now_at connect 127.0.0.2 20 &&
		await_line connect log 'connected directly .* after .* s without' 10 &&
		ping_target 7001
}

lab_init
need_eyelet
ip link set lo up
echo "nameserver 127.0.0.1" >"$LAB_DIR/resolv.conf"
mount --bind "$LAB_DIR/resolv.conf" /etc/resolv.conf || lab_give_up "cannot set a name server"
for test in host_follows guest_follows_at_start guest_follows_when_lost; do
	check "names: ${test//_/ }" $test
	lab_clear
done
finish
