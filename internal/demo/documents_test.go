package demo

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/durable"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/site"
)

// decode reads the documents of a release.
func decode(t *testing.T, version string) (*manifest.Product, *manifest.Release) {
	t.Helper()
	text, err := Documents(version)
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := yaml.Parse(version, text)
	if err != nil {
		t.Fatal(document.Pretty(err))
	}
	p, r, err := manifest.Decode(document.Source{Name: version, Text: text}, nodes)
	if err != nil {
		t.Fatal(document.Pretty(err))
	}
	return p, r
}

// The documents are read without a mistake, and every probe in them can be
// evaluated at the installation that Install makes.
func TestDocuments(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "notes")
	path, err := Install(t.Context(), durable.OS(), InstallOptions{Dir: dir, Runtime: "/opt/upkeep", Port: 8090})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := yaml.Parse(path, text)
	if err != nil {
		t.Fatal(document.Pretty(err))
	}
	installed, err := site.Decode(document.Source{Name: path, Text: text}, nodes)
	if err != nil {
		t.Fatal(document.Pretty(err))
	}
	account := installed.Params["account"].Text
	for _, version := range Versions() {
		p, r := decode(t, version)
		if r.Version != version || (len(r.Routes) == 0) != (version == "1.0") {
			t.Errorf("release %s: version %s, routes %v", version, r.Version, r.Routes)
		}
		resolver := plan.Resolver{Product: p, Scope: plan.NewScope(p, installed, nil, nil), Account: account}
		count := 0
		try := func(m *manifest.Probe) {
			if m == nil {
				return
			}
			count++
			resolved, err := resolver.Probe(*m)
			if err == nil {
				err = probe.Validate(*resolved)
			}
			if err != nil {
				t.Errorf("%s: %v", version, err)
			}
		}
		for _, c := range p.Components {
			try(c.Version)
		}
		for _, a := range p.Access {
			try(a.Refused)
		}
		for _, s := range p.Services {
			if _, err := resolver.Service(s); err != nil {
				t.Error(err)
			}
			try(s.Ready)
		}
		for _, c := range r.Checks {
			try(&c.Probe)
		}
		for _, s := range r.Procedure.Phases[manifest.Verify].Steps {
			for _, v := range s.Verify {
				try(&v)
			}
			try(s.Probe)
		}
		if want := map[bool]int{true: 4, false: 8}[version == "1.0"]; count != want {
			t.Errorf("%s has %d probes, want %d", version, count, want)
		}
	}
}

// The probes of the documents tell a version that fits its schema from one
// that does not.
func TestVerifyOfTheRelease(t *testing.T) {
	for _, c := range []struct {
		migrate bool
		want    []bool // the program says its version; its users' notes are there
	}{{true, []bool{true, true}}, {false, []bool{true, false}}} {
		s := newSite(t)
		s.mark(PrivateToken, "s3cret\n")
		s.mark(MaintenanceMarker, "closed")
		if c.migrate {
			if _, err := s.migrate("2.0"); err != nil {
				t.Fatal(err)
			}
		}
		app := s.serve("2.0")
		p, r := decode(t, "2.0")
		installed := &site.Installation{ID: "notes", Params: map[string]site.Value{
			"port":    {Text: app.url[len("http://127.0.0.1:"):]},
			"private": {Ref: &site.SecretRef{File: filepath.Join(s.data, PrivateToken)}},
		}}
		resolver := plan.Resolver{Product: p, Scope: plan.NewScope(p, installed, nil, nil)}
		probes := probe.New(probe.Deps{Secrets: secretOf})
		var got []bool
		for _, step := range r.Procedure.Phases[manifest.Verify].Steps {
			for _, m := range step.Verify {
				resolved, err := resolver.Probe(m)
				if err != nil {
					t.Fatal(err)
				}
				verdict, err := probes.Check(t.Context(), *resolved)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, verdict.OK)
			}
		}
		if len(got) != len(c.want) || got[0] != c.want[0] || got[1] != c.want[1] {
			t.Errorf("migrated %v: the probes say %v, want %v", c.migrate, got, c.want)
		}
	}
}

// secretOf reads a secret file as the site's secrets are read.
func secretOf(_ context.Context, ref plan.SecretRef) (string, error) {
	text, err := os.ReadFile(ref.File)
	return strings.TrimSuffix(string(text), "\n"), err
}
