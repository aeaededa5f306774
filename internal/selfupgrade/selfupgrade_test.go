package selfupgrade_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/lab/crashfs"
	"upkeep/internal/lab/tap"
	"upkeep/internal/selfupgrade"
)

const exe = "/usr/local/bin/upkeep"

// disk has the program "old 1.0", and of earlier upgrades what is given.
func disk(t *testing.T, more ...string) *crashfs.FS {
	t.Helper()
	d := crashfs.New()
	if err := d.MkdirAll("/usr/local/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, m := range append(more, "=upkeep 1.0") {
		name, text, _ := strings.Cut(m, "=")
		put(t, d, exe+name, text)
		if err := d.Chown(exe+name, 5, 6); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.SyncAll(); err != nil {
		t.Fatal(err)
	}
	return d
}

func put(t *testing.T, d durable.FS, at, text string) {
	t.Helper()
	if err := d.WriteFile(at, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// asker reads the version from the program's text. Programs with a mark are
// unfit: "mute" does not answer, "blind" cannot read the journals, "misplaced"
// works beside but not in its place.
func asker(d durable.FS) selfupgrade.Asker {
	return func(_ context.Context, at string) (selfupgrade.Answer, error) {
		text, err := d.ReadFile(at)
		if err != nil {
			return selfupgrade.Answer{}, err
		}
		i, err := d.Stat(at)
		words := strings.Fields(string(text))
		switch mark := words[len(words)-1]; {
		case err != nil || i.Mode.Perm() != 0o755 || len(words) > 1 && words[1] == "1.1" && (i.UID != 5 || i.GID != 6):
			return selfupgrade.Answer{}, fmt.Errorf("cannot be run, or is another's: %v %d %d, %v", i.Mode, i.UID, i.GID, err)
		case words[0] != "upkeep" || mark == "mute" || mark == "misplaced" && at == exe:
			return selfupgrade.Answer{}, errors.New("it did not answer")
		case mark == "blind":
			return selfupgrade.Answer{Version: words[1], Problems: []string{"the journal was written by a newer Upkeep"}}, nil
		}
		return selfupgrade.Answer{Version: words[1]}, nil
	}
}

func upgrade(d durable.FS, text, version string) error {
	d = tap.Mutated(d)
	p := selfupgrade.Program{FS: d, Path: exe, Ask: asker(d)}
	err := p.Tidy()
	if err == nil {
		err = p.Stage(strings.NewReader(text))
	}
	if err == nil {
		err = p.Exchange(context.Background(), version)
	}
	return err
}

func back(d durable.FS) error {
	d = tap.Mutated(d)
	p := selfupgrade.Program{FS: d, Path: exe, Ask: asker(d)}
	err := p.Tidy()
	if err == nil {
		_, err = p.Back(context.Background())
	}
	return err
}

// is lists what lies in the folder: "upkeep=1.1 upkeep.old=1.0".
func is(t *testing.T, d durable.FS) string {
	t.Helper()
	list, err := d.ReadDir("/usr/local/bin")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		text, err := d.ReadFile("/usr/local/bin/" + e.Name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Name+"="+strings.TrimPrefix(string(text), "upkeep "))
	}
	return strings.Join(out, " ")
}

func TestExchange(t *testing.T) {
	for _, tt := range []struct {
		name, text, version string
		more                []string
		want, err           string
	}{
		{"the first time", "upkeep 1.1", "1.1", nil, "upkeep=1.1 upkeep.old=1.0", ""},
		{"one is kept", "upkeep 1.1", "1.1", []string{".old=upkeep 0.9"}, "upkeep=1.1 upkeep.old=1.0", ""},
		{"after a kill", "upkeep 1.1", "1.1", []string{".new=upk", ".keep=upkeep 1.0"}, "upkeep=1.1 upkeep.old=1.0", ""},
		{"another version", "upkeep 1.2", "1.1", []string{".old=upkeep 0.9"}, "upkeep=1.0 upkeep.old=0.9", "its release is 1.1, and it says that it is 1.2"},
		{"no answer", "upkeep 1.1 mute", "1.1", []string{".old=upkeep 0.9"}, "upkeep=1.0 upkeep.old=0.9", "it did not answer"},
		{"no program", "<html>", "1.1", nil, "upkeep=1.0", "it did not answer"},
		{"nothing", "", "1.1", nil, "upkeep=1.0", "it is empty"},
		{"blind", "upkeep 1.1 blind", "1.1", nil, "upkeep=1.0", "written by a newer"},
		{"not in its place", "upkeep 1.1 misplaced", "1.1", nil, "upkeep=1.0 upkeep.old=1.0", "the one before is back"},
	} {
		d := disk(t, tt.more...)
		err := upgrade(d, tt.text, tt.version)
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
		}
		if got := is(t, d); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if got := is(t, d.Crash(crashfs.KeepNone())); got != tt.want {
			t.Errorf("%s: after a power cut: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestBack(t *testing.T) {
	for _, tt := range []struct {
		name, kept, want, err string
	}{
		{"nothing kept", "", "upkeep=1.0", "no program before is kept"},
		{"one kept", ".old=upkeep 0.9", "upkeep=0.9 upkeep.old=0.9", ""},
		{"it cannot go on", ".old=upkeep 0.9 blind", "upkeep=1.0 upkeep.old=0.9 blind", "written by a newer"},
		{"it is broken", ".old=upkeep 0.9 mute", "upkeep=1.0 upkeep.old=0.9 mute", "did not answer"},
	} {
		var more []string
		if tt.kept != "" {
			more = append(more, tt.kept)
		}
		d := disk(t, more...)
		if err := back(d); tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
		}
		if got := is(t, d); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if got := is(t, d.Crash(crashfs.KeepNone())); got != tt.want {
			t.Errorf("%s: after a power cut: %s, want %s", tt.name, got, tt.want)
		}
	}
	d := disk(t, ".old=upkeep 0.9")
	for range 2 { // the second time nothing is to be taken back
		if err := back(d); err != nil && !errors.Is(err, selfupgrade.ErrNothingKept) {
			t.Error(err)
		}
	}
	if err := upgrade(d, "upkeep 1.1", "1.1"); err != nil {
		t.Error(err)
	}
	if got := is(t, d); got != "upkeep=1.1 upkeep.old=0.9" {
		t.Error(got)
	}
}

type died struct{}

// killed makes the operation until its n-th call that writes, and says whether
// there was one; after it, or in its middle, where half is asked for.
func killed(d *crashfs.FS, n int, how string, do func(durable.FS) error) (died_ bool) {
	count := 0
	hook := func(op tap.Op, effect func() error) error {
		if count++; count < n {
			return effect()
		}
		switch {
		case how == "torn" && op.Torn != nil:
			_ = op.Torn()
		case how == "after":
			_ = effect()
		}
		panic(died{})
	}
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(died); !ok {
				panic(r)
			}
			died_ = true
		}
	}()
	_ = do(tap.FS(d, hook))
	return false
}

// Killed or cut from power at every operation, a program that works lies in its
// place, the old one or the new one, and the next call makes an end of it.
func TestKilled(t *testing.T) {
	for _, tt := range []struct {
		name     string
		do       func(durable.FS) error
		from, to string
		want     string // after the next call
	}{
		{"upgrade", func(d durable.FS) error { return upgrade(d, "upkeep 1.1", "1.1") }, "1.0", "1.1", "upkeep=1.1 upkeep.old=1."},
		{"taken back", func(d durable.FS) error { return upgrade(d, "upkeep 1.1 misplaced", "1.1") }, "1.0", "1.1 misplaced", "upkeep=1.0 upkeep.old=1."},
		{"back", back, "1.0", "0.9", "upkeep=0.9 upkeep.old=0.9"},
	} {
		moments := 0
		for _, how := range []string{"before", "torn", "after"} {
			for n := 1; ; n++ {
				d := disk(t, ".old=upkeep 0.9", ".new=left", ".keep=left")
				if !killed(d, n, how, tt.do) {
					break
				}
				moments++
				for i, keep := range []crashfs.Keep{crashfs.KeepAll(), crashfs.KeepNone(), crashfs.KeepSome(uint64(n)), crashfs.KeepSome(uint64(n) + 1000)} {
					after := d.Crash(keep)
					at := fmt.Sprintf("%s, %s operation %d, loss %d", tt.name, how, n, i)
					text, err := after.ReadFile(exe)
					version := strings.TrimPrefix(string(text), "upkeep ")
					if err != nil || version != tt.from && version != tt.to {
						t.Errorf("%s: in place is %q, %v", at, text, err)
						continue
					}
					if version == "1.1 misplaced" { // nobody can run it there; the one before lies beside it
						if old, err := after.ReadFile(exe + ".old"); string(old) != "upkeep 1.0" {
							t.Errorf("%s: %q is kept, %v", at, old, err)
						}
						continue
					}
					if i, err := after.Stat(exe); err != nil || i.Mode.Perm() != 0o755 {
						t.Errorf("%s: %v, %v", at, i.Mode, err)
					}
					if err := tt.do(after); err != nil && !errors.Is(err, selfupgrade.ErrNothingKept) && !strings.Contains(err.Error(), "is back") {
						t.Errorf("%s: the next call: %v", at, err)
					}
					if got := is(t, after); !strings.HasPrefix(got, tt.want) || strings.Count(got, "=") != 2 {
						t.Errorf("%s: after the next call: %s", at, got)
					}
				}
			}
		}
		if moments < 8 {
			t.Errorf("%s: %d moments only", tt.name, moments)
		}
		t.Logf("%s: %d moments", tt.name, moments)
	}
}
