package manage

import (
	"slices"
	"strings"
	"testing"

	"upkeep/internal/manifest"
)

func listed(withdrawn bool, version string, list ...string) Release {
	r := Release{Product: &manifest.Product{ID: "p", Versions: manifest.VersionOrder{List: list}}, Release: &manifest.Release{Version: version}}
	if withdrawn {
		r.Release.Withdrawn = "it loses mail"
	}
	return r
}

func TestLaterVersionsAreLearned(t *testing.T) {
	old, later, other := listed(false, "c", "a", "c"), listed(false, "b", "a", "b", "c"), listed(false, "a", "c", "a")
	learn([]Release{old, later, other})
	if !slices.Equal(old.Product.Versions.List, []string{"a", "b", "c"}) {
		t.Errorf("the older document lists %v", old.Product.Versions.List)
	}
	if !slices.Equal(other.Product.Versions.List, []string{"c", "a"}) {
		t.Errorf("a document that contradicts lists %v", other.Product.Versions.List)
	}
}

func TestChoose(t *testing.T) {
	all := []string{"a", "b", "c"}
	for _, tt := range []struct {
		name     string
		releases []Release
		to       string
		want     string // version, or error
		passed   string
	}{
		{"the latest", []Release{listed(false, "a", all...), listed(false, "b", all...)}, "", "b", ""},
		{"the latest that is not withdrawn", []Release{listed(true, "c", all...), listed(false, "b", all...)}, "", "b", "c is withdrawn: it loses mail; b is the latest that is not"},
		{"an older one is withdrawn", []Release{listed(true, "a", all...), listed(false, "b", all...)}, "", "b", ""},
		{"all are withdrawn", []Release{listed(true, "a", all...)}, "", "there is no release to go to: a is withdrawn: it loses mail", ""},
		{"two documents of one version", []Release{listed(false, "a", all...), listed(true, "a", all...)}, "", "a is withdrawn", ""},
		{"a withdrawn one is named", []Release{listed(true, "a", all...)}, "a", "a is withdrawn: it loses mail; choose another release with --to", ""},
		{"one is named", []Release{listed(false, "a", all...), listed(false, "b", all...)}, "a", "a", ""},
		{"one that is not at hand", []Release{listed(false, "a", all...)}, "c", "release c is not at hand", ""},
	} {
		got, passed, err := choose(tt.releases, tt.to)
		text := ""
		if err != nil {
			text = err.Error()
		} else {
			text = got.Release.Version
		}
		if text != tt.want && (err == nil || !strings.Contains(text, tt.want)) || strings.Join(passed, "; ") != tt.passed {
			t.Errorf("%s: %q, passed %q; want %q, %q", tt.name, text, passed, tt.want, tt.passed)
		}
	}
}
