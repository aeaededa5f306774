#!/bin/sh
# Runs every fuzz function of the module for a while, and fails at the end when
# any of them found something.
#
# usage: fuzz.sh TIME      as go test -fuzztime takes it: 3s, 5m
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
time=${1:?usage: fuzz.sh TIME}
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# go test -list prints the functions of a package, then a line with its name.
"$go" test -list '^Fuzz' ./... >"$out"
list=$(awk '/^Fuzz/ { names[n++] = $1 } $1 == "ok" { for (i = 0; i < n; i++) print $2, names[i]; n = 0 }' "$out")
[ -n "$list" ] || { echo "fuzz: no fuzz function was found" >&2; exit 1; }
echo "fuzz: $(echo "$list" | wc -l) functions, $time each"

# Go before 1.27 may take the end of the time for a failure, on a busy machine:
# go.dev/issue/75804. Then this is all it says; whatever it found says more.
late() {
	grep -qx ' *context deadline exceeded' "$out" && ! grep -qi 'failing input\|panic\|hung\|_test.go:\|timed out' "$out"
}

said() { grep -o 'execs: [0-9]*' "$out" | tail -1 | grep . || echo "nothing beyond its seeds: give it more time"; }

bad=
while read -r package name; do
	if "$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package" >"$out" 2>&1 </dev/null; then
		echo "fuzz: $name of $package: $(said)"
	elif late; then
		echo "fuzz: $name of $package: $(said), ended by its time"
	else
		cat "$out"
		bad="$bad $name"
	fi
done <<LIST
$list
LIST
[ -z "$bad" ] || { echo "fuzz: failed:$bad" >&2; exit 1; }
