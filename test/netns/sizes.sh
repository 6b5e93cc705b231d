#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Datagrams of 0 to 65,507 bytes arrive bit-identical, both ways.
# usage: sizes.sh [all]: all sizes rather than every 61st and those at the edges

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

LARGEST=65507
lab_begin "$@"
need_eyelet

sweep() { # FROM TO STEP
	local line
	line=$(lab_in guest "$UDPCHECK" sweep 127.0.0.1 7001 --from "$1" --to "$2" --step "$3") ||
		fail "sizes $1 to $2: $line"
}

lab_two_sides port-restricted port-restricted
check "connects" start_pair
if [ "${1:-}" = all ]; then
	check "every size from 0 to $LARGEST" sweep 0 $LARGEST 1
else
	check "every size from 0 to 3000" sweep 0 3000 1
	check "every 61st size to $LARGEST" sweep 3001 $LARGEST 61
	check "every size near $LARGEST" sweep $((LARGEST - 100)) $LARGEST 1
fi
finish
