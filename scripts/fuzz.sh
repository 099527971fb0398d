#!/bin/sh
# fuzz.sh TIME [COUNT]: every fuzz target of the module for TIME each, one after
# the other; with COUNT that many of them, with each commit and each day others.
# A crash shows the input, which go keeps in testdata/fuzz.
set -eu
time=$1 count=${2:-0}

targets() {
	grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' . | sort | while read -r file; do
		sed -n "s|^func \(Fuzz[A-Za-z0-9_]*\)(.*|$(dirname "$file") \1|p" "$file"
	done
}

chosen() {
	if [ "$count" = 0 ]; then
		targets
		return
	fi
	turn=$(($(date +%s) / 86400 + $(git rev-list --count HEAD 2>/dev/null || echo 0)))
	targets | awk -v turn="$turn" -v count="$count" '{ all[NR] = $0 }
		END { for (i = 0; i < count && i < NR; i++) print all[(turn * count + i) % NR + 1] }'
}

chosen | {
	failed=0
	while read -r package target; do
		echo "== $package $target"
		log=$(mktemp)
		if ! go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package/" >"$log" 2>&1 </dev/null; then
			failed=1
			cat "$log"
			input=$(sed -n 's/^ *Failing input written to //p' "$log" | head -1)
			[ -z "$input" ] || cat "$package/$input"
		else
			tail -2 "$log"
		fi
		rm -f "$log"
	done
	exit $failed
}
