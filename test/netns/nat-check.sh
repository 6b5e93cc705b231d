#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tunnat, the NAT of the tests, does what each of its options says.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"

STRICT="--mapping endpoint --filtering address-port"
lab_begin "$@"
have python3 && lab_tunnat_possible || lab_give_up "$WHY"

# Two machines inside, two outside; a new NAT each time.
lab() {
	lab_internet
	lab_side guest none
	lab_node host
	lab_node second
}

scene() { # OPTIONS
	local NAT ROUTER WAN LAN MIDDLE WAN6
	lab_side_names host
	stop hnat
	lab_tunnat "$NAT" "$1" "$WAN" "$LAN" host:eth0:2 second:eth0:3
}

proves() { # OPTIONS CASE [ARGUMENT...]
	scene "$1" || return 1
	[ "$2" != flush ] || set -- "$@" "${PID[hnat]}"
	timeout 30 python3 "$LAB_SOURCE/nat-check.py" "$LAB_ID" "${@:2}" 2>"$LAB_DIR/check.log" ||
		fail "$(tail -n 1 "$LAB_DIR/check.log"); $(cat "$LAB_DIR/hnat.out")"
}

# Each size up to the MTU, then the fragmented ones in steps; both kernels verify checksums.
sizes() {
	local line
	scene "$STRICT" || return 1
	start echo guest "$UDPCHECK" echo 203.0.113.130 7000
	await_line echo out listening 3 || return 1
	line=$(lab_in host "$UDPCHECK" sweep 203.0.113.130 7000 --to 1600) || fail "$line" || return 1
	line=$(lab_in host "$UDPCHECK" sweep 203.0.113.130 7000 --from 1601 --step 509) ||
		fail "$line"
}

lab
while IFS='|' read -r options case; do
	# shellcheck disable=SC2086 # a case is words
	check "tunnat: $case (${options:-default})" proves "$options" $case
done <<-END
	--mapping endpoint|mapping endpoint
	--mapping address|mapping address
	--mapping address-port|mapping address-port
	$STRICT|filtering address-port
	--mapping endpoint --filtering address|filtering address
	--mapping endpoint --filtering endpoint|filtering endpoint
	--allocate preserved|preserved
	--allocate sequential|sequential 1
	--allocate sequential --delta 7|sequential 7
	--allocate random|random
	--allocate random --block 512|blocks 512
	--allocate sequential --block 64|blocks 64
	--allocate random --block 16|exhausted 16
	--timeout 2|timeout out
	--timeout 2 --refresh both|timeout both
	--allocate random --lifetime 2|lifetime
	--hairpin|hairpin on
	|hairpin off
	--unsolicited drop|unsolicited drop
	--unsolicited reject|unsolicited reject
	--unsolicited poison|unsolicited poison
	|no_checksum
	|errors
	|tcp
	--switch|switched on
	|switched off
	--allocate random|flush
END
check "tunnat: datagrams of all sizes" sizes
finish
