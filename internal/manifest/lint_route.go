package manifest

import (
	"slices"

	"upkeep/internal/document"
	"upkeep/internal/version"
)

func (l *linter) route(r Route) {
	if r.Via != "" && len(r.Settings) > 0 {
		l.errorf(r.Pos, "settings-without-hop", "say them at the route from "+r.Via, "the route from %s leads over %s and is no hop itself: its settings would never be set", r.From, r.Via)
	}
	if r.Fixes != nil {
		l.fixes(*r.Fixes)
	}
	if l.p == nil || l.order.IsZero() {
		return
	}
	from, ok := l.fromRange(r.Pos, r.From)
	if r.Via != "" {
		l.version(r.Pos, "via", r.Via)
		if c, err := l.order.Compare(r.Via, l.r.Version); err == nil && c >= 0 {
			l.errorf(r.Pos, "bad-via", "", "the route leads over %s, which is not older than %s", r.Via, l.r.Version)
		}
		if in, err := from.Contains(r.Via); ok && err == nil && in {
			l.errorf(r.Pos, "bad-via", "end the range before it", "the route from %s leads over %s, which is in that range", r.From, r.Via)
		}
	}
	for _, id := range sorted(r.Settings) {
		l.known(r.Pos, "unknown-setting", "setting", id, sorted(l.p.Settings))
	}
}

// fromRange checks the range of a route or of a blocked way.
func (l *linter) fromRange(at document.Pos, text string) (version.Range, bool) {
	from, err := l.order.ParseRange(text)
	switch {
	case err != nil:
		l.errorf(at, "bad-range", "", "%s", err)
	case from.Empty():
		l.errorf(at, "bad-range", "", "no version can be in the range %q", text)
	}
	return from, err == nil
}

func (l *linter) fixes(f Fixes) {
	l.families(f.Pos, f.Families)
	switch {
	case f.Required == "" || len(f.Families) == 0:
	case !slices.Contains(f.Families, f.Required):
		l.errorf(f.Pos, "required-family", Meant(f.Required, f.Families), "the required family %q is not among the families of the route", f.Required)
	}
}

// families checks families against those that the product declares. A release
// that says which it carries needs them declared: a mistyped one would count
// for nothing.
func (l *linter) families(at document.Pos, names []string) {
	if l.p == nil || len(l.p.Families) == 0 {
		return
	}
	for _, name := range names {
		l.known(at, "unknown-family", "family of fixes", name, l.p.Families)
	}
}

func (l *linter) fixOf(f *Fix) {
	if f == nil || l.p == nil {
		return
	}
	if len(l.p.Families) == 0 {
		l.errorf(f.Pos, "undeclared-families", "add families: […] to the product document", "the release carries fixes of families, and the product declares none")
	}
	l.families(f.Pos, f.Families)
	l.version(f.Pos, "fix of", f.Of)
	if l.order.IsZero() {
		return
	}
	if c, err := l.order.Compare(f.Of, l.r.Version); err == nil && c >= 0 {
		l.errorf(f.Pos, "bad-fix", "name the release that it mends", "%s is a fix of %s, which is not older", l.r.Version, f.Of)
	}
}

func (l *linter) block(b Block) {
	l.decidable(b.When)
	if l.p == nil || l.order.IsZero() {
		return
	}
	l.fromRange(b.Pos, b.From)
}

// decidable: whether a way is blocked is decided before there is a way.
func (l *linter) decidable(w *When) {
	if w == nil {
		return
	}
	for key, set := range map[string]bool{"crosses": w.Crosses != "", "mode": w.Mode != ""} {
		if set {
			l.errorf(w.Pos, "undecidable-condition", "param, fact, present and trigger are known by then", "%s cannot be told before the way is known", key)
		}
	}
	l.decidable(w.Not)
	for _, list := range [][]When{w.All, w.Any} {
		for i := range list {
			l.decidable(&list[i])
		}
	}
}
