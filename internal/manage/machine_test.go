package manage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/step"
)

// fakeInit counts what is asked of systemd.
type fakeInit struct {
	asked []string
	fails error // what starting gives
}

func (f *fakeInit) Reload(context.Context) error { f.asked = append(f.asked, "reload"); return nil }
func (f *fakeInit) Begin(_ context.Context, unit string) error {
	f.asked = append(f.asked, "begin "+unit)
	return nil
}
func (f *fakeInit) End(_ context.Context, unit string) error {
	f.asked = append(f.asked, "end "+unit)
	return nil
}
func (f *fakeInit) Start(_ context.Context, unit string) error {
	f.asked = append(f.asked, "start "+unit)
	return f.fails
}

func testMachine(t *testing.T) (*Machine, *fakeInit) {
	t.Helper()
	f := &fakeInit{}
	return &Machine{FS: durable.OS(), Root: t.TempDir(), Exe: `/opt/50% "off"/upkeep`, Systemd: f}, f
}

func tree(t *testing.T, root string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, strings.TrimPrefix(path, root))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSetupHost(t *testing.T) {
	m, f := testMachine(t)
	wrote, err := m.Setup(t.Context())
	if err != nil || len(wrote) != 4 || !m.installed() || len(m.missing()) != 0 {
		t.Fatalf("%v, %v", wrote, err)
	}
	unit, err := os.ReadFile(filepath.Join(m.Root, "etc/systemd/system", recoverUnit))
	if err != nil || !strings.Contains(string(unit), `ExecStart="/opt/50%% \"off\"/upkeep" recover`+"\n") {
		t.Errorf("%v\n%s", err, unit)
	}
	if wrote, err = m.Setup(t.Context()); len(wrote) != 0 || err != nil {
		t.Errorf("given again: %v, %v", wrote, err)
	}
	// a new upkeep in another place
	m.Exe = "/usr/local/bin/upkeep"
	if wrote, err = m.Setup(t.Context()); len(wrote) != 2 || err != nil {
		t.Errorf("with another program: %v, %v", wrote, err)
	}
	if want := []string{"reload", "reload"}; !slices.Equal(f.asked, want) {
		t.Errorf("systemd was asked %v, want %v", f.asked, want)
	}
	if err := enrol(m.FS, filepath.Join(m.Root, register), filepath.Join(m.Root, "gone.yaml")); err != nil {
		t.Fatal(err)
	}
	r, err := m.Remove(t.Context())
	if err != nil || len(r.Gone) != 5 || len(r.Left) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if left := tree(t, m.Root); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if r, err = m.Remove(t.Context()); len(r.Gone) != 0 || err != nil {
		t.Errorf("removed again: %+v, %v", r, err)
	}
}

func TestSetupHostRefuses(t *testing.T) {
	m, _ := testMachine(t)
	m.Exe = "/tmp/x/upkeep"
	var user *step.UserError
	if _, err := m.Setup(t.Context()); !errors.As(err, &user) {
		t.Errorf("a program that the next boot does not find: %v", err)
	}
	if left := tree(t, m.Root); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// What Upkeep keeps from starting would stay so for ever.
func TestRemoveHostRefusesWhileSomethingIsHeld(t *testing.T) {
	m, _ := testMachine(t)
	if _, err := m.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(m.Root, "etc/systemd/system/web.service.d/90-upkeep-shop.conf")
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte("[Unit]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := tree(t, m.Root)
	if _, err := m.Remove(t.Context()); err == nil || !strings.Contains(err.Error(), at) {
		t.Errorf("the error is %v", err)
	}
	if after := tree(t, m.Root); !slices.Equal(before, after) {
		t.Errorf("it changed %v to %v", before, after)
	}
}

func TestRegister(t *testing.T) {
	dir, folder := filepath.Join(t.TempDir(), "register"), t.TempDir()
	for _, doc := range []string{"/srv/b.yaml", "/srv/a.yaml", "/srv/b.yaml", filepath.Join(folder, "x.yaml")} {
		if err := enrol(durable.OS(), dir, doc); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "x.yaml"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "y.yaml"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := enrolled(durable.OS(), dir, []string{folder})
	want := []string{"/srv/a.yaml", "/srv/b.yaml", filepath.Join(folder, "x.yaml"), filepath.Join(folder, "y.yaml")}
	slices.Sort(want)
	if !slices.Equal(got, want) || err != nil {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func TestScopeName(t *testing.T) {
	if got := unitSafe("shop-2 ü"); got != "shop_2__" {
		t.Error(got)
	}
}
