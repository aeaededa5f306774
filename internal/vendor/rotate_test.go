package vendor_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/vendor"
)

// apply has keys sign, and wants everything live.
func apply(t *testing.T, f *vendor.Feed, keys ...*vendor.Key) {
	t.Helper()
	a, err := f.Apply(false, keys...)
	must(t, err)
	if len(a.Pending) != 0 {
		t.Fatalf("not all is live: %+v", a.Pending)
	}
}

// waits has keys sign, and wants the role to wait for so many signatures.
func waits(t *testing.T, f *vendor.Feed, role string, missing int, keys ...*vendor.Key) {
	t.Helper()
	a, err := f.Apply(false, keys...)
	must(t, err)
	i := slices.IndexFunc(a.Pending, func(p vendor.Pending) bool { return p.Role == role })
	if i < 0 || a.Pending[i].Missing != missing {
		t.Fatalf("%s should wait for %d signatures: %+v", role, missing, a)
	}
}

// begun is a feed with one release, and a site that has seen it.
func begun(t *testing.T) (keys, *vendor.Feed, *site) {
	t.Helper()
	k := ceremony(t)
	f := feed(t, durable.OS(), t.TempDir(), k)
	publish(t, f, k, release(t, "1.0", "a"), "stable")
	s := newSite(t, f)
	s.index()
	return k, f, s
}

// goesOn publishes one more release, which the site and a fresh one must see.
func goesOn(t *testing.T, f *vendor.Feed, k keys, s *site) {
	t.Helper()
	publish(t, f, k, release(t, "1.1", "b"), "stable")
	for who, s := range map[string]*site{"the site": s, "a fresh site": newSite(t, f)} {
		x, _, err := s.look()
		if err != nil || x.Latest("stable").Version != "1.1" {
			t.Errorf("%s does not see the next release: %v", who, err)
		}
	}
}

// signers of a version of root, as a file that is carried from desk to desk.
func TestSignedByOneAfterTheOther(t *testing.T) {
	k := ceremony(t)
	f := &vendor.Feed{FS: durable.OS(), Dir: t.TempDir(), Now: start}
	must(t, f.Create(k.roles()))
	waits(t, f, "root", 3)
	draft := filepath.Join(f.Dir, "pending/root.json")
	for i, name := range []string{"root-2", "root-4"} {
		d, err := vendor.SignFile(f.FS, draft, k[name])
		must(t, err)
		if len(d.Signed) != i+1 || d.Role != "root" || len(d.Rules) != 4 || d.Rules[0].Needs != 3 {
			t.Errorf("signed: %+v", d)
		}
		waits(t, f, "root", 2-i)
	}
	// the same key twice, and one that may not, do not help
	for _, name := range []string{"root-2", "targets-1", "release"} {
		_, err := vendor.SignFile(f.FS, draft, k[name])
		must(t, err)
	}
	waits(t, f, "root", 1)
	_, err := vendor.SignFile(f.FS, draft, k["root-5"])
	must(t, err)
	waits(t, f, "targets", 2)
	waits(t, f, "targets", 1, k["targets-3"])
	a, err := f.Apply(false, k["targets-1"])
	must(t, err)
	if len(a.Live) != 0 || len(a.Pending) != 2 || !strings.Contains(a.Pending[0].Waits, "snapshot") {
		t.Errorf("without the online keys: %+v", a)
	}
	apply(t, f, k.online()...)
	must(t, f.AddProduct("notes", 0, k["release"]))
	waits(t, f, "targets", 2, k["release"])
	apply(t, f, append(k.online(), k.of("targets-2", "targets-3")...)...)
	publish(t, f, k, release(t, "1.0", "a"), "stable")
	goesOn(t, f, k, newSite(t, f))
}

