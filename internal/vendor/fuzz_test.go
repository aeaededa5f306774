package vendor_test

import (
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/lab/crashfs"
	"upkeep/internal/vendor"
)

// FuzzSignFile: a draft comes from a medium that was in other hands.
func FuzzSignFile(f *testing.F) {
	k := ceremony(f)
	of := feed(f, durable.OS(), f.TempDir(), k)
	if err := of.Renew("root", "targets"); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"root.json", "targets.json"} {
		text, err := os.ReadFile(filepath.Join(of.Dir, "pending", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"signed":{"_type":"root","keys":null,"roles":{"root":null}},"signatures":[null]}`))
	f.Add([]byte(`{"signed":{"_type":"targets","delegations":{"keys":{"a":null},"roles":[{"name":"a","keyids":["a"],"threshold":1}]}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "draft.json")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := vendor.SignFile(durable.OS(), path, k["root-1"])
		if err != nil {
			if now, _ := os.ReadFile(path); string(now) != string(text) {
				t.Error("what could not be signed has changed")
			}
			return
		}
		again, err := vendor.SignFile(durable.OS(), path)
		if err != nil {
			t.Fatalf("what was signed cannot be read: %v", err)
		}
		if len(again.Signed) != len(d.Signed) || again.Version != d.Version {
			t.Errorf("signed as %+v, read as %+v", d, again)
		}
	})
}

// FuzzFeed: what lies in a feed's folder was written by somebody else.
func FuzzFeed(f *testing.F) {
	k := ceremony(f)
	of := feed(f, durable.OS(), f.TempDir(), k)
	for _, name := range []string{"1.root.json", "1.targets.json", "1.snapshot.json", "timestamp.json"} {
		text, err := os.ReadFile(filepath.Join(of.Dir, "metadata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"signed":{"_type":"root","version":1,"keys":{"a":null},"roles":{"root":{"keyids":["a"],"threshold":1},"targets":null}},"signatures":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		disk := crashfs.New()
		for _, name := range []string{"metadata/1.root.json", "metadata/timestamp.json", "metadata/1.snapshot.json", "metadata/1.targets.json", "pending/root.json", "pending/targets.json", "pending/notes.json"} {
			if name[0] == 'm' && len(text)%2 == 0 {
				continue
			}
			path := "/feed/" + name
			must(t, disk.MkdirAll(filepath.Dir(path), 0o755))
			must(t, disk.WriteFile(path, text, 0o644))
		}
		g := &vendor.Feed{FS: disk, Dir: "/feed", Now: start}
		_, _ = g.Status() // an error, never a panic
		_, _ = g.Apply(true, append(k.online(), k["root-1"], k["targets-1"])...)
		_ = g.Rotate("root", vendor.Rotation{Add: k.of("root-2")})
	})
}
