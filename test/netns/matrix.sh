#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Which pairs of lines connect, by what path and how soon: every cell of matrix.expected, or
# those marked quick. A cell worse than expected fails; of a better one there is a note.
# Prints the table and leaves it in build/matrix.md, with reasons in build/matrix.csv.
# usage: matrix.sh [quick | all | HOST-LINE GUEST-LINE]
#        LANES=N runs so many cells at a time; MATRIX_LOGS=yes shows logs of what did not connect

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"

LANES=${LANES:-${JOBS:-2}}
LIMIT=90 # seconds for one cell
WHICH=${1:-all}

# ---- what is expected ----

# Lines of HOST GUEST TODAY, the slowest first, so that the lanes end together.
cells() { # [HOST GUEST]
	awk -v which="$WHICH" -v host="$1" -v guest="${2:-}" '
		/^#/ || NF < 4 { next }
		which == "all" || which == "quick" && $5 == "quick" || host == $1 && guest == $2 {
			print ($3 == "none" || /short/ ? 1 : 2), $1, $2, $3, $4
		}' "$LAB_SOURCE/matrix.expected" | sort -s -k 1,1n | cut -d' ' -f 2-
}

rank() { # OUTCOME
	case $1 in direct) echo 2 ;; relay) echo 1 ;; *) echo 0 ;; esac
}

# ---- running ----

# The cell's result, in a file of its own: HOST GUEST TODAY THEORY OUTCOME MS REMOTE REASON
run_cell() { # NUMBER HOST GUEST TODAY THEORY
	local result best=direct file=$LAB_DIR/cell-$1
	[ "$WHICH" != quick ] || best=$4
	result=$(timeout --kill-after=20 $LIMIT "$LAB_SOURCE/matrix-cell.sh" "$2" "$3" "$best" "$4" \
		2>"$file.log")
	case $result in
	"skip - "*) result="skip - - ${result#*: }" ;;
	"") result="none - - ended early: $(tail -n 1 "$file.log")" ;;
	esac
	echo "$2 $3 $4 $5 ${result//$'\n'/; }" >"$file"
}

run_all() {
	local number=100 cell # so that their names sort
	while read -r cell; do
		number=$((number + 1))
		while [ "$(jobs -rp | wc -l)" -ge "$LANES" ]; do
			wait -n
		done
		# shellcheck disable=SC2086 # a cell is words
		run_cell $number $cell </dev/null &
	done
	wait
}

# ---- telling ----

judge() { # HOST GUEST TODAY THEORY OUTCOME MS REMOTE REASON...
	local name="matrix $1 $2" is was
	case $5 in
	skip)
		skip "$name" "${*:8}"
		return
		;;
	esac
	is=$(rank "$5")
	was=$(rank "$3")
	if [ "$is" -lt "$was" ]; then
		not_ok "$name" "$5 where it was $3: ${*:8}"
		return
	fi
	ok "$name: $5$([ "$6" = - ] || echo " in $6 ms")"
	[ "$is" -eq "$was" ] || echo "# note: $1 $2 is $5 now, where $3 was expected"
}

# Times of direct paths in ms, "relay" and the time, or a dash.
table() {
	awk '
		function line(list, count,  i, text) {
			for (i = 1; i <= count; i++)
				text = text " " list[i] " |"
			return text
		}
		{
			shown = $5 == "direct" ? $6 : $5 == "relay" ? "relay " $6 : $5 == "skip" ? "?" : "-"
			if ($1 ~ /^same-/) {
				same = same "| " $1 " " $2 " | " shown " |\n"
				next
			}
			cell[$1, $2] = shown
			if (!(("row", $1) in seen)) { seen["row", $1]; rows[++height] = $1 }
			if (!(("column", $2) in seen)) { seen["column", $2]; columns[++width] = $2 }
		}
		END {
			if (height > 0) {
				print "| host \\ guest |" line(columns, width)
				for (j = 0; j <= width; j++) printf "|---"
				print "|"
			}
			for (i = 1; i <= height; i++) {
				for (j = 1; j <= width; j++) of[j] = cell[rows[i], columns[j]]
				print "| " rows[i] " |" line(of, width)
			}
			if (same) printf "\n| both on | |\n|---|---|\n%s", same
		}'
}

# Results in the order of matrix.expected.
in_order() {
	awk 'NR == FNR { if (!/^#/) at[$1, $2] = FNR; next } { print at[$1, $2], $0 }' \
		"$LAB_SOURCE/matrix.expected" "$LAB_DIR"/cell-[0-9][0-9][0-9] | sort -n | cut -d' ' -f 2-
}

csv() {
	echo "host,guest,expected,theory,outcome,ms,remote,reason"
	sed -E 's/"//g; s/^(\S+) (\S+) (\S+) (\S+) (\S+) ?(\S*) ?(\S*) ?(.*)$/\1,\2,\3,\4,\5,\6,\7,"\8"/' |
		sed 's/,-,-,/,,,/'
}

lab_possible || lab_give_up "$WHY"
lab_init
lab_tunnat_build
[ -x "$EYELET" ] || lab_give_up "$EYELET is missing"
mapfile -t chosen < <(cells "$@")
[ ${#chosen[@]} -gt 0 ] || { echo "matrix: no such cells: $*" >&2; exit 2; }
run_all < <(printf '%s\n' "${chosen[@]}")
in_order >"$LAB_DIR/results"
while read -r result; do
	# shellcheck disable=SC2086 # a result is words
	set -f && judge $result
done <"$LAB_DIR/results"
csv <"$LAB_DIR/results" >"$BUILD/matrix.csv"
table <"$LAB_DIR/results" >"$BUILD/matrix.md"
[ "$WHICH" = quick ] || sed 's/^/# /' "$BUILD/matrix.md"
finish
