# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# rinetd, twice, in the clear.

rinetd_needs() { program rinetd >/dev/null; }
rinetd_version() { "$(program rinetd)" -v 2>&1 | head -n 1; }

rinetd_hop() { # a|b NAME PORT TARGET-ADDR TARGET-PORT
	printf '0.0.0.0 %s/udp %s %s/udp [timeout=600]\npidlogfile %s\n' \
		"$3" "$4" "$5" "$DIR/$2.pid" >"$DIR/$2.conf"
	start "$1" "$2" "$(program rinetd)" -f -c "$DIR/$2.conf"
	await_port "$1" "$3" 5
}

rinetd_start() {
	local first second
	first=$(port 230)
	second=$(port 231)
	rinetd_hop b rinetd2 "$second" 127.0.0.1 "$SINK_PORT" &&
		rinetd_hop a rinetd1 "$first" "$ADDR_B" "$second" && TO[rinetd]=$first
}
