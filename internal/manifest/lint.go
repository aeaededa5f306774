package manifest

import (
	"fmt"
	"slices"

	"upkeep/internal/document"
	"upkeep/internal/document/nearest"
	"upkeep/internal/version"
)

// Finding is what Lint has to say: a mistake that no single place of a document
// shows.
type Finding struct {
	Pos   document.Pos `json:"-"`
	ID    string       `json:"id"`    // of the rule, stable: unknown-component
	Level string       `json:"level"` // error, or warning
	Msg   string       `json:"message"`
	Hint  string       `json:"hint,omitempty"`

	// Hidden: the line of the document holds a secret and must not be shown.
	Hidden bool `json:"-"`
}

// The levels of findings. A manifest with an error cannot be upgraded with.
const (
	LevelError   = "error"
	LevelWarning = "warning"
)

// Error gives "file:line:col: message; hint (rule)".
func (f Finding) Error() string { return fmt.Sprintf("%s (%s)", f.In(document.Source{}).Error(), f.ID) }

// In gives the finding as an error of its source, which can show the line.
func (f Finding) In(src document.Source) *document.Error {
	if f.Hidden {
		src.Text = nil
	}
	d := document.NewDecoder(src)
	d.Errorf(f.Pos, f.Hint, "%s", f.Msg)
	if all, ok := d.Err().(document.Errors); ok && len(all) == 1 {
		return all[0]
	}
	return &document.Error{Pos: f.Pos, Msg: f.Msg, Hint: f.Hint}
}

// Lint checks what the parts of a manifest say about one another: references,
// names, the order of phases, versions and ranges, what takes a step back. One
// of the two may be nil; then what needs both is left out. The findings are
// sorted by place.
func Lint(p *Product, r *Release) []Finding {
	l := &linter{p: p, r: r, ids: map[string]document.Pos{}}
	if p != nil {
		l.setOrder()
		l.product()
	}
	if r != nil {
		l.collectIDs()
		l.release()
	}
	l.walk()
	slices.SortStableFunc(l.found, func(a, b Finding) int { return a.Pos.Compare(b.Pos) })
	return slices.CompactFunc(l.found, func(a, b Finding) bool { return a == b })
}

type linter struct {
	p     *Product
	r     *Release
	order version.Order
	ids   map[string]document.Pos // of steps
	found []Finding
}

func (l *linter) errorf(at document.Pos, id, hint, format string, args ...any) {
	l.found = append(l.found, Finding{Pos: at, ID: id, Level: LevelError, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

func (l *linter) warnf(at document.Pos, id, hint, format string, args ...any) {
	l.found = append(l.found, Finding{Pos: at, ID: id, Level: LevelWarning, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

// known reports an error unless name is one of those known.
func (l *linter) known(at document.Pos, id, what, name string, names []string) bool {
	if slices.Contains(names, name) {
		return true
	}
	l.errorf(at, id, Meant(name, names), "there is no %s %q", what, name)
	return false
}

// Meant is the hint for a name that is not among those known.
func Meant(name string, names []string) string {
	if near := nearest.Word(name, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	switch {
	case len(names) == 0:
		return "the manifest declares none"
	case len(names) > 16:
		return ""
	}
	hint := "known: "
	for i, n := range names {
		if i > 0 {
			hint += ", "
		}
		hint += n
	}
	return hint
}

func (l *linter) setOrder() {
	var err error
	if v := l.p.Versions; len(v.List) > 0 {
		l.order, err = version.Listed(v.List)
	} else {
		l.order, err = version.Parse(v.Name)
	}
	if err != nil {
		l.errorf(l.p.Pos, "bad-version-order", "", "cannot order versions: %s", err)
	}
}

// components are all names of components: those declared, and those that
// features bring.
func (l *linter) components() []string {
	names := sorted(l.p.Components)
	for _, c := range l.p.Components {
		names = append(names, c.Aliases...)
	}
	var add func(map[string]Feature)
	add = func(features map[string]Feature) {
		for _, f := range features {
			names = append(names, f.Components...)
			add(f.Of)
		}
	}
	for _, g := range l.p.Features {
		add(g.Of)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (l *linter) features() []string {
	var names []string
	var add func(map[string]Feature)
	add = func(features map[string]Feature) {
		for id, f := range features {
			names = append(names, id)
			add(f.Of)
		}
	}
	for _, g := range l.p.Features {
		add(g.Of)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// services are the ids and names of the product's services.
func (l *linter) services() []string {
	var names []string
	for _, s := range l.p.Services {
		names = append(append(names, s.ID), s.Names...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
