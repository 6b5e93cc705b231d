#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
# Medians, spread and ratios of what run.sh measured, and whether the goals are met: table.awk
# GOALS CPU.CSV RATE.CSV. Ratios are of the same round. Writes build/bench/medians.csv, of which plots are
# made. Exits 1 if eyelet doubled, reordered or spoilt anything.

function key(place, load, size) { return place " " load " " size }

FILENAME ~ /goals$/ {
	if ($0 !~ /^#/)
		goals[++goal_count] = $0
	next
}

FNR == 1 { FS = ","; $0 = $0; next }

{
	k = key($1, $3, $4)
	if (!(k in known)) {
		known[k] = 1
		cells[++cell_count] = k
	}
	if (!((k, $5) in seen)) {
		seen[k, $5] = 1
		who[k] = who[k] " " $5
	}
	if ($2 > rounds)
		rounds = $2
	if (FILENAME ~ /rate/) {
		data["rate", k, $5, $2] = $6
		next
	}
	if ($8 > 0) {
		data["cpu", k, $5, $2] = $13 / $8
		data["p50", k, $5, $2] = $14
		data["p99", k, $5, $2] = $15
	}
	data["loss", k, $5, $2] = $6 > 0 ? 100 * (1 - $8 / $6) : 0
	data["pace", k, $5, $2] = $8 / $7 * 1e6
	wrong[$5] += $9 + $10 + $11
}

# Leaves the smallest and the largest in lowest and highest. -1: there are none.
function median(what, k, subject,    i, j, n, t) {
	for (i = 1; i <= rounds; i++) {
		if (!((what, k, subject, i) in data))
			continue
		t = data[what, k, subject, i]
		for (j = n++; j > 0 && values[j] > t; j--)
			values[j + 1] = values[j]
		values[j + 1] = t
	}
	if (!n)
		return -1
	lowest = values[1]
	highest = values[n]
	return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}

# The median of the rounds' ratios; what a run without a forwarder has is taken off if added.
function ratio(what, k, a, b, added,    i, x, y, z) {
	for (i = 1; i <= rounds; i++) {
		delete data["ratio", k, a, i]
		if (!((what, k, a, i) in data) || !((what, k, b, i) in data))
			continue
		z = added ? data[what, k, "direct", i] + 0 : 0
		x = data[what, k, a, i] - z
		y = data[what, k, b, i] - z
		if (y > 0 && x > 0)
			data["ratio", k, a, i] = x / y
	}
	return median("ratio", k, a)
}

function print_cell(k,    part, names, n, i, s, cost, spread, r, span) {
	split(k, part, " ")
	if (part[2] == "rate")
		return
	printf "\n%s, %s, %d bytes\n", part[1], part[2], part[3]
	printf "  %-12s %9s %-15s %15s %-13s %9s %8s %9s %9s\n", "", "CPU ns", "(spread)",
		"eyelet to it", "(spread)", "1000/s", "lost %", "p50 us", "p99 us"
	n = split(who[k], names, " ")
	for (i = 1; i <= n; i++) {
		s = names[i]
		cost = median("cpu", k, s)
		if (cost < 0)
			continue
		spread = sprintf("(%d-%d)", lowest, highest)
		r = s ~ /^eyelet/ ? -1 : ratio("cpu", k, "eyelet", s)
		span = r > 0 ? sprintf("(%.3f-%.3f)", lowest, highest) : ""
		printf "  %-12s %9d %-15s %15s %-13s %9.0f %8.2f %9.1f %9.1f\n", s, cost, spread,
			(r > 0 ? sprintf("%.3f", r) : ""), span, median("pace", k, s),
			median("loss", k, s), median("p50", k, s) / 1e3, median("p99", k, s) / 1e3
		printf "%s,%s,%s,%s,%d,%d,%d\n", part[1], part[2], part[3], s, cost,
			median("p50", k, s), median("p99", k, s) >medians
	}
}

function print_rates(k,    names, n, i, r) {
	if (!(k in known))
		return
	printf "\nloopback, highest rate without loss in runs of 16, 200 bytes (1000/s)\n"
	n = split(who[k], names, " ")
	for (i = 1; i <= n; i++) {
		r = median("rate", k, names[i])
		printf "  %-12s %9.0f (%.0f-%.0f)\n", names[i], r / 1e3, lowest / 1e3, highest / 1e3
		printf "loopback,rate,200,%s,%d,0,0\n", names[i], r >medians
	}
}

# The fastest of all but eyelet itself and those that forward nothing or one way.
function best_rate(k,    names, n, i, r, best) {
	n = split(who[k], names, " ")
	for (i = 1; i <= n; i++) {
		r = median("rate", k, names[i])
		if (names[i] !~ /^(eyelet|eyelet_spin|bare|direct)$/ && r > best)
			best = r
	}
	return best
}

function judge(text,    g, place, k, r, ok, own) {
	split(text, g, " ")
	place = g[4] == "wireguard" ? "veth" : "loopback"
	k = key(place, g[1], g[2])
	own = sub(/^spin-/, "", g[3]) ? "eyelet_spin" : "eyelet"
	own = g[1] == "guests" ? "eyelet_many" : own
	if (g[3] == "rate") {
		r = best_rate(k) > 0 ? median("rate", k, "eyelet") / best_rate(k) : -1
		ok = r >= g[5]
	} else {
		r = ratio(g[3], k, own, g[4], g[3] != "cpu")
		ok = r > 0 && r <= g[5]
	}
	if (r <= 0)
		unmeasured++
	else
		printf "  %-9s %5d  %-15s %-10s %6.3f  %s %.3f  %s\n", g[1], g[2],
			(own == "eyelet_spin" ? "spin " : "") g[3], g[4], r,
			g[3] == "rate" ? "at least" : "at most ", g[5], ok ? "met" : "NOT MET"
	met += ok
}

END {
	medians = "build/bench/medians.csv"
	print "place,load,size,subject,value,p50_ns,p99_ns" >medians
	for (c = 1; c <= cell_count; c++)
		print_cell(cells[c])
	print_rates(key("loopback", "rate", 200))
	printf "\ngoals: eyelet's as a multiple of theirs, same round, median of %d\n", rounds
	for (c = 1; c <= goal_count; c++)
		judge(goals[c])
	printf "%d of %d goals met\n", met, goal_count - unmeasured
	for (s in wrong)
		if (wrong[s] > 0)
			printf "%s doubled, reordered or spoilt %d datagrams\n", s, wrong[s]
	exit wrong["eyelet"] + wrong["eyelet_spin"] + wrong["eyelet_many"] > 0
}
