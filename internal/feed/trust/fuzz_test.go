package trust_test

import (
	"slices"
	"testing"

	"upkeep/internal/feed/feedtest"
	"upkeep/internal/feed/trust"
	"upkeep/internal/lab/crashfs"
)

// FuzzFetched gives a client any text in place of one file of a feed.
func FuzzFetched(f *testing.F) {
	s := newSite(f)
	s.good()
	s.feed.PublishRoot()
	s.feed.PublishAll()
	files := s.feed.Files()
	names := []string{"2.root.json", "timestamp.json", "3.snapshot.json", "3.targets.json", "2.app.json"}
	for i, name := range names {
		f.Add(i, files["metadata/"+name], false)
		f.Add(i, []byte(`{"signed":{"_type":"root"},"signatures":[null]}`), true)
	}
	disk := s.fs.(*crashFS)
	old := s.index()
	fresh := s.feed.Index("app")
	f.Fuzz(func(t *testing.T, i int, text []byte, signed bool) {
		if i < 0 || i >= len(names) {
			return
		}
		if signed && !jsonText(text) {
			return
		}
		g := *s
		g.t, g.fs = t, disk.Clone()
		feed := trust.Files{}
		for name, data := range files {
			feed[name] = data
		}
		if signed {
			role := []string{feedtest.Root, feedtest.Timestamp, feedtest.Snapshot, feedtest.Targets, "app"}[i]
			text = feedtest.SignRaw(t, text, g.feed.Keys[role]...)
		}
		feed["metadata/"+names[i]] = text
		g.get = feed
		_, err := g.refresh()
		if err != nil && !trust.Is(err, trust.Damaged, trust.WrongSignature, trust.MixUp, trust.RolledBack, trust.TooLong, trust.Expired, trust.NotThere) {
			t.Fatal(err)
		}
		if signed {
			return // whoever holds the keys may say anything
		}
		if got := g.index(); !slices.Contains([]string{old, fresh}, got) {
			t.Fatalf("believes %s", got)
		}
	})
}

// FuzzStored reads any text in place of one stored file.
func FuzzStored(f *testing.F) {
	s := newSite(f)
	s.feed.PublishRoot()
	s.good()
	want := s.index()
	disk := s.fs.(*crashFS)
	list, err := disk.ReadDir(dir)
	must(f, err)
	for i, e := range list {
		text, err := disk.ReadFile(dir + "/" + e.Name)
		must(f, err)
		f.Add(i, text)
		f.Add(i, []byte(`{"signed":null,"believed":"2027-03-01T12:00:00Z"}`))
	}
	f.Fuzz(func(t *testing.T, i int, text []byte) {
		if i < 0 || i >= len(list) {
			return
		}
		fs := disk.Clone()
		must(t, fs.WriteFile(dir+"/"+list[i].Name, text, 0o644))
		c, err := trust.Offline(fs, dir, s.options())
		if err == nil {
			var target trust.Target
			if target, err = c.Target(t.Context(), "app/index.json"); err == nil && target.SHA256 != want {
				t.Fatalf("believes %s", target.SHA256)
			}
		}
		g := *s
		g.t, g.fs = t, crashfs.New()
		must(t, g.fs.MkdirAll("/state/feed", 0o755))
		_ = trust.Pin(g.fs, dir, text)
	})
}
