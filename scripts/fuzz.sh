#!/bin/sh
# Runs every fuzz function of the module for a while.
#
# usage: fuzz.sh TIME      as go test -fuzztime takes it: 3s, 5m
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
time=${1:?usage: fuzz.sh TIME}

# go test -list prints the functions of a package, then a line with its name.
list=$("$go" test -list '^Fuzz' ./... | awk '/^Fuzz/ { names[n++] = $1 } $1 == "ok" { for (i = 0; i < n; i++) print $2, names[i]; n = 0 }')
[ -n "$list" ] || { echo "fuzz: no fuzz function was found" >&2; exit 1; }
echo "fuzz: $(echo "$list" | wc -l) functions, $time each"
echo "$list" | while read -r package name; do
	echo "fuzz: $name of $package"
	"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package" </dev/null
done
