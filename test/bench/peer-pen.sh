# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# pen, twice, in the clear.

pen_needs() { program pen >/dev/null; }
pen_version() { package_version pen; }

pen_start() {
	local first second
	first=$(port 240)
	second=$(port 241)
	start b pen2 "$(program pen)" -f -U -r "$second" "127.0.0.1:$SINK_PORT"
	start a pen1 "$(program pen)" -f -U -r "127.0.0.1:$first" "$ADDR_B:$second"
	await_port b "$second" 5 && await_port a "$first" 5 && TO[pen]=$first
}
