#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Where UDP is blocked they meet by TCP, and where that is blocked, too, by TLS, of which the
# certificate is verified. When UDP comes back the session moves to it and loses nothing.
# usage: stream.sh [quick]

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"
. "$(dirname "$0")/traffic.sh"

WITHIN_MS=5000 # for a session to go on after the rendezvous was killed
FORGOTTEN_MS=6000 # and after a NAT forgot its stream
BACK=60        # seconds until UDP that gets through again is found
lab_begin "$@"
need_eyelet

# ---- lines ----

# What the NATs of both sides let out; each scene begins without.
block() { # NODE RULE...
	local node=$1
	shift
	lab_in "$node" nft -f - <<-END
		table inet walled
		delete table inet walled
		table inet walled {
			chain forward {
				type filter hook forward priority filter
				$(printf '%s\n' "$@")
			}
		}
	END
}

unblock() { # NODE
	lab_in "$1" nft delete table inet walled
}

no_udp="meta l4proto udp drop"
no_tcp="tcp dport 3478 drop"

# ---- certificates ----

# An authority, and what it signed for the names given.
make_authority() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj "/CN=$1" -keyout "$LAB_DIR/$1.key" -out "$LAB_DIR/$1.pem" 2>/dev/null
}

make_certificate() { # NAME AUTHORITY ALTERNATIVE-NAMES
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-CA "$LAB_DIR/$2.pem" -CAkey "$LAB_DIR/$2.key" -subj "/CN=$1" \
		-addext "subjectAltName=$3" -addext basicConstraints=critical,CA:FALSE \
		-keyout "$LAB_DIR/$1.key" -out "$LAB_DIR/$1.pem" 2>/dev/null
}

make_certificates() {
	make_authority ca && make_authority other && make_certificate right ca IP:192.0.2.130 &&
		make_certificate wrong ca DNS:rdv.example.org || fail "openssl makes no certificate"
}

# ---- scenes ----

met() { # PATTERN-OF-CONNECT
	await_line connect log "connected $1 in [0-9]+ ms" 20 && carry 7001
}

by_tcp() { # NODE...
	local node
	lab_two_sides none none
	for node; do
		block "$node" "$no_udp"
	done
	start_rendezvous && start_echo 7000 && start_serve 7000 && start_connect 7001
}

guest_blocked() {
	by_tcp gnat && met 'over the relay at .*, by TCP' &&
		await_line connect log 'UDP seems to be blocked here' 1
}

host_blocked() {
	by_tcp hnat && await_line serve log 'registered at .*, by TCP' 10 &&
		met 'over the relay at .*'
}

both_blocked() {
	by_tcp hnat gnat && met 'over the relay at .*, by TCP'
}

# With what the rendezvous shows, and whom the guest believes.
by_tls() { # CERTIFICATE AUTHORITY
	lab_two_sides none none
	make_certificates || return 1
	block hnat "$no_udp" "$no_tcp"
	block gnat "$no_udp" "$no_tcp"
	start_rendezvous --tls "$LAB_DIR/$1.pem" "$LAB_DIR/$1.key" && start_echo 7000 &&
		start_serve 7000 --ca "$LAB_DIR/ca.pem" &&
		start_connect 7001 --timeout 8 --ca "$LAB_DIR/$2.pem"
}

tls_only() {
	by_tls right ca && met 'over the relay at .*, by TLS' && reloads
}

# A rendezvous beside a web server: its port for TLS comes with -r, and to the guest by the ticket.
tls_elsewhere() {
	lab_two_sides none none
	make_certificates || return 1
	block hnat "$no_udp" "$no_tcp"
	block gnat "$no_udp" "$no_tcp"
	start_rendezvous --tls "$LAB_DIR/right.pem" "$LAB_DIR/right.key" \
		--tls-listen 0.0.0.0:8443 && start_echo 7000 || return 1
	start_eyelet serve host serve 7000 -r "$RDV:3478:8443" --ca "$LAB_DIR/ca.pem"
	await_line serve out '^eyelet:.*@192.0.2.130:3478:8443$' 20 || return 1
	TICKET=$(grep -m1 '^eyelet:' "$LAB_DIR/serve.out")
	start_connect 7001 --timeout 8 --ca "$LAB_DIR/ca.pem" &&
		met 'over the relay at .*, by TLS'
}

