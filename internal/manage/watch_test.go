package manage

import (
	"errors"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/journal"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

func TestWatch(t *testing.T) {
	at := func(h int) time.Time { return time.Date(2026, 3, 1, h, 0, 0, 0, time.UTC) }
	w := Watch{Order: "dotted"}
	w.failed(at(1), errors.New("no route"))
	w.failed(at(2), errors.New("no answer"))
	if !w.Since.Equal(at(1)) || !w.Tried.Equal(at(2)) || w.Problem != "no answer" || !w.Looked.IsZero() {
		t.Errorf("failed twice: %+v", w)
	}
	w.saw(at(3), Seen{Version: "2.0"})
	w.saw(at(4), Seen{Version: "2.0"})
	if w.Problem != "" || !w.Since.IsZero() || !w.Published.First.Equal(at(3)) || !w.Looked.Equal(at(4)) {
		t.Errorf("seen: %+v", w)
	}
	w.failed(at(5), errors.New("no route"))
	if w.Published.Version != "2.0" || !w.Looked.Equal(at(4)) || !w.Since.Equal(at(5)) {
		t.Errorf("failed again: %+v", w)
	}
	w.Detected = Seen{Version: "1.9", At: at(0)}
	if late := w.late(at(6)); late != 3*time.Hour {
		t.Errorf("late by the first sight: %s", late)
	}
	w.Published.At = at(1)
	if late := w.late(at(6)); late != 5*time.Hour {
		t.Errorf("late by the publication: %s", late)
	}
	w.Published.At = at(9)
	if late := w.late(at(6)); late != 0 {
		t.Errorf("published in the future, late: %s", late)
	}
	if w.older("2.0", "10.0") != true || w.older("next", "10.0") || (&Watch{}).older("1", "2") {
		t.Error("what is older is not told right")
	}
}

func TestReleasesOf(t *testing.T) {
	record := []journal.Installed{{Component: "app", Version: "2.0", Release: "2.0"}, {Component: "db", Version: "17", Release: "2.0"}, {Component: "shop", Instance: "b", Version: "1.9", Release: "1.9"}}
	if got := releasesOf(record, nil); len(got) != 2 || got[0] != "2.0" || got[1] != "1.9" {
		t.Errorf("%q", got)
	}
	if got := releasesOf(record, map[string]string{"app": "1.5", "db": "17", "shop@b": ""}); len(got) != 3 || got[0] != "1.5" {
		t.Errorf("by hand: %q", got)
	}
}

func TestPersonNeeded(t *testing.T) {
	p := &plan.Plan{Steps: []plan.Step{{Verb: "verify", Title: "verify"}}}
	if why := PersonNeeded(p); why != "" {
		t.Error(why)
	}
	p.Steps = append(p.Steps, plan.Step{Verb: "tell", Title: "a person: pull the cable"})
	if why := PersonNeeded(p); why != "it needs a person: pull the cable" {
		t.Error(why)
	}
}

func TestCrowds(t *testing.T) {
	for _, c := range []struct {
		need, free, total int64
		want              bool
	}{
		{1 << 20, 100 << 30, 1 << 40, false}, // a twentieth is much more than a GiB
		{2 << 30, 1 << 30, 1 << 40, true},
		{1 << 30, 3 << 30, 10 << 30, false},
		{1 << 30, 5 << 28, 10 << 30, true}, // 256 MiB left of 10 GiB
		{1 << 30, 5 << 28, 2 << 30, false}, // 256 MiB left of 2 GiB
	} {
		if got := crowds(c.need, durable.VolumeInfo{Free: c.free, Total: c.total}); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestUnfitFeed(t *testing.T) {
	for name, c := range map[string]struct {
		feed manifest.Feed
		want string
	}{
		"right":            {manifest.Feed{HTTP: "https://example.org/releases.xml", Select: "//release/@version", Published: "//release/@date"}, ""},
		"with a reference": {manifest.Feed{HTTP: "https://${param.host}/releases", Select: `v(\d+)`}, ""},
		"of a command":     {manifest.Feed{Command: []string{"apt-cache", "policy", "${param.package}"}, Select: `Candidate: (\S+)`}, ""},
		"no expression":    {manifest.Feed{HTTP: "https://example.org/", Format: "text", Select: `v(\d+`}, "missing closing )"},
		"no path":          {manifest.Feed{HTTP: "https://example.org/r.xml", Select: "//release/@version", Published: "//@"}, "the feed: "},
		"no format":        {manifest.Feed{HTTP: "https://example.org/", Format: "html"}, "unknown format"},
		"no address":       {manifest.Feed{HTTP: "releases.xml"}, "it needs an address"},
	} {
		p := &manifest.Product{ID: "shop", Versions: manifest.VersionOrder{Name: "dotted"}, Feed: &c.feed}
		found := unfitProbes(p, nil)
		if c.want == "" && len(found) > 0 || c.want != "" && (len(found) != 1 || found[0].ID != "unfit-feed" || !strings.Contains(found[0].Msg, c.want)) {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
