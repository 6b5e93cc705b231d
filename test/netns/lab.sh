# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A small internet of network namespaces, to be sourced after tap.sh:
#
#   host - hnat - r1 - r2 - gnat - guest        with rdv, the rendezvous, at r1
#
# Each arrow is a veth pair, each NAT the kernel's own. `host` and `guest` are 192.168.1.2 and
# 192.168.2.2 behind NATs at 198.51.100.2 and 203.0.113.2; rdv is 192.0.2.130. With a second
# NAT level, hnat2 (gnat2) stands between host and hnat on 10.64.1.0/24 (10.64.2.0/24).
# IPv6 is 2001:db8:1::/48 for the host's side, 2001:db8:2::/48 for the guest's, 2001:db8:f::2
# for the rendezvous.
#
# What each kind of NAT does stands in lab-nats.sh.
#
# Programs run by `start` are stopped, and all namespaces removed, however the script ends.

set -u

PATH=$PATH:/usr/sbin:/sbin:/usr/games # a user's own has not all of them
LAB_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$LAB_SOURCE/../.." && pwd)
BUILD=${BUILD:-$ROOT/build}
EYELET=${EYELET:-$BUILD/eyelet}
UDPCHECK=$BUILD/test/udpcheck
LAB_ID=eyelet$$
LAB_NODES=()
LAB_FAMILIES=4 # "4", "6" or "4 6"
declare -A PID=()

. "$LAB_SOURCE/lab-nats.sh"

# ---- beginning and end ----

# Tells whether namespaces, veth and nftables work here, else why not in WHY; leaves no trace.
lab_possible() {
	local error how=-mn
	have ip nft nsenter unshare ss || return 1
	[ "$(id -u)" -eq 0 ] || how=-mrun
	error=$(unshare $how bash -c "$LAB_PROBE" 2>&1 >/dev/null) ||
		fail "no namespaces with nftables for $(id -un) here (${error##*$'\n'})"
}

LAB_PROBE='mount -t tmpfs tmpfs /run && mkdir -p /run/netns && ip netns add probe &&
	ip link add name probe type veth peer name peer netns probe &&
	nft add table ip probe && nft add chain ip probe srcnat \
		"{ type nat hook postrouting priority srcnat; }" &&
	nft add rule ip probe srcnat masquerade'

# Gets the right to make namespaces, or ends the script with 77 and the reason.
lab_begin() { # the script's own arguments, for the second run
	if [ "${LAB_UNSHARED:-}" = 1 ]; then # /run belongs to the real root
		mount -t tmpfs tmpfs /run && mkdir -p /run/netns
		unset LAB_UNSHARED
	else
		lab_possible || lab_give_up "$WHY"
		[ "$(id -u)" -eq 0 ] || exec unshare -mrun env LAB_UNSHARED=1 bash "$0" "$@"
		mkdir -p /run/netns
	fi
	lab_init
}

# The part that also serves tests on loopback, without namespaces.
lab_init() {
	have ss ps || lab_give_up "$WHY"
	LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/$LAB_ID.XXXXXX")
	trap lab_end EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	lab_build udpcheck
}

lab_give_up() { # WHY
	echo "skip - $(basename "$0" .sh): $1"
	exit 77
}

