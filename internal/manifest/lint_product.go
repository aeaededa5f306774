package manifest

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"upkeep/internal/document"
	"upkeep/internal/drift"
	"upkeep/internal/version"
)

func (l *linter) product() {
	l.roles(l.p.Pos, l.p.SameVersion...)
	components := l.components()
	for _, id := range l.p.Order {
		l.component(id, l.p.Components[id], components)
	}
	l.dependsCycle()
	for _, id := range sorted(l.p.Triggers) {
		if e := l.p.Triggers[id].Entitlement; e != "" {
			if _, ok := l.p.Facts[e]; !ok {
				l.warnf(l.p.Pos, "unknown-entitlement", "add it under facts: a probe that gives a value where it is there", "the trigger %s needs the entitlement %s, which is no fact of the product: its runs are refused", id, e)
			}
		}
	}
	l.servicesOnce()
	for _, id := range sorted(l.p.Backups) {
		b := l.p.Backups[id]
		for _, of := range b.Of {
			l.known(b.Pos, "unknown-component", "component", of, components)
		}
		l.roles(b.Pos, b.Role)
	}
	for _, s := range l.p.Services {
		l.of(s.Pos, s.Of)
	}
	for _, h := range l.p.Hooks {
		l.hooks(h)
	}
	for _, mode := range sorted(l.p.Access) {
		l.of(l.p.Access[mode].Pos, l.p.Access[mode].Of)
		if a := l.p.Access[mode]; a.Parked != "" && a.Marker == "" {
			l.errorf(a.Pos, "contradiction", "", "access mode %s parks a marker that it does not have", mode)
		} else if a.Content != "" && (a.Marker == "" || a.Parked != "") {
			l.errorf(a.Pos, "contradiction", "", "access mode %s says what a marker holds that it does not write", mode)
		}
	}
	if s := l.p.SelfUpgrade; s != nil {
		plain := Step{Pos: s.Pos, Verb: "run", Args: s.Args, As: s.As, Within: s.Within, Title: s.Title}
		if fmt.Sprint(*s) != fmt.Sprint(plain) {
			l.errorf(s.Pos, "contradiction", "self-upgrade: {run: [PROGRAM, …], as: ACCOUNT}", "self-upgrade is one command before anything is planned: it takes run, as, within and title only")
		}
	}
	groups := map[string]bool{}
	for _, g := range l.p.Features {
		if groups[g.Group] {
			l.errorf(g.Pos, "duplicate-id", "", "two groups of features are called %q", g.Group)
		}
		groups[g.Group] = true
		l.group(g)
	}
}

// of checks the components that a part of a document is about.
func (l *linter) of(at document.Pos, components []string) {
	for _, id := range components {
		l.known(at, "unknown-component", "component", id, sorted(l.p.Components))
	}
}

func (l *linter) component(id string, c Component, components []string) {
	l.roles(c.Pos, c.Role)
	l.relations(id, c, components)
	for _, alias := range c.Aliases {
		if _, taken := l.p.Components[alias]; taken {
			l.errorf(c.Pos, "duplicate-id", "", "component %s has the alias %q, which is a component", id, alias)
		}
	}
	if c.Kind == "tree" && c.At == (At{}) {
		l.errorf(c.Pos, "tree-without-place", "say where it is: at: PATH", "component %s is a tree and has no place", id)
	}
	if c.Kind != "package" && len(c.Packages)+len(c.Footprint) > 0 {
		l.errorf(c.Pos, "contradiction", "say kind: package, or leave packages and footprint out", "component %s has packages or a footprint, and is of another kind", id)
	}
	if c.Kind == "package" && c.Config != nil && c.Config.Beside != "" && c.Config.Beside != ".dpkg-old" {
		l.errorf(c.Pos, "contradiction", "write beside: .dpkg-old, or leave it out", "component %s is a package: the package manager itself names what lies beside", id)
	}
	if c.Config != nil && c.Kind != "tree" && (c.Config.Edited == "merge" || len(c.Config.Formats)+len(c.Config.Validate) > 0) {
		l.errorf(c.Pos, "contradiction", "say take-new or keep: the package manager has no other ways", "component %s is no tree, and only the files of trees are merged", id)
	}
	for _, v := range configOf(c).Validate {
		if !slices.ContainsFunc(v.Run, func(a string) bool { return strings.Contains(a, "${file}") }) {
			l.errorf(v.Pos, "validator-without-file", `name it: run: [PROGRAM, "${file}"]`, "a validator of component %s does not look at the file", id)
		}
	}
	if c.Standard != nil && !c.Database() {
		l.errorf(c.Standard.Pos, "contradiction", "leave it out", "component %s has a standard of its objects, and is no database", id)
	}
	if c.Standard != nil {
		for _, p := range c.Standard.Except {
			if err := drift.CheckPattern(p); err != nil {
				l.errorf(c.Standard.Pos, "bad-pattern", `write a name such as "public.log_*"`, "component %s: %v", id, err)
			}
		}
	}
	for _, keep := range c.Keep {
		if path.IsAbs(keep) || path.Clean(keep) != strings.TrimSuffix(keep, "/") || keep == "." || strings.HasPrefix(keep, "..") {
			l.errorf(c.Pos, "bad-path", "name a path inside the tree, such as local", "component %s keeps %q, which is not inside its tree", id, keep)
		}
	}
}

func configOf(c Component) Config {
	if c.Config == nil {
		return Config{}
	}
	return *c.Config
}

// readable reports whether a text is a range over the product's versions, or,
// since a component may have versions of its own, over dotted ones.
func (l *linter) readable(spec string) bool {
	if _, err := l.order.ParseRange(spec); err == nil {
		return true
	}
	dotted, err := version.Parse("dotted")
	if err != nil {
		return false
	}
	_, err = dotted.ParseRange(spec)
	return err == nil
}

func (l *linter) servicesOnce() {
	seen := map[string]bool{}
	for _, s := range l.p.Services {
		if seen[s.ID] {
			l.errorf(s.Pos, "duplicate-id", "", "two services are called %q", s.ID)
		}
		seen[s.ID] = true
		l.roles(s.Pos, s.Role)
	}
}

// roles checks names of roles; empty ones name none.
func (l *linter) roles(at document.Pos, roles ...string) {
	for _, role := range roles {
		if role != "" && l.p != nil {
			l.known(at, "unknown-role", "role", role, sorted(l.p.Roles))
		}
	}
}

func (l *linter) hooks(h HookSet) {
	glob := strings.NewReplacer("${phase}", "p", "${component}", "c").Replace(h.Name)
	if _, err := MatchName(glob, "x"); err != nil {
		l.errorf(h.Pos, "bad-pattern", `write a pattern of file names, such as "[0-9][0-9]*"`, "%q is no pattern of file names", h.Name)
	}
	if h.Phase == "any" && !strings.Contains(h.Name, "${phase}") {
		l.errorf(h.Pos, "hook-at-any-phase", "put ${phase} into the name, or name one phase", "the scripts in %s would run at every phase", h.Dir)
	}
	before := h.Phase != "any" && beforeBackup(Phase(h.Phase))
	switch {
	case before && h.Undo == nil:
		l.errorf(h.Pos, "missing-undo", "add undo: {run: [PROGRAM, …]} or undo: none",
			"the scripts in %s run before the backup and do not say what takes them back", h.Dir)
	case before && h.Undo.How == "restore":
		l.errorf(h.Pos, "undo-before-backup", "add undo: {run: [PROGRAM, …]} or undo: none",
			"the scripts in %s run before the backup: restoring it does not take them back", h.Dir)
	}
}
