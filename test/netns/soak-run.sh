#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The real pair for a long time: 50 flows with datagrams of all sizes, while NATs map anew,
# the access links lose 2 %, and in the first half rendezvous, guest and host are killed and
# started again. Every datagram is accounted for: none is doubled or changed, and none lost
# or reordered but in the seconds around an event that may do so. In the second half, when the
# programs live on, their memory and descriptors do not grow.
# usage: soak.sh [MINUTES], 3 or more

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"
. "$(dirname "$0")/change.sh"

MINUTES=${1:-5}
FLOWS=50
RATE=1000        # datagrams a second, of all flows
LOSS=2           # percent, at four places on the way there and back
LOSS_ALLOWED=15  # percent of round trips, since large datagrams go in parts
RECOVERY=5       # seconds within which traffic resumes after an event
GROWTH_KB=2048   # resident memory, in the second half
GROWTH_FDS=3
STILL_MS=100     # that the generator does not run are a standstill of the machine
STILL_ALLOWED=10 # percent of the seconds
VISITORS=5       # short flows in each cycle
FLOW_IDLE=330    # seconds after which a flow without traffic is closed
lab_begin "$@"
need_eyelet
lab_build udpflows

WINDOWS=$LAB_DIR/windows # lines of: event, first second, last second
SAMPLES=$LAB_DIR/samples # lines of: seconds since the beginning, program, kB, descriptors
BEGAN=$SECONDS
END=$((BEGAN + MINUTES * 60))
HALF=$((BEGAN + MINUTES * 30))
CYCLE=$((MINUTES < 20 ? 30 : 60)) # seconds

# ---- events ----

# An event that may lose what is under way, and RECOVERY seconds more.
disturb() { # NAME COMMAND...
	local name=$1 from
	shift
	from=$(($(date +%s) - 1))
	"$@" || fail "$name: $WHY" || return 1
	sleep $((RECOVERY + 1)) # what is lost from here on counts
	echo "$name $from $(date +%s)" >>"$WINDOWS"
}

# An event that may not lose anything.
undisturbed() { # COMMAND...
	"$@" && sleep $((RECOVERY + 1))
}

lossy() { # SECONDS
	local from
	from=$(($(date +%s) - 1))
	lab_loss host "$LOSS" && lab_loss guest "$LOSS" && sleep "$1" &&
		lab_loss host 0 && lab_loss guest 0 || return 1
	echo "lossy $from $(($(date +%s) + 1))" >>"$WINDOWS"
}

restart() { # NAME
	kill_hard "$1"
	case $1 in
	rdv) start_rendezvous ;;
	serve) start_serve 7000 ;;
	connect) start_connect 7001 ;;
	esac
}

# Applications that come and go: the flows that they leave must not add up.
visitors() {
	local number
	for ((number = 1; number <= VISITORS; number++)); do
		ping_target 7001 --count 20 --rate 200 || fail "visitor: $line" || return 1
	done
}

# ---- programs ----

sample() {
	local name pid
	for name in rdv serve connect; do
		running "$name" || fail "$name has ended" || return 1
		pid=${PID[$name]}
		echo "$((SECONDS - BEGAN)) $name $(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")" \
			"$(find "/proc/$pid/fd" -type l | wc -l)"
	done >>"$SAMPLES"
}

cycle() { # NUMBER
	local programs=(rdv connect serve)
	sample && lossy $((CYCLE / 4)) && visitors &&
		disturb guest-nat remap gnat guest || return 1
	if [ "$SECONDS" -ge "$HALF" ]; then
		disturb host-nat remap hnat host
	elif [ "${programs[$1 % 3]}" = rdv ]; then
		undisturbed restart rdv
	else
		disturb "restart-${programs[$1 % 3]}" restart "${programs[$1 % 3]}"
	fi
}

soak() {
	local number=0 next
	start flows guest timeout $((MINUTES * 60 + 300)) "$BUILD/test/udpflows" 127.0.0.1 7001 \
		"$FLOWS" "$RATE"
	while [ "$SECONDS" -lt "$END" ]; do
		next=$((SECONDS + CYCLE))
		cycle "$number" || return 1
		number=$((number + 1))
		[ "$next" -le "$SECONDS" ] || sleep $((next - SECONDS))
	done
	sample
	stop flows
	echo "# $(tail -n 1 "$LAB_DIR/flows.out")"
}

# ---- what became of it ----