# Compiles a program from NAME.c and its parts (NAME_*.c), or from all of a directory; a rename
# lets several scripts do so at once.
lab_build() { # PROGRAM [DIRECTORY]
	local program=$BUILD/test/$1 new=$BUILD/test/$1.$$ from=$LAB_SOURCE/${2:-} of=${1}
	local sources
	[ $# -eq 1 ] || of=
	[ -e "$program" ] &&
		[ -z "$(find "$from" -name "$of*.[ch]" -newer "$program")" ] && return
	mapfile -t sources < <(find "$from" -name "${of:-*}.c" -o -name "${of:-*}_*.c")
	mkdir -p "$BUILD/test"
	${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -o "$new" "${sources[@]}" &&
		mv "$new" "$program" || lab_give_up "cannot compile $1.c"
}

lab_end() {
	local status=$?
	trap '' HUP INT TERM
	lab_clear
	rmdir "$LAB_DIR"
	exit "$status"
}

# Stops all programs and removes all namespaces of this run.
lab_clear() {
	local name node pid
	for name in "${!PID[@]}"; do
		lab_lives "${PID[$name]}" && kill -TERM "${PID[$name]}"
	done
	for name in "${!PID[@]}"; do
		stop "$name"
	done
	for node in "${LAB_NODES[@]}"; do
		for pid in $(ip netns pids "$(lab_ns "$node")" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null # such as a daemon that a program left
		done
		ip netns del "$(lab_ns "$node")" 2>/dev/null
	done
	LAB_NODES=()
	rm -rf "$LAB_DIR" && mkdir "$LAB_DIR"
}

# ---- nodes and links ----

lab_ns() { # NODE
	echo "$LAB_ID-$1"
}

# Runs a command in a node; without namespaces, in place.
lab_in() { # NODE COMMAND...
	local node=$1
	shift
	if [ -e "/run/netns/$(lab_ns "$node")" ]; then
		nsenter --net="/run/netns/$(lab_ns "$node")" -- "$@"
	else
		"$@"
	fi
}

lab_node() { # NODE
	ip netns add "$(lab_ns "$1")" || return
	LAB_NODES+=("$1")
	ip -n "$(lab_ns "$1")" link set lo up
	lab_in "$1" bash -c '
		cd /proc/sys/net
		for conf in ipv4/conf/{all,default}/rp_filter ipv6/conf/{all,default}/accept_dad \
			ipv6/conf/{all,default}/accept_ra; do
			echo 0 >$conf
		done'
}

lab_router() { # NODE
	lab_node "$1" &&
		lab_in "$1" bash -c 'for f in ipv4/ip_forward ipv6/conf/all/forwarding; do
			echo 1 >/proc/sys/net/$f; done'
}

lab_link() { # NODE INTERFACE NODE INTERFACE
	ip link add "$2" netns "$(lab_ns "$1")" type veth peer name "$4" netns "$(lab_ns "$3")"
	ip -n "$(lab_ns "$1")" link set "$2" up
	ip -n "$(lab_ns "$3")" link set "$4" up
}

# Adds those of the addresses whose family the lab has.
lab_address() { # NODE INTERFACE ADDRESS/LENGTH...
	local node=$1 interface=$2 address
	shift 2
	for address; do
		lab_has_family "$address" || continue
		case $address in
		*:*) ip -n "$(lab_ns "$node")" addr add "$address" dev "$interface" nodad ;;
		*) ip -n "$(lab_ns "$node")" addr add "$address" dev "$interface" ;;
		esac
	done
}

lab_route() { # NODE DESTINATION GATEWAY
	! lab_has_family "$3" || ip -n "$(lab_ns "$1")" route add "$2" via "$3"
}

lab_has_family() { # ADDRESS
	case $1 in
	*:*) [[ $LAB_FAMILIES == *6* ]] ;;
	*) [[ $LAB_FAMILIES == *4* ]] ;;
	esac
}

# ---- topologies ----

# The routers in the middle and the rendezvous.
lab_internet() {
	lab_router r1
	lab_router r2
	lab_node rdv
	lab_link r1 core r2 core
	lab_link r1 rdv rdv eth0
	lab_address r1 core 192.0.2.1/30 2001:db8:e::1/64
	lab_address r2 core 192.0.2.2/30 2001:db8:e::2/64
	lab_address r1 rdv 192.0.2.129/25 2001:db8:f::1/64
	lab_address rdv eth0 192.0.2.130/25 2001:db8:f::2/64
	lab_route rdv default 192.0.2.129
	lab_route rdv default 2001:db8:f::1
	lab_route r1 203.0.113.0/24 192.0.2.2
	lab_route r1 2001:db8:2::/48 2001:db8:e::2
	lab_route r2 default 192.0.2.1
	lab_route r2 default 2001:db8:e::1
}

