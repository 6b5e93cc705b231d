#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A thousand sessions over one relay, and floods: from one of them, from a hundred, from outside.
# The others lose at most one datagram in a hundred, and the relay stays small. A machine that
# is busy with other things may lose some itself, so each try has two more.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

PROGRAM=$(dirname "$0")/../../build/test/bench/relay
ALONE=(unshare -n) # root keeps its right to large buffers
[ "$(id -u)" -eq 0 ] || ALONE=(unshare -rn)

others_are_unharmed() {
	local try
	for try in 1 2 3; do
		# shellcheck disable=SC2016 # the inner shell's own arguments
		"${ALONE[@]}" sh -c 'ip link set lo up && exec "$@"' - \
			"$PROGRAM" "$EYELET" 2 1 >"$LAB_DIR/relay-$try.out" 2>&1 && return 0
	done
	fail "$(cat "$LAB_DIR"/relay-*.out)"
}

lab_init
need_eyelet
"${ALONE[@]}" true 2>/dev/null || lab_give_up "no network namespaces"
check "relay load" others_are_unharmed
finish
