# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the lab's NATs do; lab.sh sources it. Kinds in RFC 4787's words:
#
# By the kernel (mapping is endpoint-independent wherever ports suffice):
#   none             a public address behind a router, no NAT, no filter
#   cone             endpoint-independent filtering (full cone: all inbound UDP goes inside)
#   addr-restricted  address-dependent filtering
#   port-restricted  address- and port-dependent filtering; unsolicited datagrams are dropped
#   reject           the same, but unsolicited datagrams get an ICMP port unreachable
#   poison           plain masquerade without an input rule: an unsolicited datagram leaves a
#                    conntrack entry at the NAT, and the same port inside is then remapped
#   symmetric        address- and port-dependent mapping with random ports
#   udp-blocked      the same as port-restricted for TCP; UDP does not pass, either way
#
# By tunnat (nat/tunnat.c), IPv4 only and by root with /dev/net/tun only; filtering is
# address- and port-dependent:
#   sequential       address- and port-dependent mapping, each port the next one
#   random           address- and port-dependent mapping with random ports
#   addr-dependent   address-dependent mapping with random ports
#   carrier          endpoint-independent mapping with random ports of a block of 512 for each
#                    address inside; carrier-hairpin hairpins, too
#   short            as port-restricted, but a mapping lives for 5 s after what it last sent
#   absolute         as carrier without blocks, but a mapping dies LAB_LIFETIME s after its
#                    making, whatever the traffic
#   tunnat           whatever LAB_TUNNAT says
#
# Usual lines, for lab_side:
#   cgnat            carrier over a port-restricted NAT at home
#   ipv6-firewall    port-restricted; IPv6 behind a firewall (as all kinds, if the lab has IPv6)
#   ipv6-only        the same without IPv4

LAB_LIFETIME=50 # seconds, of absolute mappings
LAB_TUNNAT=     # options of tunnat

# What a line is made of: KIND or OUTER+INNER.
lab_line() { # KIND
	case $1 in
	cgnat) echo carrier+port-restricted ;;
	ipv6-firewall | ipv6-only) echo port-restricted ;;
	*) echo "$1" ;;
	esac
}

# ---- by the kernel ----

# Loads the rules of a kind; INSIDE is where the kinds that forward send inbound datagrams.
lab_nat() { # NODE KIND INSIDE
	lab_in "$1" nft -f - <<-END
		table ip nat {
			set contacted {
				type inet_service . ipv4_addr
				flags dynamic, timeout
				timeout 60s
			}
			chain srcnat {
				type nat hook postrouting priority srcnat
				oifname "wan" masquerade $([ "$2" != symmetric ] || echo fully-random)
			}
		}
		$(lab_rules "$2" "$3")
		table ip6 firewall {
			chain forward {
				type filter hook forward priority filter
				iifname "wan" ct state { new, invalid } drop
			}
		}
	END
}

lab_rules() { # KIND INSIDE
	case $1 in
	cone) lab_dnat "iifname \"wan\" meta l4proto udp dnat to $2" ;;
	addr-restricted)
		lab_dnat "iifname \"wan\" udp dport . ip saddr @contacted dnat to $2"
		lab_contacted
		lab_input "drop"
		;;
	port-restricted | symmetric) lab_input "drop" ;;
	reject) lab_input "reject with icmp port-unreachable" ;;
	poison) ;;
	udp-blocked) lab_blocked ;;
	*) echo "lab: no such kind of NAT: $1" >&2 ;;
	esac
}

lab_dnat() { # RULE
	cat <<-END
		table ip nat {
			chain dstnat { type nat hook prerouting priority dstnat; $1; }
		}
	END
}

# Notes the mapped port and the address for each datagram that leaves, before the masquerade;
# the two agree on the port, since the kernel keeps it where it can.
lab_contacted() {
	cat <<-END
		table ip nat {
			chain contacts {
				type filter hook forward priority filter
				oifname "wan" meta l4proto udp update @contacted { udp sport . ip daddr }
			}
		}
	END
}

lab_input() { # VERDICT
	cat <<-END
		table ip filter {
			chain input {
				type filter hook input priority filter
				iifname "wan" meta l4proto udp $1
			}
		}
	END
}

lab_blocked() {
	cat <<-END
		table inet blocked {
			chain forward {
				type filter hook forward priority filter
				meta l4proto udp drop
			}
		}
	END
}

