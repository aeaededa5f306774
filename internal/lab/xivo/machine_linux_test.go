package xivo

import (
	"strings"
	"testing"

	"upkeep/internal/lab/host"
)

// The product is a real one: it serves, its order matters, its supervisor
// starts again what is stopped, and a fingerprint sees what changes.
func TestMachine(t *testing.T) {
	host.Need(t)
	m := New(t, Options{Releases: []Release{}, Bare: true})
	if got, want := m.Status(t), `{"language":"fr","schema":2,"version":"1.2.2"}`; got != want {
		t.Fatalf("it says %s, want %s", got, want)
	}
	before := m.Fingerprint(t)
	if again := m.Fingerprint(t); again != before {
		t.Errorf("it changes by itself:\n%s", Diff(before, again))
	}
	for _, want := range []string{"package pf-xivo 1.2.2 installed", "unit nginx LoadState=loaded", "usr/lib/xivo/xivod", "data INSERT INTO public.queues VALUES (1, 'support');"} {
		if !strings.Contains(before, want) {
			t.Errorf("the fingerprint does not have %q:\n%s", want, before)
		}
	}
	m.Sh(t, "systemctl stop xivo-webi; for i in $(seq 100); do systemctl -q is-active xivo-webi && exit 0; sleep 0.1; done; exit 1")
	m.Sh(t, "systemctl stop xivo-monit; systemctl stop xivo-webi")
	m.Must(t, "runuser", "-u", "postgres", "--", "psql", "-qc", "UPDATE queues SET name = 'Support' WHERE id = 1", "xivo")
	m.Sh(t, "echo '# edited' >>/etc/xivo-ctid/xivo-ctid.ini")
	changes := Diff(before, m.Fingerprint(t))
	for _, want := range []string{"- unit xivo-webi", "+ data INSERT INTO public.queues VALUES (1, 'Support'", "etc/xivo-ctid/xivo-ctid.ini", "- web"} {
		if !strings.Contains(changes, want) {
			t.Errorf("the change %q is not seen:\n%s", want, changes)
		}
	}
	// without what it needs a service does not start
	m.Sh(t, "systemctl stop xivo-ctid")
	if out, code, err := m.Run("systemctl", "start", "xivo-webi"); err != nil || code == 0 {
		t.Errorf("the web interface starts without xivo-ctid: %v %s", err, out)
	}
}
