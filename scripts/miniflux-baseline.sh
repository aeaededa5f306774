#!/bin/sh
# Upgrades a Miniflux as an administrator would with a plain script: what
# Upkeep's outage is compared with. It closes the product, dumps the database
# with the flags that Upkeep uses, swaps the program files, migrates, starts,
# and waits until the product answers. It proves nothing and puts nothing back.
#
# usage: miniflux-baseline.sh ROOT NEW-FILES URL [ACCOUNT]
#   ROOT       holds app/, miniflux.conf, miniflux.pid and database-url
#   NEW-FILES  the new version's files; copied beside app/ before the outage
#   URL        of the running product
#   ACCOUNT    to run the product under, when root
# environment: PGBIN  folder of pg_dump (default: from PATH)
set -eu
root=$1 new=$2 url=$3 account=${4:-}
pg_dump=${PGBIN:+$PGBIN/}pg_dump

as() {
	if [ -n "$account" ] && [ "$(id -u)" = 0 ]; then
		setpriv --reuid="$account" --regid="$(id -g "$account")" --clear-groups -- "$@"
	else
		"$@"
	fi
}

# What needs no outage.
rm -rf -- "$root/app.new" "$root/app.old"
cp -a -- "$new" "$root/app.new"
database=$(cat "$root/database-url")

# Close.
pid=$(cat "$root/miniflux.pid")
kill -TERM "$pid"
n=0
while [ -e "/proc/$pid" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null; do
	n=$((n + 1))
	[ $n -lt 3000 ] || { echo "cannot stop Miniflux (pid $pid)" >&2; exit 1; }
	sleep 0.01
done

# Back up, swap, migrate. (The address stands in pg_dump's arguments: a plain
# script does that; Upkeep does not.)
"$pg_dump" -Fc -Z0 -f "$root/before.dump" -d "$database"
mv -- "$root/app" "$root/app.old"
mv -- "$root/app.new" "$root/app"
as "$root/app/usr/bin/miniflux" -c "$root/miniflux.conf" -migrate

# Open.
as setsid "$root/app/usr/bin/miniflux" -c "$root/miniflux.conf" >>"$root/miniflux.log" 2>&1 </dev/null &
echo $! >"$root/miniflux.pid"
n=0
until curl -fsS -m 2 -o /dev/null "$url/healthcheck" 2>/dev/null; do
	n=$((n + 1))
	[ $n -lt 3000 ] || { echo "Miniflux does not answer on $url" >&2; exit 1; }
	sleep 0.01
done