# What belongs to a side: names, networks, router.
lab_side_names() { # host|guest
	case $1 in
	host) NAT=hnat ROUTER=r1 WAN=198.51.100 LAN=192.168.1 MIDDLE=10.64.1 WAN6=2001:db8:1 ;;
	guest) NAT=gnat ROUTER=r2 WAN=203.0.113 LAN=${LAB_GUEST_LAN:-192.168.2}
		MIDDLE=10.64.2 WAN6=2001:db8:2 ;;
	esac
}

# One side's access: KIND, or OUTER+INNER for two levels, or the name of a usual line.
lab_side() { # host|guest KIND[+KIND]
	local side=$1 kind
	local NAT ROUTER WAN LAN MIDDLE WAN6
	local LAB_FAMILIES=$LAB_FAMILIES
	lab_side_names "$side"
	kind=$(lab_line "$2")
	[ "$2" != ipv6-only ] || LAB_FAMILIES=6
	lab_node "$side"
	if lab_is_tunnat "${kind%+*}"; then
		lab_tunnat_side "$side" "${kind%+*}" "${kind#*+}"
	else
		lab_wan
		lab_kernel_side "$side" "${kind%+*}" "${kind#*+}"
	fi
}

lab_kernel_side() { # host|guest OUTER INNER
	if [ "$2" = none ]; then
		lab_public_lan "$NAT" "$1"
	elif [ "$2" != "$3" ] || [[ $kind == *+* ]]; then
		lab_lan "$NAT" "$MIDDLE" "${NAT}2"
		lab_lan "${NAT}2" "$LAN" "$1"
		lab_nat "$NAT" "$2" "$MIDDLE.2"
		lab_nat "${NAT}2" "$3" "$LAN.2"
	else
		lab_lan "$NAT" "$LAN" "$1"
		lab_nat "$NAT" "$2" "$LAN.2"
	fi
}

# The access link between a side's outermost NAT and its router.
lab_wan() {
	lab_router "$NAT"
	lab_link "$ROUTER" "$NAT" "$NAT" wan
	lab_address "$ROUTER" "$NAT" "$WAN.1/25" "$WAN6::1/64"
	lab_address "$NAT" wan "$WAN.2/25" "$WAN6::2/64"
	lab_route "$NAT" default "$WAN.1"
	lab_route "$NAT" default "$WAN6::1"
	lab_route "$ROUTER" "$WAN.128/25" "$WAN.2"
	lab_route "$ROUTER" "$WAN6:1::/64" "$WAN6::2"
}

# A LAN with private IPv4 addresses and global IPv6 ones; its member may be a router itself.
lab_lan() { # NAT PREFIX MEMBER
	local interface=${LAB_PORT:-eth0}
	case $3 in *nat2) interface=wan && lab_router "$3" ;; esac
	lab_link "$1" lan "$3" "$interface"
	lab_address "$1" lan "$2.1/24" "$WAN6:1::1/64"
	lab_address "$3" "$interface" "$2.2/24" "$WAN6:1::2/64"
	lab_route "$3" default "$2.1"
	lab_route "$3" default "$WAN6:1::1"
}

# A LAN whose member has a public IPv4 address: no NAT at all.
lab_public_lan() { # ROUTER MEMBER
	lab_link "$1" lan "$2" eth0
	lab_address "$1" lan "$WAN.129/25" "$WAN6:1::1/64"
	lab_address "$2" eth0 "$WAN.130/25" "$WAN6:1::2/64"
	lab_route "$2" default "$WAN.129"
	lab_route "$2" default "$WAN6:1::1"
}

