package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

func scope(dirs map[string]string) *plan.Scope {
	p := &manifest.Product{Dirs: dirs, Params: map[string]manifest.Param{"root": {}, "password": {Type: "secret"}, "missing": {},
		"probed": {Default: &manifest.ParamDefault{Value: "literal"}}, "plain": {Default: &manifest.ParamDefault{Value: "literal"}}}}
	s := &site.Installation{ID: "main", Params: map[string]site.Value{"root": {Text: "/srv"}, "password": {Ref: &site.SecretRef{File: "/etc/pw"}}}}
	return plan.NewScope(p, s, map[string]string{"probed": "found"}, map[string]string{"peer": "10.0.0.2"})
}

func TestExpand(t *testing.T) {
	sc := scope(map[string]string{"root": "${param.root}", "conf": "${dir.root}/conf", "loop": "${dir.pool}", "pool": "${dir.loop}"}).With("this.path", "/srv/app")
	for _, tt := range []struct{ text, want, err string }{
		{"plain", "plain", ""},
		{"", "", ""},
		{"${dir.conf}/a", "/srv/conf/a", ""},
		{"${param.root}${param.root}", "/srv/srv", ""},
		{"${param.probed} ${param.plain}", "found literal", ""},
		{"${fact.peer}:${this.path}:${installation.id}", "10.0.0.2:/srv/app:main", ""},
		{"${value} at ${run.start} of ${run.id}", "${value} at ${run.start} of ${run.id}", ""},
		{"$ {x} $x }", "$ {x} $x }", ""},
		{"${dir.loop}", "", "dir.loop → dir.pool → dir.loop"},
		{"${param.root", "", "no closing brace"},
		{"${}", "", "there is no ${}"},
		{"${param.passwort}", "", "there is no ${param.passwort}"},
		{"${param.missing}", "", `the parameter "missing" has no value`},
		{"${param.password}", "", "is a secret"},
	} {
		got, err := sc.Expand(tt.text)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q gives %q, %v; want %q, %q", tt.text, got, err, tt.want, tt.err)
		}
	}
	if ref, ok := sc.Secret("${param.password}"); !ok || ref.File != "/etc/pw" {
		t.Errorf("the secret is %+v, %v", ref, ok)
	}
	for _, text := range []string{"x${param.password}", "${param.password} ", "${param.root}", "param.password"} {
		if _, ok := sc.Secret(text); ok {
			t.Errorf("%q is taken for a secret", text)
		}
	}
	if _, ok := sc.Public()["password"]; ok {
		t.Error("the secret is among the public parameters")
	}
}

// A few lines that name each other twice must not fill the memory, or take
// for ever.
func TestExpandBombs(t *testing.T) {
	for name, leaf := range map[string]string{"long": strings.Repeat("x", 1000), "empty": ""} {
		dirs := map[string]string{"d0": leaf}
		for i := 1; i < 64; i++ {
			dirs[fmt.Sprintf("d%d", i)] = strings.Repeat(fmt.Sprintf("${dir.d%d}", i-1), 2)
		}
		if _, err := scope(dirs).Expand("${dir.d63}"); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("a %s bomb: %v", name, err)
		}
	}
}

func FuzzExpand(f *testing.F) {
	for _, text := range []string{"${dir.a}", "${dir.b}", "x${param.root}${value}", "${", "${}", "$${a}}", "${param.password}"} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, text, dir string) {
		sc := scope(map[string]string{"a": dir, "b": "${dir.a}${dir.a}"})
		got, err := sc.Expand(text)
		if err != nil {
			return
		}
		for part := range slices.Values(strings.Split(got, "${")[1:]) {
			key, _, _ := strings.Cut(part, "}")
			if !slices.Contains([]string{"value", "run.start", "run.id"}, key) {
				t.Fatalf("%q gives %q, in which ${%s} is left", text, got, key)
			}
		}
	})
}
