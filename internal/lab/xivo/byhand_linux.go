package xivo

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ByHand is how long the parts of an upgrade take that somebody does by hand
// who makes no mistake.
type ByHand struct {
	Stop, Apt, Migrate, Start time.Duration
}

// Own is what is apt's and the units' own.
func (b ByHand) Own() time.Duration { return b.Stop + b.Apt + b.Start }

// byHand says after each part when it ended, in nanoseconds.
const byHand = `
now() { date +%s%N >>/root/times; }
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
now
for u in REVERSE; do systemctl stop $u; done
now
apt-get install -y -q -o Dpkg::Options::=--force-confnew /srv/new/*.deb >/root/apt.log 2>&1
now
for f in /srv/migrations/*.sql; do runuser -u postgres -- psql -1 -q -v ON_ERROR_STOP=1 -f $f xivo; done
now
for u in UNITS; do systemctl start $u; done
curl -fsS --retry 50 --retry-delay 0 --retry-all-errors http://127.0.0.1:8080/status >/dev/null
now
rm /usr/sbin/policy-rc.d
cat /root/times
`

// UpgradeByHand upgrades a machine without Upkeep: stop in reverse, apt, the
// migrations, start in order.
func (m *Machine) UpgradeByHand(t testing.TB, version string) ByHand {
	t.Helper()
	example, err := Example()
	must(t, err)
	debs := t.TempDir()
	must(t, Debs(example, version, debs))
	m.Put(t, debs, "/srv/new")
	m.Put(t, filepath.Join(example, "releases", version, "migrations"), "/srv/migrations")
	var reverse []string
	for _, u := range units {
		reverse = append([]string{u}, reverse...)
	}
	m.Sh(t, "rm -f /root/times")
	text := strings.NewReplacer("REVERSE", strings.Join(reverse, " "), "UNITS", strings.Join(units, " ")).Replace(byHand)
	var at [5]int64
	if _, err := fmt.Sscan(strings.Join(strings.Fields(m.Sh(t, text)), " "), &at[0], &at[1], &at[2], &at[3], &at[4]); err != nil {
		t.Fatal(err)
	}
	part := func(i int) time.Duration { return time.Duration(at[i+1] - at[i]) }
	return ByHand{part(0), part(1), part(2), part(3)}
}