# Sums up the seconds inside and outside of the events' windows. While the machine stands
# still, and just before and after, nothing is held against us.
account() {
	awk '
		function value(field) { sub(/.*=/, "", field); return field + 0 }
		FILENAME !~ /flows.out$/ {
			for (second = $2; second <= $3; second++)
				event[second] = event[second] == "" || $1 != "lossy" ? $1 : event[second]
			next
		}
		/^second/ {
			what = event[$2] == "" ? "none" : event[$2]
			sent[what] += value($3); lost[what] += value($4) ; late[what] += value($5)
			reordered[what] += value($7); seconds[what]++
			if (what == "none" && (value($4) || value($5) || value($7)))
				print "# " $0
		}
		END {
			for (what in sent)
				printf "%s seconds=%d sent=%d lost=%d late=%d reordered=%d\n", what,
					seconds[what], sent[what], lost[what], late[what], reordered[what]
		}' <(standstills) "$WINDOWS" "$LAB_DIR/flows.out"
}

standstills() { # lines like those of WINDOWS
	sed -n 's/^second \([0-9]*\) .*behind_ms=/\1 /p' "$LAB_DIR/flows.out" |
		awk -v "still=$STILL_MS" '$2 >= still {
			print "standstill", $1 - int($2 / 1000) - 1, $1 + 1 }'
}

accounted() {
	account >"$LAB_DIR/account"
	sed 's/^[^#]/# &/' "$LAB_DIR/account"
}

machine_ran() {
	awk -v "allowed=$STILL_ALLOWED" '
		/^[^#]/ { sub(/seconds=/, "", $2); all += $2 }
		$1 == "standstill" { still = $2 }
		END { exit still * 100 > all * allowed }' "$LAB_DIR/account" ||
		fail "$(grep '^standstill' "$LAB_DIR/account"): nothing can be told"
}

none_lost() {
	local line
	line=$(grep '^none' "$LAB_DIR/account") || fail "nothing was sent" || return 1
	[[ $line == *" lost=0 late=0 reordered=0" ]] || fail "without an event: $line"
}

loss_bounded() {
	local line
	line=$(grep '^lossy' "$LAB_DIR/account") || fail "nothing was sent" || return 1
	[ $(($(value_of lost "$line") * 100)) -le $(($(value_of sent "$line") * LOSS_ALLOWED)) ] ||
		fail "more than $LOSS_ALLOWED %: $line" || return 1
	[ "$(value_of reordered "$line")" -eq 0 ] || fail "$line"
}

none_doubled() {
	local line
	line=$(tail -n 1 "$LAB_DIR/flows.out")
	[[ $line == total*" duplicated=0 corrupted=0 foreign=0" ]] || fail "$line"
}

# Nothing keeps the two apart for longer than an event and its recovery.
log_honest() {
	local line
	line=$(awk -v "most=$((4 * RECOVERY))" '/ s without$/ && $(NF - 2) > most' \
		"$LAB_DIR/connect.log" | head -n 1)
	[ -z "$line" ] || fail "$line"
}

one_address() {
	local addresses
	addresses=$(awk '/^source/ { print $2 }' "$LAB_DIR/echo.out" | sort -u)
	[ "$(wc -l <<<"$addresses")" -eq 1 ] || fail "the target saw ${addresses//$'\n'/ }"
}

# From the first sample of the second half to the last one.
grown() { # NAME COLUMN
	awk -v "half=$((HALF - BEGAN + CYCLE))" -v "name=$1" -v "column=$2" '
		$2 == name && $1 >= half { if (first == "") first = $column; last = $column }
		END { print first == "" ? "none" : last - first }' "$SAMPLES"
}

# Flows of visitors that rest may be there still, of as many cycles as that takes.
bounded() { # NAME
	local idle=$((FLOW_IDLE / CYCLE + 1))
	echo "# $1: $(awk -v "name=$1" '$2 == name { printf "%s%d s %d kB %d fds", separator, $1, $3, $4
		separator = ", " }' "$SAMPLES")"
	[ "$(grown "$1" 3)" != none ] || fail "too few samples" || return 1
	[ "$(grown "$1" 3)" -le "$GROWTH_KB" ] || fail "grew by $(grown "$1" 3) kB" || return 1
	[ "$(grown "$1" 4)" -le $((GROWTH_FDS + VISITORS * idle)) ] ||
		fail "opened $(grown "$1" 4) more descriptors"
}

lab_two_sides port-restricted port-restricted
check "connects" start_pair
check "$MINUTES minutes with $FLOWS flows" soak
accounted
check "the machine stood still for at most $STILL_ALLOWED % of the time" machine_ran
check "no datagram is lost or reordered without an event" none_lost
check "2 % of loss at four places lose at most $LOSS_ALLOWED % of round trips" loss_bounded
check "no datagram is doubled or changed" none_doubled
check "the target saw the guest at one address" one_address
check "the log tells how long there was no connection" log_honest
for program in rdv serve connect; do
	check "$program: memory and descriptors bounded" bounded $program
done
finish