func TestLostTargetsKey(t *testing.T) {
	k, f, s := begun(t) // signed by targets-1 and targets-2
	k.add(t, "targets-4")
	must(t, f.Rotate("targets", vendor.Rotation{Remove: []string{"targets-1"}, Add: k.of("targets-4")}))
	waits(t, f, "root", 3)
	waits(t, f, "targets", 1, k.of("root-1", "root-2", "root-3", "targets-2")...)
	s.index() // nothing of it is live
	// what the lost key signs does not count
	waits(t, f, "targets", 1, k["targets-1"])
	apply(t, f, append(k.online(), k["targets-4"])...)
	goesOn(t, f, k, s)
	must(t, f.Renew("targets"))
	waits(t, f, "targets", 1, k.of("targets-1", "targets-3")...)
	apply(t, f, append(k.online(), k["targets-4"])...)
	goesOn(t, f, k, s)
}

// A key that has not signed what is live: no new targets are needed.
func TestLostTargetsKeyUnused(t *testing.T) {
	k, f, s := begun(t)
	k.add(t, "targets-4")
	must(t, f.Rotate("targets", vendor.Rotation{Remove: []string{"targets-3"}, Add: k.of("targets-4")}))
	apply(t, f, append(k.online(), k.of("root-1", "root-2", "root-3")...)...)
	goesOn(t, f, k, s)
}

func TestLostRootKeys(t *testing.T) {
	k, f, s := begun(t)
	k.add(t, "root-6")
	k.add(t, "root-7")
	must(t, f.Rotate("root", vendor.Rotation{Remove: []string{"root-1", "root-3"}, Add: k.of("root-6", "root-7")}))
	// three new ones are not enough: of the old root only one has signed
	waits(t, f, "root", 2, k.of("root-6", "root-7", "root-2")...)
	waits(t, f, "root", 1, k["root-4"])
	apply(t, f, append(k.online(), k["root-5"])...)
	goesOn(t, f, k, s)
	// and from now on the new ones count
	must(t, f.Renew("root"))
	waits(t, f, "root", 1, k.of("root-1", "root-3", "root-6", "root-7")...)
	apply(t, f, append(k.online(), k["root-2"])...)
	goesOn(t, f, k, s)
}

func TestTooManyRootKeysLost(t *testing.T) {
	k, f, _ := begun(t)
	k.add(t, "root-6")
	must(t, f.Rotate("root", vendor.Rotation{Remove: []string{"root-1", "root-2", "root-3"}, Add: k.of("root-6"), Threshold: 3}))
	waits(t, f, "root", 1, k.of("root-4", "root-5", "root-6")...)
	if _, err := f.FS.Stat(filepath.Join(f.Dir, "metadata/2.root.json")); err == nil {
		t.Error("a root that two of the old keys have signed is live")
	}
}

func TestStolenOnlineKeys(t *testing.T) {
	k, f, s := begun(t)
	old := k.online()
	must(t, f.Rotate("snapshot", vendor.Rotation{Remove: []string{"snapshot"}, Add: []*vendor.Key{k.add(t, "snapshot-2")}}))
	must(t, f.Rotate("timestamp", vendor.Rotation{Remove: []string{"timestamp"}, Add: []*vendor.Key{k.add(t, "timestamp-2")}}))
	a, err := f.Apply(false, append(old, k.of("root-1", "root-2", "root-3")...)...)
	must(t, err)
	if len(a.Live) != 0 || len(a.Pending) != 1 || a.Pending[0].Waits == "" {
		t.Errorf("with the old online keys: %+v", a)
	}
	k["snapshot"], k["timestamp"] = k["snapshot-2"], k["timestamp-2"]
	apply(t, f, k.online()...)
	if _, err := f.Apply(true, old...); err == nil {
		t.Error("the old keys renew")
	}
	goesOn(t, f, k, s)
}

func TestLostReleaseKey(t *testing.T) {
	k, f, s := begun(t)
	must(t, f.Rotate("notes", vendor.Rotation{Remove: []string{"release"}, Add: []*vendor.Key{k.add(t, "release-2")}}))
	waits(t, f, "notes", 1, append(k.online(), k.of("release", "targets-1", "targets-2")...)...)
	s.index()
	k["release"] = k["release-2"]
	apply(t, f, append(k.online(), k["release"])...)
	goesOn(t, f, k, s)
}

