package xivo

import (
	"slices"
	"strings"
	"testing"
)

// fingerprint describes the product on its machine, a fact a line: files with
// mode, owner and sum; packages; units; the firewall; the web interface's
// answer; every row of the database. Left out are files that a merely running
// machine changes, dpkg's locks and its copies of yesterday, caches that any
// program makes anew, logs, and Upkeep's own.
const fingerprint = `
cd /
for d in etc usr/lib/xivo usr/share/xivo-upgrade usr/share/pf-xivo usr/bin usr/sbin lib/systemd/system usr/lib/systemd/system \
	var/lib/dpkg var/lib/systemd/deb-systemd-helper-enabled var/lib/systemd/deb-systemd-helper-masked var/lib/pf-xivo-provd var/lib/xivo run/systemd/system; do
	[ -e $d ] || continue
	find $d -printf '%y %m %U:%G %p %l\n'
	find $d -type f -print0 | xargs -0 -r sha256sum
done | grep -vE '(/etc|^.* etc)/(upkeep|ld\.so\.cache|systemd/system/(multi-user\.target\.wants/)?upkeep)|etc/(resolv\.conf|mtab|.pwd\.lock)|/dpkg/(lock|lock-frontend|.*-old|triggers/Lock)|run/systemd/system/(run-|upkeep|systemd-)' || true
dpkg-query -W -f 'package ${binary:Package} ${Version} ${db:Status-Status} ${Conffiles}\n'
for u in UNITS postgresql; do
	echo "unit $u $(systemctl show -p LoadState,ActiveState,SubState,UnitFileState,DropInPaths $u | tr '\n' ' ')"
done
nft list ruleset | sed 's/^/nft /'
echo "web $(curl -sS --max-time 20 http://127.0.0.1:8080/status 2>&1)"
runuser -u postgres -- pg_dump --inserts --no-comments xivo | grep -vE '^(--|$|\\(un)?restrict)' | sort | sed 's/^/data /'
`

// Fingerprint describes the product on its machine, without Upkeep's help.
func (m *Machine) Fingerprint(t testing.TB) string {
	t.Helper()
	text := m.Must(t, "sh", "-c", strings.ReplaceAll(fingerprint, "UNITS", strings.Join(units, " ")))
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n") + "\n"
}

// Diff lists the lines of two fingerprints that only one of them has.
func Diff(before, after string) string {
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	var out []string
	for _, l := range was {
		if _, same := slices.BinarySearch(is[:len(is)-1], l); !same && l != "" {
			out = append(out, "- "+l)
		}
	}
	for _, l := range is {
		if _, same := slices.BinarySearch(was[:len(was)-1], l); !same && l != "" {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out, "\n")
}
