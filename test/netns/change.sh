# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What may happen to networks while a pair is connected. To be sourced after lab.sh.

# The NAT maps the ports that programs inside use now to others, the same for every
# destination, and has forgotten the old mappings. Each time to other ones.
CHANGES=0
remap() { # NAT SIDE
	local port rules=
	CHANGES=$((CHANGES + 1))
	for port in $(public_ports "$2"); do
		rules+="insert rule ip nat srcnat oifname \"wan\" udp sport $port"
		rules+=" masquerade to :$(((port + 7919 * CHANGES) % 40000 + 20000))"$'\n'
	done
	[ -n "$rules" ] || fail "$2 has no public socket" || return 1
	lab_in "$1" nft -f - <<<"$rules" && forget "$1"
}

# Ports of a side's UDP sockets that are not on loopback.
public_ports() { # SIDE
	lab_in "$1" ss -Hlun4 | awk '$4 !~ /^127\./ { sub(/.*:/, "", $4); print $4 }' | sort -u
}

forget() { # NAT
	lab_flush "$1"
}

# An interface has another address from now on, the old one is gone. One process does it all:
# between the addresses there is no network.
renumber() { # NODE INTERFACE OLD NEW LENGTH GATEWAY
	ip -n "$(lab_ns "$1")" -batch - <<-END
		addr add $4/$5 dev $2
		addr del $3/$5 dev $2
		addr replace $4/$5 dev $2
		route replace default via $6
	END
}

# Until the NAT has forgotten the old address, what is mapped to it is lost: DOWN_MS.
renumber_nat() { # NAT INTERFACE OLD NEW LENGTH GATEWAY
	local from
	from=$(date +%s%3N)
	renumber "$@" && forget "$1" || return 1
	DOWN_MS=$(($(date +%s%3N) - from))
}

# MTU of the link in the middle.
set_mtu() { # MTU
	ip -n "$(lab_ns r1)" link set core mtu "$1" && ip -n "$(lab_ns r2)" link set core mtu "$1"
}

# The routers tell nobody what does not fit.
black_hole() {
	local node
	for node in r1 r2; do
		lab_in "$node" nft -f - <<-'END' || return 1
			table ip hole {
				chain output {
					type filter hook output priority filter
					icmp type destination-unreachable icmp code frag-needed drop
				}
			}
		END
	done
}
