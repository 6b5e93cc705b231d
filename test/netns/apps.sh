#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Real, unmodified applications through two NATs, one of them poisoning.
# usage: apps.sh [APPLICATION...], of dns iperf mosh sip teeworlds

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

PATH=$PATH:/usr/sbin:/usr/games
lab_begin "$@"
need_eyelet

# Makes the host's 127.0.0.1:TARGET known to the guest as 127.0.0.1:LISTEN.
forward() { # TARGET LISTEN
	start_serve_as "serve$1" "$1" && start_connect_as "connect$2" "$2" &&
		await_connected 10 "connect$2"
}

app_dns() {
	local answer
	have dnsmasq dig || return 77
	start dnsmasq host dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
		--user=root --pid-file= --listen-address=127.0.0.1 --bind-interfaces --port=5300 \
		--edns-packet-max=4096 --address=/game.example/192.0.2.77 "$(long_record)"
	await_udp host 5300 5 && forward 5300 5301 || return 1
	answer=$(lab_in guest dig @127.0.0.1 -p 5301 +notcp +short game.example)
	[ "$answer" = 192.0.2.77 ] || fail "dig got \"$answer\"" || return 1
	answer=$(lab_in guest dig @127.0.0.1 -p 5301 +notcp +ignore +bufsize=4096 long.example TXT)
	[[ $answer == *"status: NOERROR"* ]] && [ "$(grep -o xxxxx <<<"$answer" | wc -l)" -ge 600 ] ||
		fail "dig got no whole answer of 3000 bytes"
}

# One record larger than an MTU, of strings of 250 letters.
long_record() {
	local text number
	text=$(printf 'x%.0s' {1..250})
	printf -- '--txt-record=long.example'
	for number in {1..12}; do
		printf ',%s' "$text"
	done
}

# Three tries: while the machine stands still, 20 Mbit/s are lost with or without us.
app_iperf() {
	have iperf || return 77
	forward 5001 5002 || return 1
	iperf_whole || iperf_whole || iperf_whole
}

# The server's own report says what got lost; iperf 2 asks it for that at the end. Some of its
# servers die at their second client.
iperf_whole() {
	local report
	stop iperf
	start iperf host iperf --server --udp --bind 127.0.0.1 --port 5001
	await_udp host 5001 5 || return 1
	report=$(lab_in guest timeout 20 iperf --client 127.0.0.1 --udp --port 5002 \
		--bandwidth 20M --len 1200 --time 3 2>&1)
	echo "# iperf: $(grep -A 3 'Server Report' <<<"$report" | grep -E '[0-9]+/ *[0-9]+' |
		tail -n 1 | tr -s ' ')"
	grep -A 3 'Server Report' <<<"$report" | grep -Eq ' 0/ *[0-9]+ \(0%\)' ||
		fail "$(tail -n 3 <<<"$report" | tr '\n' ' ')"
}

app_mosh() {
	local key result
	have mosh-server mosh-client python3 || return 77
	key=$(LC_ALL=C.UTF-8 lab_in host mosh-server new -i 127.0.0.1 -p 60001 -- \
		env PS1='ready$ ' bash --norc --noprofile 2>"$LAB_DIR/mosh.log" |
		awk '/CONNECT/ { print $4 }')
	[ -n "$key" ] || fail "mosh-server gave no key" || return 1
	forward 60001 60002 || return 1
	result=$(LC_ALL=C.UTF-8 MOSH_KEY=$key lab_in guest python3 "$LAB_SOURCE/moshtype.py" \
		127.0.0.1 60002 2>&1) || fail "$result" || return 1
	echo "# mosh: $result"
}

# Two pairs on equal ports at both ends, as SDP names the port for the audio.
app_sip() {
	local port=6000
	have sipp || return 77
	head -c 16000 /dev/urandom >"$LAB_DIR/audio.raw" # 2 s of 8 kHz PCMU in 100 datagrams
	start callee host env TERM=dumb sipp -sn uas -i 127.0.0.1 -p 5060 -mi 127.0.0.1 -mp "$port" \
		-rtp_echo -nostdin
	await_udp host 5060 5 && await_udp host "$port" 5 && forward 5060 5060 &&
		forward "$port" "$port" || return 1
	count_datagrams guest "$port"
	start caller guest env -C "$LAB_DIR" TERM=dumb sipp -sf "$LAB_SOURCE/sip-caller.xml" \
		-i 127.0.0.1 -p 5061 -mi 127.0.0.1 -mp 7000 -m 1 -nostdin 127.0.0.1:5060
	await_exit caller 20 || return 1
	[ "$STATUS" -eq 0 ] || fail "sipp ended with $STATUS" || return 1
	poll 5 audio_back
	echo "# sip: bytes of audio sent $(counted guest sent), echoed $(counted guest echoed)"
	[ "$(counted guest sent)" -ge 16000 ] && audio_back || fail "not all audio came back"
}

audio_back() {
	[ "$(counted guest echoed)" -eq "$(counted guest sent)" ]
}

# Counts what goes to a port on loopback, and what comes from there.
count_datagrams() { # NODE PORT
	lab_in "$1" nft -f - <<-END
		table ip count {
			counter sent { }
			counter echoed { }
			chain input {
				type filter hook input priority filter
				iifname "lo" udp dport $2 counter name sent
				iifname "lo" udp sport $2 counter name echoed
			}
		}
	END
}

# Payload, as several datagrams may arrive in one packet's headers (UDP_SEGMENT).
counted() { # NODE COUNTER
	lab_in "$1" nft list counter ip count "$2" | awk '/packets/ { print $4 - 28 * $2 }'
}

app_teeworlds() {
	local result
	have teeworlds-server python3 || return 77
	start teeworlds host env HOME="$LAB_DIR" teeworlds-server "sv_name eyelet test" \
		"sv_port 8303" "sv_register 0" "bindaddr 127.0.0.1"
	await_udp host 8303 10 && forward 8303 8304 || return 1
	result=$(lab_in guest python3 "$LAB_SOURCE/twinfo.py" 127.0.0.1 8304 50 2>&1) ||
		fail "$result" || return 1
	[[ $result == *"name=eyelet test"* ]] || fail "$result" || return 1
	echo "# teeworlds: $(tail -n 1 <<<"$result")"
}

run_app() { # NAME
	WHY=
	"app_$1"
	case $? in
	0) ok "application $1" ;;
	77) skip "application $1" "$WHY" ;;
	*) not_ok "application $1" && show_logs ;;
	esac
}

lab_two_sides port-restricted poison
start_rendezvous || { not_ok "rendezvous starts"; finish; }
[ $# -gt 0 ] || set -- dns iperf mosh sip teeworlds
for app; do
	run_app "$app"
done
finish
