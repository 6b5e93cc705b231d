#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs in the booted system of test/deb.sh, where the packages are installed: what the
# rendezvous's unit does under systemd. Leaves TAP lines in /root/tap and powers off.
set -u
exec >/root/tap 2>/root/log
trap 'systemctl poweroff' EXIT
export STATE_DIRECTORY=/tmp DEBIAN_FRONTEND=noninteractive
unit=eyelet-rendezvous

expect() { # what, command...
	local what=$1
	shift
	echo "== $what" >&2
	if "$@" >&2; then
		echo "ok - deb: $what"
	else
		echo "not ok - deb: $what"
		{ tail -n 20 /root/log; journalctl -q -n 20 -u $unit; } | sed 's/^/# /'
	fi
}

# A host that registers proves that the rendezvous answers from within its confinement.
answers() { # ADDR:PORT
	local pid registered=1
	eyelet serve 9 -r "$1" >/dev/null 2>/root/serve &
	pid=$!
	for _ in $(seq 200); do
		grep -q 'registered at' /root/serve && registered=0 && break
		sleep 0.1
	done
	kill $pid
	wait $pid
	cat /root/serve
	return $registered
}

main_pid() {
	systemctl show --value -p MainPID $unit
}

has_no_rights() {
	local status
	status=/proc/$(main_pid)/status
	grep -E '^(Uid|Cap|NoNewPrivs|Seccomp)' "$status"
	! grep -E '^Uid:.*\b0\b' "$status" && ! grep -E '^Cap...:.*[1-9a-f]' "$status"
}

reloads() {
	systemctl reload $unit && journalctl -q -u $unit | grep SIGHUP
}

is_restarted_by_upgrade() {
	local before
	before=$(main_pid)
	apt-get -q -y install --reinstall /root/debs/eyelet_*.deb && systemctl is-active $unit &&
		[ "$(main_pid)" != "$before" ]
}

takes_a_low_port() {
	mkdir -p /etc/systemd/system/$unit.service.d
	grep -A 3 '^# *\[Service\]' /lib/systemd/system/$unit.service | sed 's/^# *//' \
		>/etc/systemd/system/$unit.service.d/low.conf
	echo 'RENDEZVOUS_OPTIONS="--listen 127.0.0.1:443"' >/etc/default/$unit
	systemctl daemon-reload && systemctl restart $unit && answers 127.0.0.1:443
}

gives_up_a_wrong_option() {
	echo 'RENDEZVOUS_OPTIONS="--nonsense"' >/etc/default/$unit
	systemctl restart $unit
	for _ in $(seq 100); do
		systemctl is-failed $unit && return
		sleep 0.1
	done
	return 1
}

ends_with_the_package() {
	echo 'RENDEZVOUS_OPTIONS=' >/etc/default/$unit
	rm -r /etc/systemd/system/$unit.service.d
	systemctl daemon-reload && systemctl restart $unit && answers 127.0.0.1 &&
		apt-get -q -y remove eyelet && [ -z "$(ss -Hlun)" ]
}

expect "the unit is not started by installing it" test "$(systemctl is-active $unit)" = inactive
expect "the unit starts" systemctl start $unit
expect "the unit's rendezvous answers" answers 127.0.0.1
expect "the unit's rendezvous has no rights" has_no_rights
expect "the unit reloads" reloads
expect "an upgrade restarts the unit" is_restarted_by_upgrade
expect "the drop-in of its head gives the unit a low port" takes_a_low_port
expect "the unit gives up a wrong option" gives_up_a_wrong_option
expect "removal ends the unit" ends_with_the_package
echo '# end'
