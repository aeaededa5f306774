package site

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"upkeep/internal/document"
	"upkeep/internal/document/nearest"
	"upkeep/internal/manifest"
)

// Lint checks an installation against the product that it installs: names,
// values, what is missing. The findings are sorted by place. One that stands in
// a line with a secret does not show the line.
func Lint(in *Installation, p *manifest.Product) []manifest.Finding {
	l := &linter{in: in, p: p, secret: map[int]bool{}}
	if in.Product != p.ID {
		l.errorf(in.Pos, "other-product", "", "the installation is of product %q, but the product document is of %q", in.Product, p.ID)
		return l.found
	}
	l.params()
	l.missing()
	l.nodes()
	l.instances()
	l.choices()
	l.hooks()
	l.limits()
	for i, f := range l.found {
		l.found[i].Hidden = l.secret[f.Pos.Line]
	}
	slices.SortStableFunc(l.found, func(a, b manifest.Finding) int { return a.Pos.Compare(b.Pos) })
	return l.found
}

type linter struct {
	in     *Installation
	p      *manifest.Product
	secret map[int]bool // lines in which a secret is written
	found  []manifest.Finding
}

func (l *linter) errorf(at document.Pos, id, hint, format string, args ...any) {
	l.found = append(l.found, manifest.Finding{Pos: at, ID: id, Level: manifest.LevelError, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

func (l *linter) warnf(at document.Pos, id, hint, format string, args ...any) {
	l.found = append(l.found, manifest.Finding{Pos: at, ID: id, Level: manifest.LevelWarning, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func (l *linter) params() {
	for _, id := range sorted(l.in.Params) {
		v := l.in.Params[id]
		param, known := l.p.Params[id]
		switch {
		case !known:
			l.errorf(v.Pos, "unknown-param", manifest.Meant(id, sorted(l.p.Params)), "the product has no parameter %q", id)
		case param.Secret() && v.Ref == nil:
			l.secret[v.Pos.Line] = true
			l.errorf(v.Pos, "secret-written", "write {file: PATH} or {env: NAME}", "parameter %s is a secret and cannot be written in the document", id)
		case !param.Secret() && v.Ref != nil:
			l.errorf(v.Pos, "not-a-secret", "write its value", "parameter %s is not a secret: it cannot be a reference", id)
		default:
			l.typed(id, param, v)
		}
	}
}

// windowsPath begins with a drive, a share, or a variable that names one.
var windowsPath = regexp.MustCompile(`^([A-Za-z]:[\\/]|\\\\|%[A-Za-z]+%)`)

// typed checks a value against the parameter's type.
func (l *linter) typed(id string, param manifest.Param, v Value) {
	if v.Ref != nil || strings.Contains(v.Text, "${") {
		return
	}
	switch param.Type {
	case "bool":
		if v.Text != "true" && v.Text != "false" {
			l.errorf(v.Pos, "wrong-type", "", "parameter %s must be true or false, not %q", id, v.Text)
		}
	case "int":
		if _, err := strconv.Atoi(v.Text); err != nil {
			l.errorf(v.Pos, "wrong-type", "", "parameter %s must be a whole number, not %q", id, v.Text)
		}
	case "path":
		if !path.IsAbs(v.Text) && !windowsPath.MatchString(v.Text) {
			l.errorf(v.Pos, "wrong-type", "write the whole path, from the root on", "parameter %s must be an absolute path, not %q", id, v.Text)
		}
	}
}

// missing parameters are those that the product asks for and has no default of.
func (l *linter) missing() {
	ids := l.p.ParamOrder
	if len(ids) != len(l.p.Params) {
		ids = sorted(l.p.Params)
	}
	for _, id := range ids {
		param := l.p.Params[id]
		if _, given := l.in.Params[id]; given || param.Default != nil || param.Ask == "when-needed" {
			continue
		}
		hint := "add it under params"
		if param.Secret() {
			hint += " as {file: PATH} or {env: NAME}"
		}
		what := ""
		if param.Title != "" {
			what = " (" + param.Title + ")"
		}
		l.errorf(l.in.Pos, "missing-param", hint, "the parameter %s%s has no value", id, what)
	}
}

func (l *linter) nodes() {
	if len(l.in.Nodes) == 0 {
		return
	}
	count := map[string]int{}
	for _, id := range sorted(l.in.Nodes) {
		n := l.in.Nodes[id]
		for _, role := range n.Roles {
			if _, known := l.p.Roles[role]; !known {
				l.errorf(n.Pos, "unknown-role", manifest.Meant(role, sorted(l.p.Roles)), "the product has no role %q", role)
			}
			count[role]++
		}
	}
	for _, role := range sorted(l.p.Roles) {
		want := l.p.Roles[role].Nodes
		switch n, err := strconv.Atoi(want); {
		case count[role] == 0:
			l.errorf(l.in.Pos, "role-without-node", "add it to the roles of a node", "no node has the role %s", role)
		case err == nil && count[role] != n:
			l.errorf(l.in.Pos, "wrong-node-count", "", "%d nodes have the role %s, which is for %d", count[role], role, n)
		}
	}
}

func (l *linter) instances() {
	for _, id := range sorted(l.in.Instances) {
		at := l.in.Places.Of("instances."+id, l.in.Pos)
		c, known := l.p.Components[id]
		switch n := len(l.in.Instances[id]); {
		case !known:
			l.errorf(at, "unknown-component", manifest.Meant(id, sorted(l.p.Components)), "the product has no component %q", id)
		case n > 1 && !c.Independent:
			l.errorf(at, "several-instances", "", "component %s has %d instances here, but the product allows one", id, n)
		case n > 1:
			for _, p := range l.in.Instances[id] {
				if p.ID == "" || p.At == "" {
					l.errorf(p.Pos, "unnamed-instance", "", "component %s has several instances: each needs an id and a place (at)", id)
				}
			}
		}
	}
}

// choices: known features, and one of a group of which one is chosen.
func (l *linter) choices() {
	group := map[string]string{} // feature to the group of one that it is an alternative of
	known := map[string]bool{}
	var add func(features map[string]manifest.Feature)
	add = func(features map[string]manifest.Feature) {
		for id, f := range features {
			known[id] = true
			add(f.Of)
		}
	}
	folder := false
	for _, g := range l.p.Features {
		add(g.Of)
		folder = folder || g.Folder != ""
		if g.Choose == "one" {
			for id := range g.Of {
				group[id] = g.Group
			}
		}
	}
	chosen := map[string]string{}
	for _, id := range l.in.Choices {
		if near := nearest.Word(id, sorted(known)); !known[id] && (!folder || near != "") {
			l.errorf(l.in.Pos, "unknown-feature", manifest.Meant(id, sorted(known)), "the product has no feature %q", id)
		}
		if g := group[id]; g != "" {
			if other := chosen[g]; other != "" && other != id {
				l.errorf(l.in.Pos, "two-of-one", "choose one of them", "%s and %s are alternatives in %q", other, id, g)
			}
			chosen[g] = id
		}
	}
}

func (l *linter) hooks() {
	for _, h := range l.in.Hooks {
		glob := strings.NewReplacer("${phase}", "p", "${component}", "c").Replace(h.Name)
		if _, err := manifest.MatchName(glob, "x"); err != nil {
			l.errorf(h.Pos, "bad-pattern", `write a pattern of file names, such as "[0-9][0-9]*"`, "%q is no pattern of file names", h.Name)
		}
		if h.Phase == "any" && !strings.Contains(h.Name, "${phase}") {
			l.errorf(h.Pos, "hook-at-any-phase", "put ${phase} into the name, or name one phase", "the scripts in %s would run at every phase", h.Dir)
		}
	}
}

// limits are of verbs or of steps; which steps there are is not known here.
func (l *linter) limits() {
	verbs := manifest.Verbs()
	for _, id := range sorted(l.in.Limits) {
		if near := nearest.Word(id, verbs); near != "" && !slices.Contains(verbs, id) {
			l.warnf(l.in.Places.Of("limits."+id, l.in.Pos), "unknown-verb", fmt.Sprintf("did you mean %q?", near), "the limit %q is of no verb", id)
		}
	}
}
