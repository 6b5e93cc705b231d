#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A router that maps ports (miniupnpd) before a host behind a symmetric NAT: a guest behind
# another symmetric NAT connects directly, by PCP, by NAT-PMP and by UPnP, each alone; and a
# host behind one reaches a guest that has a mapped port. What was mapped is removed at the
# end, and is there again when the router was restarted.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

MINIUPNPD=$(PATH=$PATH:/usr/sbin:/sbin command -v miniupnpd)

# Routers map nothing to a documentation address of their own, so here both have others.
eval "usual_$(declare -f lab_side_names)"
lab_side_names() { # host|guest
	usual_lab_side_names "$1"
	case $1 in
	host) WAN=11.51.100 ;;
	guest) WAN=11.3.113 ;;
	esac
}

build_lab() { # HOST-KIND
	lab_two_sides "$1" symmetric && lab_route r1 11.3.113.0/24 192.0.2.2
}

# Has a side's router map ports, by PROTOCOL alone.
start_router() { # host|guest pcp|natpmp|upnp|nothing
	local NAT ROUTER WAN LAN MIDDLE WAN6 upnp=no natpmp=yes refused=
	lab_side_names "$1"
	case $2 in
	pcp) refused='udp dport 5351 @th,64,8 0 drop' ;;
	natpmp) refused='udp dport 5351 @th,64,8 2 drop' ;;
	upnp) upnp=yes natpmp=no ;;
	esac
	lab_in "$NAT" nft -f - <<-END
		table inet miniupnpd
		delete table inet miniupnpd
		table inet miniupnpd {
			chain miniupnpd { }
			chain prerouting_miniupnpd { }
			chain postrouting_miniupnpd { }
			chain forward { type filter hook forward priority 0; jump miniupnpd; }
			chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
			chain postrouting { type nat hook postrouting priority 90; jump postrouting_miniupnpd; }
			chain refused { type filter hook input priority 0; $refused; }
		}
	END
	cat >"$LAB_DIR/$1-router.conf" <<-END
		ext_ifname=wan
		listening_ip=lan
		enable_natpmp=$natpmp
		enable_upnp=$upnp
		upnp_table_name=miniupnpd
		upnp_nat_table_name=miniupnpd
		upnp_forward_chain=miniupnpd
		upnp_nat_chain=prerouting_miniupnpd
		upnp_nat_postrouting_chain=postrouting_miniupnpd
		secure_mode=yes
		system_uptime=no
		uuid=00000000-0000-0000-0000-000000000000
		allow 1024-65535 $LAN.0/24 1024-65535
		deny 0-65535 0.0.0.0/0 0-65535
	END
	start "$1-router" "$NAT" "$MINIUPNPD" -d -f "$LAB_DIR/$1-router.conf" \
		-P "$LAB_DIR/$1-router.pid"
	if [ "$natpmp" = yes ]; then await_udp "$NAT" 5351 5; else await_udp "$NAT" 1900 5; fi
}

# Ports that the host's router maps.
mapped_ports() { # NAT
	lab_in "$1" nft list chain inet miniupnpd prerouting_miniupnpd | grep -c dnat
}

maps_none() { # NAT
	[ "$(mapped_ports "$1")" -eq 0 ]
}

maps_one() { # NAT
	[ "$(mapped_ports "$1")" -eq 1 ]
}

await_mapped() { # NAME PROTOCOL ADDRESS SECONDS
	await_line "$1" log "the router maps $3:[0-9]+ to us \\($2\\)" "$4"
}

connects_directly() {
	start_connect 7001 "$@" && await_connected 20 && ping_target 7001 --count 20 --size 500
}

# The same, both ways round; at the end nothing is mapped any more.
host_is_mapped() { # CONFIGURED PROTOCOL
	build_lab symmetric && start_rendezvous --no-relay && start_echo 7000 &&
		start_router host "$1" && start_serve 7000 &&
		await_mapped serve "$2" 11.51.100.2 10 || return 1
	maps_one hnat || fail "the router says otherwise: $(mapped_ports hnat) ports" || return 1
	connects_directly --no-port-mapping || return 1
	stop serve
	[ "$STATUS" -eq 0 ] || fail "serve ended with $STATUS" || return 1
	poll 3 maps_none hnat || fail "the mapping is still there after the end"
}

