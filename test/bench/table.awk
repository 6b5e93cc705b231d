#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
# Medians of what run.sh measured, and the CPU time of the pair, of the host alone, and of two
# bare hops as ratios of socat's, each of the same round. Fails if a forwarder doubled, reordered or spoilt anything.
BEGIN { FS = "," }

NR == 1 { next }

{
	cell = $3 "," $4 "," $5
	if (!(cell in known)) {
		known[cell] = 1
		cells[++cell_count] = cell
	}
	if ($1 > rounds)
		rounds = $1
	cost[$2, cell, $1] = $8 > 0 ? $13 / $8 : 0
	cost[$2 "-serve", cell, $1] = $8 > 0 ? $14 / $8 : 0
	loss[$2, cell, $1] = $6 > 0 ? 100 * (1 - $8 / $6) : 0
	rate[$2, cell, $1] = $8 / $7 * 1e6
	wrong[$2] += $9 + $10 + $11
}

function sort_values(n,    i, j, t) {
	for (i = 2; i <= n; i++) {
		t = values[i]
		for (j = i - 1; j > 0 && values[j] > t; j--)
			values[j + 1] = values[j]
		values[j + 1] = t
	}
}

# Leaves the smallest and the largest in lowest and highest.
function median(table, subject, cell,    i, n) {
	for (i = 1; i <= rounds; i++)
		if ((subject, cell, i) in table)
			values[++n] = table[subject, cell, i]
	sort_values(n)
	lowest = values[1]
	highest = values[n]
	return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}

function find_ratio(subject,    i, r, p, s) {
	for (i = 1; i <= cell_count; i++)
		for (r = 1; r <= rounds; r++) {
			p = cost[subject, cells[i], r]
			s = cost["socat", cells[i], r]
			if (p > 0 && s > 0)
				ratio[subject, cells[i], r] = p / s
		}
}

function print_row(c,    part, q, span) {
	split(c, part, ",")
	q = median(ratio, "pair", c)
	span = sprintf("(%.2f-%.2f)", lowest, highest)
	met += q < 1
	printf "%6d %5d  %-5s | %7.0f %7.0f %7.0f | %5.2f %-13s %5.2f %5.2f | %7.0f %8.0f | %7.2f %7.2f\n",
		part[1], part[2], part[3],
		median(cost, "pair", c), median(cost, "socat", c), median(cost, "bare", c),
		q, span, median(ratio, "pair-serve", c), median(ratio, "bare", c),
		median(rate, "pair", c), median(rate, "socat", c),
		median(loss, "pair", c), median(loss, "socat", c)
}

END {
	find_ratio("pair")
	find_ratio("pair-serve")
	find_ratio("bare")
	printf "CPU time per delivered datagram: eyelet connect + serve, sealed, beside socat, one plain hop.\n"
	printf "Medians of %d rounds. Ratios to socat: of the pair, lowest and highest; of its host alone; of\n", rounds
	printf "two bare hops, which receive and send and nothing else: without collecting datagrams into\n"
	printf "runs, no two processes can cost less.\n\n"
	printf "%6s %5s  %-5s | %23s | %31s | %16s | %15s\n", "", "", "",
		"ns", "ratio to socat", "1000/s delivered", "lost %"
	printf "%6s %5s  %-5s | %7s %7s %7s | %5s %-13s %5s %5s | %7s %8s | %7s %7s\n", "guests",
		"bytes", "load", "pair", "socat", "bare", "pair", "", "host", "bare",
		"pair", "socat", "pair", "socat"
	for (i = 1; i <= cell_count; i++)
		print_row(cells[i])
	printf "\npair below socat in %d of %d rows\n", met, cell_count
	if (wrong["socat"] > 0)
		printf "socat doubled, reordered or spoilt %d datagrams\n", wrong["socat"]
	if (wrong["pair"] > 0) {
		printf "FAILED: the pair doubled, reordered or spoilt %d datagrams\n", wrong["pair"]
		exit 1
	}
}