# Shortens what a NAT remembers of UDP.
lab_udp_timeout() { # NODE SECONDS
	lab_in "$1" bash -c "for f in udp_timeout udp_timeout_stream; do
		echo $2 >/proc/sys/net/netfilter/nf_conntrack_\$f || exit 1; done" 2>/dev/null
}

# A NAT forgets its mappings.
lab_flush() { # NODE
	if [ -n "${PID[$1]:-}" ]; then
		kill -HUP "${PID[$1]}"
	else
		lab_in "$1" conntrack -F 2>/dev/null || fail "conntrack -F failed in $1"
	fi
}

# ---- by tunnat ----

# Nothing for a kind of the kernel's.
lab_tunnat_options() { # KIND
	local symmetric="--mapping address-port --filtering address-port"
	local carrier="--mapping endpoint --filtering address-port --allocate random"
	case $1 in
	sequential) echo "$symmetric --allocate sequential --delta 1" ;;
	random) echo "$symmetric --allocate random" ;;
	addr-dependent) echo "--mapping address --filtering address-port --allocate random" ;;
	carrier | cgnat) echo "$carrier --block 512" ;;
	carrier-hairpin) echo "$carrier --block 512 --hairpin" ;;
	short) echo "--mapping endpoint --filtering address-port --timeout 5" ;;
	absolute) echo "$carrier --lifetime $LAB_LIFETIME" ;;
	tunnat) echo "$LAB_TUNNAT" ;;
	esac
}

lab_is_tunnat() { # KIND
	[ -n "$(lab_tunnat_options "$1")" ]
}

lab_tunnat_possible() {
	[ -w /dev/net/tun ] || fail "/dev/net/tun is not there or not for us" || return 1
	unshare -n ip tuntap add dev probe mode tun 2>/dev/null || fail "cannot make tun devices"
}

lab_tunnat_build() {
	lab_build tunnat nat
}

# One side behind tunnat, of which IPv6 has a router of its own.
lab_tunnat_side() { # host|guest KIND INNER-KIND
	local options
	options=$(lab_tunnat_options "$2")
	if lab_has_family "$WAN6::"; then
		LAB_FAMILIES=6 lab_wan
		LAB_FAMILIES=6 LAB_PORT=eth6 lab_lan "$NAT" "$LAN" "$1"
		lab_nat "$NAT" port-restricted "$LAN.2"
	fi
	lab_has_family "$WAN.2" || return 0
	if [ "$2" = "$3" ]; then
		lab_tunnat "$NAT" "$options" "$WAN" "$LAN" "$1:eth0:2"
	else
		MIDDLE=100.64.${MIDDLE##*.}
		lab_tunnat "$NAT" "$options" "$WAN" "$MIDDLE" "${NAT}2:wan:2"
		LAB_FAMILIES=4 lab_lan "${NAT}2" "$LAN" "$1"
		lab_nat "${NAT}2" "$3" "$LAN.2"
	fi
}

# Puts a tunnat between ROUTER and the machines inside; its node has no IPv4 of its own, so
# that it is exactly one hop. INTERFACE and NUMBER are where and as whom it is a member.
lab_tunnat() { # NODE OPTIONS WAN LAN MEMBER:INTERFACE:NUMBER...
	local node=$1 options=$2 wan=$3 lan=$4 member interface number insides=()
	shift 4
	lab_exists "$node" || lab_node "$node"
	for member; do
		number=${member##*:}
		insides+=(--inside "in$number=$lan.$number")
	done
	lab_tunnat_build
	# shellcheck disable=SC2086 # options are words
	start "$node" "$node" "$BUILD/test/tunnat" --outside "out=$wan.2" --own "$lan.1" \
		"${insides[@]}" $options
	await_line "$node" out '^ready' 5 || return
	lab_move "$node" out "$ROUTER" "${node}4"
	lab_address "$ROUTER" "${node}4" "$wan.1/25"
	for member; do
		IFS=: read -r member interface number <<<"$member"
		lab_exists "$member" || lab_router "$member"
		lab_move "$node" "in$number" "$member" "$interface"
		lab_address "$member" "$interface" "$lan.$number/24"
		lab_route "$member" default "$lan.1"
	done
}

lab_exists() { # NODE
	[ -e "/run/netns/$(lab_ns "$1")" ]
}

lab_move() { # NODE INTERFACE NODE INTERFACE
	ip -n "$(lab_ns "$1")" link set "$2" netns "$(lab_ns "$3")" name "$4"
	ip -n "$(lab_ns "$3")" link set "$4" up
}