# A certificate that is read again is the next one's; one that is wrong changes nothing.
reloads() {
	kill -HUP "${PID[rdv]}"
	await_line rdv log 'the certificate in .* is in use from now on' 5 || return 1
	: >"$LAB_DIR/right.pem"
	kill -HUP "${PID[rdv]}"
	await_line rdv log 'the certificate of before stays in use' 5 &&
		await_line rdv log 'cannot read the certificate in' 5
}

refused() { # CERTIFICATE AUTHORITY SENTENCE
	by_tls "$1" "$2" || return 1
	await_line connect log "$3" 10 && await_exit connect 12 || return 1
	[ "$STATUS" -eq 5 ] || fail "exit code $STATUS, not 5"
}

# Nothing is lost, nothing doubled, and the target sees one client.
moves_back() {
	by_tcp gnat && await_line connect log 'connected over the relay at .*, by TCP' 20 &&
		under_traffic 500 "" udp_comes_back || return 1
	[ "$(value_of lost "$LINE")" = 0 ] || fail "lost: $LINE"
}

udp_comes_back() {
	await_answers 100 10
	unblock gnat
	await_line connect log 'connected directly|path changed' "$BACK" && await_answers 200 10
}

heals() {
	by_tcp hnat gnat && await_line connect log 'connected over the relay at .*, by TCP' 20 &&
		under_traffic "$WITHIN_MS" "" restart_rendezvous
}

# A NAT that lost the connection's state and says nothing: another connection gets through.
forgotten() {
	by_tcp gnat && await_line connect log 'connected over the relay at .*, by TCP' 20 &&
		under_traffic "$FORGOTTEN_MS" "" forget_stream
}

forget_stream() {
	local port
	await_answers 100 10
	port=$(lab_in guest ss -Htn state established dport = :3478 |
		awk '{ sub(/.*:/, "", $3); print $3; exit }')
	[ -n "$port" ] || fail "no stream to be forgotten" || return 1
	block gnat "$no_udp" "tcp sport $port drop" "tcp dport $port drop"
}

restart_rendezvous() {
	kill_hard rdv
	start_rendezvous
}

refuses_files() {
	local node=here out
	make_certificates || return 1
	out=$(timeout 10 "$EYELET" rendezvous --listen 127.0.0.1:0 --tls /nowhere /nowhere 2>&1)
	[ $? -eq 1 ] && [[ $out == *"cannot read the certificate in /nowhere: No such file"* ]] ||
		fail "$out" || return 1
	out=$(timeout 10 "$EYELET" rendezvous --listen 127.0.0.1:0 \
		--tls "$LAB_DIR/right.pem" "$LAB_DIR/wrong.key" 2>&1)
	[ $? -eq 1 ] && [[ $out == *"the key is another one's"* ]] || fail "$out"
}

run() { # NAME COMMAND...
	check "$@"
	lab_clear
}

run "the guest's UDP is blocked: by TCP" guest_blocked
! have openssl || run "UDP and TCP 3478 are blocked: by TLS" tls_only
[ "${1:-}" != quick ] || finish
run "the host's UDP is blocked: by TCP" host_blocked
run "both sides' UDP is blocked: by TCP" both_blocked
run "UDP comes back: the session moves to it and loses nothing" moves_back
run "the rendezvous is killed and started again: below $WITHIN_MS ms" heals
run "a NAT forgets the guest's stream: below $FORGOTTEN_MS ms" forgotten
have openssl || { skip "stream TLS" "openssl missing"; finish; }
run "TLS at another port than 443" tls_elsewhere
run "an authority that is not believed is refused" refused right other \
	'the certificate of 192.0.2.130 is not valid: (unable|self)'
run "a certificate for another name is refused" refused wrong ca \
	'the certificate of 192.0.2.130 is not valid: IP address mismatch'
run "certificates and keys that are wrong end the rendezvous" refuses_files
finish
