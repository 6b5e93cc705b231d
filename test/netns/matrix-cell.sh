#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One cell of the matrix, for matrix.sh: a host on one line and a guest on another meet and
# exchange datagrams. Prints OUTCOME MS REMOTE REASON, the outcome being
#   direct|relay   what carried 200 datagrams each way, by what passed the rendezvous
#   none           no connection, or one that lost something
# usage: matrix-cell.sh HOST-LINE GUEST-LINE BEST [EXPECTED]
#        BEST is the outcome beyond which it waits for no better one; for a direct path that is
#        EXPECTED it waits longer, since many ports at once may fail at first.
#
# Lines are those of lab-nats.sh. Beside them, same-lan KIND puts both on one LAN behind a
# NAT of that kind, same-carrier KIND both behind one carrier's, in a home each.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

TIMEOUT=8  # seconds for connect to find a path
SILENCE=7  # seconds that a mapping of the line `short` does not survive untended
lab_begin "$@"
HOST=$1 GUEST=$2 BEST=$3
[ "$BEST" != none ] || TIMEOUT=5
PATIENCE=$TIMEOUT # for a direct path
[ "${4:-}" != direct ] || PATIENCE=60

# An IPv6-only line's peer has both families; two with a firewall have them, too.
build() {
	local line
	case $HOST/$GUEST in
	*ipv6-only*) LAB_FAMILIES="4 6" RDV="[2001:db8:f::2]" ;;
	ipv6-firewall/ipv6-firewall) LAB_FAMILIES="4 6" ;;
	esac
	for line in "$HOST" "$GUEST"; do
		! lab_is_tunnat "$(lab_line "$line" | sed 's/+.*//')" || lab_tunnat_possible ||
			lab_give_up "$WHY"
	done
	case $HOST in
	same-lan) lab_same_lan "$GUEST" ;;
	same-carrier) lab_same_carrier "$GUEST" ;;
	*) lab_two_sides "$HOST" "$GUEST" ;;
	esac
}

is_short() {
	[[ $HOST/$GUEST == *short* ]]
}

rest() {
	sleep "$SILENCE" # the silence itself
}

# After one silence the target speaks first, after another the guest.
survives_silence() {
	WHY=$(lab_in guest "$UDPCHECK" push 127.0.0.1 7001 --delay $((SILENCE * 1000)) \
		--timeout 1000) && rest && carry 7001
}

# Waits for a path, and for a direct one if that counts.
await_path() {
	await_line connect log 'connected .* in [0-9]+ ms' $((TIMEOUT + 5)) || return 1
	[ "$BEST" != direct ] ||
		await_line connect log 'connected directly in [0-9]+ ms' "$PATIENCE" || true
}

meet() {
	start_rendezvous && start_echo 7000 && start_serve 7000 || return 1
	! is_short || rest
	start_connect 7001 -v --timeout "$TIMEOUT" && await_path && carry 7001 || return 1
	! is_short || survives_silence
}

# What connect said last.
reason() {
	tail -n 1 "$LAB_DIR/connect.log" 2>/dev/null | sed -E 's/^[0-9T:. +-]*//; s/^eyelet: //'
}

report() {
	local line
	line=$(grep -Eo 'connected .* in [0-9]+ ms.*' "$LAB_DIR/connect.log" | tail -n 1)
	MS=${line#* in } MS=${MS%% *}
	REMOTE=$(sed -nE 's/.* relay at ([^ ,]+),? .*/\1/p; s/.* ms to ([^ ,]+).*/\1/p' <<<"$line")
	if [ "$PASSED" -lt 100000 ]; then
		echo "direct $MS $REMOTE"
	else
		echo "relay $MS $REMOTE"
	fi
}

build
if meet; then
	report
else
	echo "none - - ${WHY//$'\n'/ }; $(reason)"
	[ -z "${MATRIX_LOGS:-}" ] || show_logs
fi