guest_is_mapped() {
	build_lab symmetric && start_rendezvous --no-relay && start_echo 7000 &&
		start_router guest pcp && start_serve 7000 --no-port-mapping &&
		connects_directly --json || return 1
	grep -q 'the router maps 11.3.113.2' "$LAB_DIR/connect.log" ||
		fail "the guest has no mapping" || return 1
	grep -q '"event":"port-mapped".*"address":"11.3.113.2:.*"protocol":"PCP"' \
		"$LAB_DIR/connect.out" || fail "no event says so" || return 1
	kill -INT "${PID[connect]}"
	await_exit connect 5 || return 1
	poll 3 maps_none gnat || fail "the mapping is still there after the end"
}

# Without a third machine: the ticket names the router's address.
inside_is_mapped() { # CONFIGURED PROTOCOL
	build_lab port-restricted && start_echo 7000 && start_router host "$1" || return 1
	start_eyelet serve host serve 7000
	await_mapped serve "$2" 11.51.100.2 10 && await_line serve out '^eyelet:' 10 || return 1
	TICKET=$(grep -m1 '^eyelet:' "$LAB_DIR/serve.out")
	[[ $TICKET == *@11.51.100.2:* ]] || fail "the ticket names ${TICKET#*@}" || return 1
	connects_directly --no-port-mapping
}

# The router maps nothing: a word of warning, and the ticket for the own network, in time.
inside_is_warned() {
	build_lab port-restricted && start_echo 7000 || return 1
	start_eyelet serve host serve 7000
	await_line serve out '^eyelet:.*@192.168.1.2:3478$' 8 &&
		await_line serve log 'which only its own network can reach' 1
}

# A restart shows in the epoch only if that had come to a few seconds.
has_run() { # PROGRAM SECONDS
	[ "$(ps -o etimes= -p "${PID[$1]}")" -ge "$2" ]
}

# Restarted, it has forgotten all; that shows in its epoch, which it announces.
survives_a_restart() { # CONFIGURED PROTOCOL
	build_lab symmetric && start_rendezvous --no-relay && start_echo 7000 &&
		start_router host "$1" && start_serve 7000 &&
		await_mapped serve "$2" 11.51.100.2 10 || return 1
	poll 10 has_run host-router 5
	kill_hard host-router
	start_router host "$1" || return 1
	poll 15 maps_one hnat || fail "nothing is mapped after the restart" || return 1
	connects_directly --no-port-mapping
}

# Without a router's help the same two do not meet, and nobody is asked who need not be.
is_needed() {
	build_lab symmetric && start_rendezvous --no-relay && start_echo 7000 &&
		start_router host pcp && start_serve 7000 --no-port-mapping || return 1
	start_connect 7001 --no-port-mapping --timeout 4
	await_exit connect 10 || return 1
	[ "$STATUS" -ne 0 ] || fail "connected all the same" || return 1
	maps_none hnat || fail "the router was asked"
}

# What netcheck tells of a peer behind any NAT counts on the port, which is removed after it.
netcheck_counts_on_it() {
	local seen
	build_lab symmetric && start_rendezvous && start_router host pcp || return 1
	seen=$(lab_in host timeout 60 "$EYELET" netcheck -r "$RDV" --json) || return 1
	[[ $seen == *'"kind":"random-symmetric"'*'"port_mapping":true,"port_mapped":"11.51.100.2:'* ]] &&
		[[ $seen == *'"port_mapping_protocol":"PCP"'*'"way_random-symmetric":"direct"'* ]] ||
		fail "$seen" || return 1
	poll 3 maps_none hnat || fail "the mapping is still there after the end"
}

lab_begin "$@"
need_eyelet
[ -n "$MINIUPNPD" ] || lab_give_up "miniupnpd is not installed"
check "port mapping: without it they do not meet" is_needed
lab_clear
for way in pcp/PCP natpmp/NAT-PMP upnp/UPnP; do
	check "port mapping: of the host by ${way#*/}, and its end" host_is_mapped "${way%/*}" "${way#*/}"
	lab_clear
done
check "port mapping: of the guest, and its end" guest_is_mapped
lab_clear
check "port mapping: netcheck counts on it" netcheck_counts_on_it
lab_clear
check "port mapping: of the rendezvous inside" inside_is_mapped pcp PCP
lab_clear
check "port mapping: of the rendezvous inside, by no router" inside_is_warned
lab_clear
for way in pcp/PCP natpmp/NAT-PMP; do
	check "port mapping: a restarted router, by ${way#*/}" survives_a_restart "${way%/*}" "${way#*/}"
	lab_clear
done
finish