# The whole internet with one host and one guest.
lab_two_sides() { # HOST-KIND GUEST-KIND
	lab_internet
	lab_side host "$1"
	lab_side guest "$2"
}

# Host and guest behind one NAT, on one switch.
lab_same_lan() { # KIND
	local NAT ROUTER WAN LAN MIDDLE WAN6 options
	lab_side_names host
	lab_internet
	lab_node host
	lab_node guest
	options=$(lab_tunnat_options "$1")
	if [ "$1" = cgnat ]; then
		lab_tunnat "$NAT" "$options" "$WAN" 100.64.1 "${NAT}2:wan:2"
		lab_switch "${NAT}2"
		lab_nat "${NAT}2" port-restricted "$LAN.2"
	elif [ -n "$options" ]; then
		lab_tunnat "$NAT" "$options --switch" "$WAN" "$LAN" host:eth0:2 guest:eth0:3
	else
		lab_wan
		lab_switch "$NAT"
		lab_nat "$NAT" "$1" "$LAN.2"
	fi
}

# A LAN of gateway, host and guest.
lab_switch() { # GATEWAY
	local member number=1
	lab_node switch
	ip -n "$(lab_ns switch)" link add lan type bridge
	ip -n "$(lab_ns switch)" link set lan up
	for member in "$1" host guest; do
		lab_link switch "$member" "$member" lan
		ip -n "$(lab_ns switch)" link set "$member" master lan
		lab_address "$member" lan "$LAN.$number/24" "$WAN6:1::$number/64"
		[ "$member" = "$1" ] || lab_route "$member" default "$LAN.1"
		[ "$member" = "$1" ] || lab_route "$member" default "$WAN6:1::1"
		number=$((number + 1))
	done
}

# Two homes with a NAT each behind one carrier's NAT.
lab_same_carrier() { # KIND-OF-CARRIER [KIND-OF-HOMES]
	local NAT ROUTER WAN LAN MIDDLE WAN6
	lab_side_names host
	lab_internet
	lab_node host
	lab_node guest
	lab_tunnat "$NAT" "$(lab_tunnat_options "$1")" "$WAN" 100.64.1 hnat2:wan:2 gnat2:wan:3
	lab_lan hnat2 192.168.1 host
	lab_nat hnat2 "${2:-port-restricted}" 192.168.1.2
	lab_lan gnat2 192.168.2 guest
	lab_nat gnat2 "${2:-port-restricted}" 192.168.2.2
}

# Loses datagrams each way on a side's access link, before and after its router sees them.
# (Not tc-netem(8), which many kernels lack; nftables is needed anyway.)
lab_loss() { # host|guest PERCENT
	local NAT ROUTER WAN LAN MIDDLE WAN6
	lab_side_names "$1"
	lab_in "$ROUTER" nft -f - <<-END
		table inet loss_$1
		delete table inet loss_$1
		table inet loss_$1 {
			chain up {
				type filter hook prerouting priority raw
				iifname { "$NAT", "${NAT}4" } numgen random mod 100 < $2 drop
			}
			chain down {
				type filter hook postrouting priority raw
				oifname { "$NAT", "${NAT}4" } numgen random mod 100 < $2 drop
			}
		}
	END
}

# ---- programs ----

# Starts a program in a node; its stdout goes to NAME.out, its stderr to NAME.log.
start() { # NAME NODE COMMAND...
	local name=$1 node=$2
	shift 2
	if [ -e "/run/netns/$(lab_ns "$node")" ]; then
		set -- nsenter --net="/run/netns/$(lab_ns "$node")" -- "$@"
	fi
	truncate -s 0 "$LAB_DIR/$name.out" "$LAB_DIR/$name.log" # there before anyone reads them
	"$@" </dev/null >>"$LAB_DIR/$name.out" 2>>"$LAB_DIR/$name.log" &
	PID[$name]=$!
}