// A release goes out while a new root waits for its signatures.
func TestReleaseBesideADraftOfRoot(t *testing.T) {
	k, f, s := begun(t)
	must(t, f.Rotate("targets", vendor.Rotation{Remove: []string{"targets-1"}, Add: []*vendor.Key{k.add(t, "targets-4")}}))
	_, err := f.Publish(t.Context(), vendor.Publishing{Bundle: release(t, "1.1", "b"), Channel: "stable"})
	must(t, err)
	a, err := f.Apply(false, append(k.online(), k["release"])...)
	must(t, err)
	if len(a.Live) != 3 || len(a.Pending) != 2 {
		t.Errorf("the release: %+v", a)
	}
	if v := s.index().Latest("stable").Version; v != "1.1" {
		t.Errorf("the site sees %s", v)
	}
}

func TestRotateNot(t *testing.T) {
	k, f, _ := begun(t)
	for _, tt := range []struct {
		role string
		r    vendor.Rotation
		want string
	}{
		{"targets", vendor.Rotation{Remove: []string{"root-1"}}, "its keys are targets-1, targets-2, targets-3"},
		{"snapshot", vendor.Rotation{Remove: []string{"snapshot"}}, "could never be signed"},
		{"root", vendor.Rotation{Threshold: 6}, "could never be signed"},
		{"notes", vendor.Rotation{Threshold: 2}, "could never be signed"},
		{"other", vendor.Rotation{Add: k.of("root-1")}, "no role and no product other"},
	} {
		if err := f.Rotate(tt.role, tt.r); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %+v: %v, want %s", tt.role, tt.r, err, tt.want)
		}
	}
	if a, err := f.Apply(false); err != nil || len(a.Pending) != 0 {
		t.Errorf("what was refused has left a draft: %+v %v", a, err)
	}
}

func TestRenewAndAlarms(t *testing.T) {
	k, f, s := begun(t)
	level := func(days int) (string, map[string]int) {
		t.Helper()
		at := start().Add(time.Duration(days) * 24 * time.Hour)
		f.Now = func() time.Time { return at }
		st, err := f.Status()
		must(t, err)
		alarms := map[string]int{}
		for _, r := range st.Roles {
			if r.Level == vendor.LevelSoon {
				alarms[r.Role] = r.Alarm
			}
		}
		return st.Level(), alarms
	}
	renew := func(roles ...string) {
		t.Helper()
		must(t, f.Renew(roles...))
		_, err := f.Apply(true, append(k.online(), k.of("root-1", "root-2", "root-3", "targets-1", "targets-2", "release")...)...)
		must(t, err)
	}
	if l, _ := level(6); l != vendor.LevelFine {
		t.Errorf("on day 6: %s", l)
	}
	if l, a := level(8); l != vendor.LevelSoon || len(a) != 2 || a["timestamp"] != 7 || a["snapshot"] != 7 {
		t.Errorf("on day 8: %s %v", l, a)
	}
	renew()
	if l, _ := level(9); l != vendor.LevelFine {
		t.Errorf("after the renewal: %s", l)
	}
	s.now = f.Now()
	s.index()
	if l, _ := level(15 + 8); l != vendor.LevelExpired {
		t.Errorf("15 days after it: %s", l)
	}
	s.now = f.Now()
	if _, _, err := s.look(); err == nil {
		t.Error("a site takes what has expired")
	}
	renew()
	s.index()
	if l, a := level(182 - 29); l != vendor.LevelExpired || a["notes"] != 30 {
		t.Errorf("29 days before the product's role ends: %s %v", l, a)
	}
	renew("notes")
	if l, a := level(365 - 13); a["root"] != 14 || a["targets"] != 14 {
		t.Errorf("13 days before root ends: %s %v", l, a)
	}
	renew("root", "targets", "notes")
	if l, a := level(365); l != vendor.LevelSoon && l != vendor.LevelFine {
		t.Errorf("after all was renewed: %s %v", l, a)
	}
	s.now = f.Now()
	goesOn(t, f, k, s)
}
