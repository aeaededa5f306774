package survey

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

func tree(at string) manifest.Component {
	return manifest.Component{Kind: "tree", At: manifest.At{Path: at}}
}

// What is at the place of a tree that a feature brings, and what is missing above
// it.
func TestAdded_S0_11(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"app", "real", "empty", "full/x"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, at, above, real, taken string }{
		{"below what is there", "app/calls", "", "app/calls", ""},
		{"below what is missing", "more/phone/calls", "more more/phone", "more/phone/calls", ""},
		{"behind a link", "link/more/calls", "link/more", "real/more/calls", ""},
		{"an empty folder", "empty", "", "", "there is an empty folder at "},
		{"a folder", "full", "", "", "there is a folder at "},
		{"a file", "file", "", "", "there is something at "},
		{"a link", "link", "", "", "there is something at "},
		{"below a file", "file/calls", "", "", "file is no folder"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := surveyor(t)
			installed := &manifest.Product{ID: "p", Order: []string{"app"}, Components: map[string]manifest.Component{"app": tree(filepath.Join(dir, "app"))}}
			hop := &manifest.Product{ID: "p", Order: []string{"app", "calls", "old"}, Chosen: &manifest.Chosen{Fresh: []string{"calls", "app"}},
				Components: map[string]manifest.Component{"app": tree(filepath.Join(dir, "app")), "calls": tree(filepath.Join(dir, tt.at)), "old": tree(filepath.Join(dir, "old"))}}
			f := s.blank()
			f.Instances["app"] = plan.InstanceFact{Version: "1", Owner: "shop"}
			if err := s.Added(&f, installed, hop, &site.Installation{}); err != nil {
				t.Fatal(err)
			}
			got := f.Instances["calls"]
			above := ""
			for _, a := range got.Above {
				above = strings.TrimSpace(above + " " + strings.TrimPrefix(a, dir+"/"))
			}
			real := ""
			if got.Real != "" {
				real, _ = filepath.Rel(dir, got.Real)
			}
			if got.New != (tt.taken == "") || above != tt.above || real != tt.real || !strings.Contains(got.Taken, tt.taken) || got.Owner != "shop" {
				t.Errorf("%+v", got)
			}
			if _, ok := f.Volumes[filepath.Dir(filepath.Join(dir, tt.at))]; !ok && tt.taken == "" {
				t.Error("nothing says how much room there is")
			}
			// what is installed, and what no feature brings, is not added
			if f.Instances["app"].New || f.Instances["old"].New {
				t.Errorf("%+v", f.Instances)
			}
		})
	}
}

// A tree that may be missing is absent; another one is an error.
func TestOptional(t *testing.T) {
	s, _ := surveyor(t)
	p := &manifest.Product{ID: "p", Order: []string{"calls"}, Components: map[string]manifest.Component{"calls": tree(filepath.Join(t.TempDir(), "calls"))}}
	if _, err := s.Basics(t.Context(), p, &site.Installation{}); err == nil || !strings.Contains(err.Error(), "cannot find calls where the installation document says it is") {
		t.Errorf("a tree that is missing: %v", err)
	}
	s.Optional = func(id string) bool { return id == "calls" }
	f, err := s.Basics(t.Context(), p, &site.Installation{})
	if err != nil || !f.Instances["calls"].Absent {
		t.Errorf("%+v, %v", f.Instances, err)
	}
}
