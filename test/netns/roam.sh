#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Networks change under traffic: NATs forget their mappings or get another outer address,
# machines another address. The same session goes on, and the target notices nothing.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"
. "$(dirname "$0")/traffic.sh"
. "$(dirname "$0")/change.sh"

ADMITTED_MS=500     # where the other NAT admits the moved side
REINTRODUCED_MS=5000 # where the rendezvous must introduce the two again
lab_begin "$@"
need_eyelet

scene() { # HOST-KIND GUEST-KIND LIMIT_MS COMMAND...
	local limit=$3
	lab_two_sides "$1" "$2"
	start_pair || return 1
	shift 3
	under_traffic "$limit" "" "$@"
}

guest_wan="wan 203.0.113.2 203.0.113.3 25 203.0.113.1"
host_wan="wan 198.51.100.2 198.51.100.3 25 198.51.100.1"
guest_lan="eth0 192.168.2.2 192.168.2.7 24 192.168.2.1"
host_lan="eth0 192.168.1.2 192.168.1.7 24 192.168.1.1"

while IFS='|' read -r host guest limit name command; do
	# shellcheck disable=SC2086 # a command is words
	check "$host/$guest: $name: below $limit ms" scene "$host" "$guest" "$limit" $command
	lab_clear
done <<-END
	none|port-restricted|$ADMITTED_MS|the guest's NAT forgets its mappings|forget gnat
	none|port-restricted|$ADMITTED_MS|the guest's NAT maps to other ports|remap gnat guest
	cone|port-restricted|$ADMITTED_MS|the guest's NAT maps to other ports|remap gnat guest
	none|port-restricted|$ADMITTED_MS|the guest's NAT moves|renumber_nat gnat $guest_wan
	cone|port-restricted|$ADMITTED_MS|the guest's NAT moves|renumber_nat gnat $guest_wan
	none|port-restricted|$ADMITTED_MS|the guest's machine moves|renumber guest $guest_lan
	cone|port-restricted|$REINTRODUCED_MS|the host's NAT moves|renumber_nat hnat $host_wan
	port-restricted|port-restricted|$REINTRODUCED_MS|the guest's NAT maps to other ports|remap gnat guest
	port-restricted|port-restricted|$REINTRODUCED_MS|the host's NAT maps to other ports|remap hnat host
	port-restricted|port-restricted|$REINTRODUCED_MS|the guest's NAT moves|renumber_nat gnat $guest_wan
	port-restricted|port-restricted|$REINTRODUCED_MS|the host's NAT moves|renumber_nat hnat $host_wan
	port-restricted|port-restricted|$REINTRODUCED_MS|the guest's machine moves|renumber guest $guest_lan
	port-restricted|port-restricted|$REINTRODUCED_MS|the host's machine moves|renumber host $host_lan
END
finish
