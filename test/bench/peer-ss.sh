# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shadowsocks-libev: ss-tunnel and ss-server, sealed by aes-256-gcm.

ss_needs() { program ss-tunnel >/dev/null && program ss-server >/dev/null; }
ss_version() {
	LD_LIBRARY_PATH=$LIBRARIES "$(program ss-server)" -h 2>&1 | grep -m1 -o 'shadowsocks-libev [0-9.]*'
}

ss_start() {
	local first second
	first=$(port 250)
	second=$(port 251)
	start b ss2 "$(program ss-server)" -s "$ADDR_B" -p "$second" -k bench -m aes-256-gcm -U
	start a ss1 "$(program ss-tunnel)" -s "$ADDR_B" -p "$second" -b 127.0.0.1 -l "$first" \
		-L "127.0.0.1:$SINK_PORT" -k bench -m aes-256-gcm -U
	await_port b "$second" 5 && await_port a "$first" 5 && TO[ss]=$first
}
