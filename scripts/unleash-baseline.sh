#!/bin/sh
# Upgrades an Unleash over several versions as an administrator would with a
# plain script: what Upkeep's outage is compared with. Each time it stops the
# product, dumps the database, swaps the program files, starts (which migrates),
# and waits until the product says that it is well. It proves nothing and puts
# nothing back, and users reach each version as soon as it listens.
#
# usage: unleash-baseline.sh ROOT URL NODE ACCOUNT NEW-FILES...
#   ROOT       holds app/, unleash.json and database-url
#   ACCOUNT    to run the product under, when root
#   NEW-FILES  each version's files, in order; copied beside app/ before the outage
# environment: PGBIN  folder of pg_dump (default: from PATH)
set -eu
root=$1 url=$2 node=$3 account=$4
shift 4
pg_dump=${PGBIN:+$PGBIN/}pg_dump

as() {
	if [ -n "$account" ] && [ "$(id -u)" = 0 ]; then
		setpriv --reuid="$account" --regid="$(id -g "$account")" --clear-groups -- "$@"
	else
		"$@"
	fi
}

# What needs no outage.
n=0
for new; do
	n=$((n + 1))
	cp -a -- "$new" "$root/app.$n"
done
database=$(cat "$root/database-url")

# Each version in turn.
n=0
for new; do
	n=$((n + 1))
	pid=$(pgrep -f "^$node $root/app/run.js")
	kill -TERM "$pid"
	tries=0
	while [ -e "/proc/$pid" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 6000 ] || { echo "cannot stop Unleash (pid $pid)" >&2; exit 1; }
		sleep 0.01
	done
	"$pg_dump" -Fc -Z0 -f "$root/before-$n.dump" -d "$database"
	mv -- "$root/app" "$root/app.old-$n"
	mv -- "$root/app.$n" "$root/app"
	(cd "$root" && as setsid "$node" "$root/app/run.js" "$root/unleash.json" >>"$root/unleash.log" 2>&1 </dev/null &)
	tries=0
	until curl -fsS -m 2 "$url/health" 2>/dev/null | grep -q GOOD; do
		tries=$((tries + 1))
		[ $tries -lt 6000 ] || { echo "Unleash does not answer on $url" >&2; exit 1; }
		sleep 0.01
	done
done