# Is it a process that this shell started and that still runs? The number of one that has
# ended may soon be that of somebody else's.
lab_lives() { # PID
	local state parent
	read -r state parent <<<"$(sed 's/.*) \(.\) \([0-9]*\) .*/\1 \2/' "/proc/$1/stat" 2>/dev/null)"
	[ "$parent" = "$BASHPID" ] && [ "$state" != Z ]
}

running() { # NAME
	[ -n "${PID[$1]:-}" ] && lab_lives "${PID[$1]}"
}

# Asks a program to end; after 3 s makes it. Leaves its exit code in STATUS.
stop() { # NAME
	local pid=${PID[$1]:-}
	[ -n "$pid" ] || return 0
	unset "PID[$1]"
	lab_lives "$pid" && kill -TERM "$pid" 2>/dev/null
	poll 3 lab_gone "$pid" || kill -KILL "$pid" 2>/dev/null
	{ wait "$pid"; } 2>/dev/null
	STATUS=$?
}

lab_gone() { # PID
	[ "$1" != 0 ] && ! lab_lives "$1"
}

kill_hard() { # NAME
	kill -KILL "${PID[$1]}"
	{ wait "${PID[$1]}"; } 2>/dev/null
	unset "PID[$1]"
}

# Waits until a program has ended by itself; leaves its exit code in STATUS.
await_exit() { # NAME SECONDS
	poll "$2" lab_gone "${PID[$1]}" || fail "$1 still runs after $2 s" || return 1
	{ wait "${PID[$1]}"; } 2>/dev/null
	STATUS=$?
	unset "PID[$1]"
}

# ---- waiting, always for a condition and with a deadline ----

poll() { # SECONDS COMMAND...
	local deadline=$(($(date +%s%3N) + $1 * 1000))
	shift
	until "$@"; do
		[ "$(date +%s%3N)" -lt "$deadline" ] || return 1
		sleep 0.02
	done
}

# Waits for a line in what a program prints; gives up at once when the program has ended.
await_line() { # NAME out|log PATTERN SECONDS
	poll "$4" lab_line_or_gone "$LAB_DIR/$1.$2" "$3" "${PID[$1]:-0}"
	grep -Eq -- "$3" "$LAB_DIR/$1.$2" || fail "$1 did not say \"$3\" within $4 s"
}

lab_line_or_gone() { # FILE PATTERN PID
	grep -Eq -- "$2" "$1" || lab_gone "$3"
}

await_udp() { # NODE PORT SECONDS
	poll "$3" lab_has_udp "$1" "$2" || fail "nobody listens on UDP port $2 in $1 after $3 s"
}

lab_has_udp() { # NODE PORT
	[ -n "$(lab_in "$1" ss -Hlun "sport = :$2")" ]
}

# A UDP port that nobody uses; for tests on loopback, where others may live. It is given to
# one caller only, also of those that run at the same time: a directory of its name is made.
# Below the ports that the kernel gives out by itself.
free_port() { # [FIRST [SPAN [STEP]]]
	local port taken=${TMPDIR:-/tmp}/eyelet-ports.$UID
	mkdir -p "$taken"
	find "$taken" -mindepth 1 -maxdepth 1 -mmin +15 -delete
	while port=$((${1:-20000} + RANDOM % (${2:-12000} / ${3:-1}) * ${3:-1}))
		lab_has_udp here "$port" || ! mkdir "$taken/$port" 2>/dev/null; do :; done
	echo "$port"
}

# One for a rendezvous, which answers on ports after it too: from a range of their own.
free_rendezvous_port() {
	free_port 10000 9600 40
}

# Ends of all logs, as comments.
show_logs() {
	local file
	for file in "$LAB_DIR"/*.log; do
		[ -s "$file" ] || continue
		echo "# --- $(basename "$file")"
		tail -n "${LAB_LOG_LINES:-15}" "$file" | cut -c1-300 | sed 's/^/# /'
	done
}
