# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# n2n at both ends: a tunnel by TAP devices, sealed by Twofish; the two meet by a supernode.

n2n_needs() {
	[ "$PLACE" = veth ] && [ -w /dev/net/tun ] && program edge >/dev/null &&
		program supernode >/dev/null
}
n2n_version() { package_version n2n; }

n2n_start() {
	local port
	port=$(port 280)
	SUBJECT='' start b n2n-supernode "$(program supernode)" -l "$port"
	await_port b "$port" 5 || return 1
	start b n2n2 "$(program edge)" -d benchn2b -a 10.80.0.2 -c bench -k bench -l "$ADDR_B:$port"
	start a n2n1 "$(program edge)" -d benchn2a -a 10.80.0.1 -c bench -k bench -l "$ADDR_B:$port"
	tunnel_device b benchn2b 10.80.0.2 && tunnel_device a benchn2a 10.80.0.1 &&
		TO[n2n]="--host 10.80.0.2 $SINK_PORT"
}
