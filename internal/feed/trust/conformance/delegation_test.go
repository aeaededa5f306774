package main

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// edge is a delegation: "targets>A", "A>C!" where it is terminating, with
// patterns after a space: "targets>A *.py".
type edge string

func (s *suite) delegate(edges ...edge) {
	s.t.Helper()
	keys := map[string]ed25519.PrivateKey{}
	for _, e := range edges {
		between, patterns, _ := strings.Cut(string(e), " ")
		from, to, _ := strings.Cut(between, ">")
		to, terminating := strings.CutSuffix(to, "!")
		if patterns == "" {
			patterns = "*"
		}
		if s.Products[to] == nil {
			s.Products[to] = metadata.Targets(s.Targets.Signed.Expires)
			s.Products[to].Signed.Version = 0
			keys[to] = s.Key()
			s.Keys[to] = []ed25519.PrivateKey{keys[to]}
		}
		key, id := s.PublicKey(s.Keys[to][0])
		m := s.Targets
		if from != "targets" {
			m = s.Products[from]
		}
		if m.Signed.Delegations == nil {
			m.Signed.Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{}}
		}
		m.Signed.Delegations.Keys[id] = key
		m.Signed.Delegations.Roles = append(m.Signed.Delegations.Roles, metadata.DelegatedRole{
			Name: to, KeyIDs: []string{id}, Threshold: 1, Terminating: terminating, Paths: strings.Split(patterns, ",")})
	}
}

// visited are the roles whose metadata was asked for, in order.
func (s *suite) visited(want ...string) {
	s.t.Helper()
	var got []string
	for _, name := range s.Asked() {
		role := strings.TrimSuffix(strings.TrimPrefix(name, "1."), ".json")
		if len(role) == 1 {
			got = append(got, role)
		}
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("asked the roles %q, want %q", got, want)
	}
}

func TestGraphs(t *testing.T) {
	for name, tt := range map[string]struct {
		edges []edge
		want  string
	}{
		"one":                            {[]edge{"targets>A"}, "A"},
		"two":                            {[]edge{"targets>A", "targets>B"}, "AB"},
		"two levels":                     {[]edge{"targets>A", "targets>B", "B>C"}, "ABC"},
		"the first one's children first": {[]edge{"targets>A", "targets>B", "A>C", "A>D"}, "ACDB"},
		"and their children":             {[]edge{"targets>A", "targets>B", "A>C", "C>D"}, "ACDB"},
		"terminating":                    {[]edge{"targets>A", "targets>B", "A>C!", "A>D"}, "AC"},
		"terminating, but for its own":   {[]edge{"targets>A", "targets>B", "A>C!", "C>D"}, "ACD"},
		"other paths":                    {[]edge{"targets>A *.py", "targets>B", "A>C"}, "B"},
		"other paths below":              {[]edge{"targets>A", "targets>B", "A>C *.py", "C>D"}, "AB"},
		"a circle":                       {[]edge{"targets>A", "targets>B", "B>C", "C>D", "D>B"}, "ABCD"},
		"two to a third":                 {[]edge{"targets>A", "targets>B", "B>C", "A>C"}, "ACB"},
		"two to a third, by other paths": {[]edge{"targets>A", "targets>B", "B>C", "A>C *.py"}, "ABC"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSuite(t)
			s.init()
			s.delegate(tt.edges...)
			s.PublishAll()
			s.download(1, "missingpath")
			s.visited(strings.Split(tt.want, "")...)
		})
	}
}

func TestSearch(t *testing.T) {
	for target, tt := range map[string]struct {
		want  string
		found bool
	}{
		"targetfile": {"", true}, "README.md": {"A", true}, "releases/x/x_v1": {"BC", true}, "releases/y/y_v1.zip": {"BD", true}, "releases/z/z_v1.zip": {"B", false},
	} {
		t.Run(strings.ReplaceAll(target, "/", "_"), func(t *testing.T) {
			s := newSuite(t)
			s.init()
			s.delegate("targets>A *.doc,*.md", "targets>B releases/*/*", "B>C releases/x/*", "B>D releases/y/*.zip")
			for name, role := range map[string]string{"targetfile": "targets", "README.md": "A", "releases/x/x_v1": "C", "releases/y/y_v1.zip": "D", "releases/z/z_v1.zip": "D"} {
				s.Add(role, name, []byte(name))
			}
			s.PublishAll()
			if tt.found {
				s.download(0, target)
				s.content(target)
			} else {
				s.download(1, target)
				s.content()
			}
			s.visited(strings.Split(tt.want, "")...)
		})
	}
}
