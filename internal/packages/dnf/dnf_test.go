package dnf

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/durable"
	"upkeep/internal/packages"
)

// standIn answers for dnf and rpm, and notes what was asked.
type standIn struct {
	answers map[string]string // beginning of a command to what it writes
	fails   []string
	asked   []string
}

func (s *standIn) exec(_ context.Context, c packages.Command) error {
	line := strings.Join(c.Args, " ")
	s.asked = append(s.asked, line)
	for begin, text := range s.answers {
		if strings.HasPrefix(line, begin) && c.Stdout != nil {
			if _, err := io.WriteString(c.Stdout, text); err != nil {
				return err
			}
		}
	}
	if slices.ContainsFunc(s.fails, func(f string) bool { return strings.HasPrefix(line, f) }) {
		return errors.New("exit code 1")
	}
	return nil
}

const table = `Dependencies resolved.
================================================================================
 Package        Arch      Version            Repository                    Size
================================================================================
Upgrading:
 shop           noarch    1.1-1.fc40         @commandline                  10 k
     replacing  shop-old.noarch 1.0-1
Installing dependencies:
 shop-lib       x86_64    1.1-1.fc40         updates                       20 k
 shop-library-of-a-long-name
                x86_64    1:1.1-1.20250101git0123456.fc40
                                             updates                       20 k
Removing:
 mta            x86_64    3.0-2              @fedora                       1.0 M
Skipping packages with broken dependencies:
 shop-extra     x86_64    1.1-1.fc40         updates                       20 k

Transaction Summary
================================================================================
Upgrade  1 Package

Operation aborted.
`

func TestResolve_standin(t *testing.T) {
	s := &standIn{answers: map[string]string{"dnf -q install": table, "rpm -qa": "shop\t1.0-1.fc40\tnoarch\nmta\t3.0-2\tx86_64\n"}, fails: []string{"dnf -q install"}}
	m := New(Config{Exec: s.exec, FS: durable.OS()})
	got, err := m.Resolve(t.Context(), packages.Want{Files: []string{"/x/shop.rpm"}, Named: map[string]string{"shop-lib": "1.1-1.fc40"}})
	want := []packages.Change{{Name: "mta", From: "3.0-2"}, {Name: "shop", Arch: "noarch", From: "1.0-1.fc40", To: "1.1-1.fc40"}, {Name: "shop-lib", Arch: "x86_64", To: "1.1-1.fc40"},
		{Name: "shop-library-of-a-long-name", Arch: "x86_64", To: "1:1.1-1.20250101git0123456.fc40"}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(err, d)
	}
	if s.asked[0] != "dnf -q install --assumeno /x/shop.rpm shop-lib-1.1-1.fc40" {
		t.Errorf("asked %q", s.asked)
	}
	s.answers["dnf -q install"] = "No match for argument: shop-lib-9\n"
	if _, err := m.Resolve(t.Context(), packages.Want{Named: map[string]string{"shop-lib": "9"}}); err == nil || !strings.Contains(err.Error(), "No match") {
		t.Errorf("what nobody has: %v", err)
	}
}

func TestInspectAndInstall_standin(t *testing.T) {
	s := &standIn{answers: map[string]string{"rpm -qp --qf": "shop\t1.1-1\tnoarch\n",
		"rpm -qp --dump": "/etc/shop.conf 4 1700000000 0abc 0100644 root root 1 0 0 X\n/usr/lib/systemd/system/shop.service 4 1700000000 0def 0100644 root root 0 0 0 X\n",
		"rpm -ql":        "/usr/bin/shop\n(contains no files)\n", "rpm -qc": "/etc/shop.conf\n/etc/other.conf\n/etc/gone.conf\n", "rpm -V": "S.5....T.  c /etc/shop.conf\nmissing   c /etc/gone.conf\n"}, fails: []string{"rpm -V"}}
	m := New(Config{Exec: s.exec, FS: durable.OS()})
	f, err := m.Inspect(t.Context(), "/x/shop.rpm")
	if err != nil || f.Name != "shop" || f.Version != "1.1-1" || len(f.Paths) != 2 || f.Conffiles["/etc/shop.conf"] != "0abc" {
		t.Errorf("read as %+v, %v", f, err)
	}
	changes := []packages.Change{{Name: "shop", From: "1.0-1", To: "1.1-1"}}
	list, err := m.Footprint(t.Context(), changes, []packages.File{f})
	if err != nil || !slices.Contains(list, "usr/bin/shop") || !slices.Contains(list, "var/lib/rpm/") {
		t.Errorf("the footprint is %q, %v", list, err)
	}
	if units, err := m.Units(t.Context(), changes, []packages.File{f}); err != nil || !slices.Equal(units, []string{"shop.service"}) {
		t.Errorf("the units are %q, %v", units, err)
	}
	conf, err := m.Conffiles(t.Context(), "shop")
	if err != nil || len(conf) != 3 || !conf[0].Edited() || conf[1].Edited() || conf[2].Now != "" {
		t.Errorf("the configuration files are %+v, %v", conf, err)
	}
	s.answers["dnf -q repoquery --userinstalled"] = "shop\nbash\n"
	if auto, err := m.Automatic(t.Context(), "shop", "shop-lib"); err != nil || !slices.Equal(auto, []string{"shop-lib"}) {
		t.Errorf("there for others are %q, %v", auto, err)
	}
	s.asked = nil
	if err := m.Install(t.Context(), []string{"/x/shop.rpm"}, packages.Options{Wait: time.Minute, Automatic: []string{"shop-lib"}}); err != nil {
		t.Error(err)
	}
	if want := []string{"dnf -y install --disablerepo=* --setopt=exit_on_lock=false /x/shop.rpm", "dnf -y mark remove shop-lib"}; !slices.Equal(s.asked, want) {
		t.Errorf("asked %q, want %q", s.asked, want)
	}
}
