package feature

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/document/nearest"
	"upkeep/internal/manifest"
)

// Question is what is installed and what is wanted beside it.
type Question struct {
	Installed []string // features by path or id, as an earlier release calls them
	Standing  []string // what the installation document chooses, likewise: the choice of nothing gives way
	Asked     []string // features by path or id
	First     bool     // a first install: defaults count, and a choice of one must be made
	// Holds decides a condition on anything but what is chosen. Nil: none holds.
	Holds func(w *manifest.When) (bool, error)
}

// Answer is what is chosen, and what it brings.
type Answer struct {
	Features   []State
	Chosen     []string // paths of what is chosen, in the document's order
	Added      []string // of these, what was asked for and not installed; at a first install all
	Components []string // that are there, each after what it needs
	Brought    []string // of these, what the chosen features bring
	Fresh      []string // of these, what no installed feature brings
}

// State is a feature in an answer.
type State struct {
	Path       string   `json:"feature"`
	Title      string   `json:"title,omitempty"`
	Group      string   `json:"group"`
	One        bool     `json:"one,omitempty"` // it is one alternative of its group
	Source     string   `json:"source,omitempty"`
	Components []string `json:"components,omitempty"`
	Chosen     bool     `json:"chosen"`
	Locked     bool     `json:"locked,omitempty"` // it cannot be taken out
	Hidden     bool     `json:"hidden,omitempty"`
	Why        string   `json:"why,omitempty"` // it is chosen, locked, or cannot be chosen
}

// ConflictError says why the features cannot be had like that.
type ConflictError struct{ Reasons []string }

func (e *ConflictError) Error() string {
	return "the features do not go together:\n  " + strings.Join(e.Reasons, "\n  ")
}

// Solve answers the question. The error is a *ConflictError, or that of a
// condition which cannot be decided.
func (c *Catalogue) Solve(q Question) (Answer, error) {
	s := &solving{Catalogue: c, q: q, why: make([]string, len(c.features)), locked: make([]bool, len(c.features))}
	s.installed()
	for _, name := range q.Asked {
		s.asked(name)
	}
	for _, name := range q.Standing {
		if !s.givesWay(name) {
			s.asked(name)
		}
	}
	s.mandatory()
	s.defaults()
	if err := s.themselves(); err != nil {
		return Answer{}, err
	}
	s.alternatives()
	there := s.there()
	s.relations(there)
	order := s.inOrder(there)
	if len(s.reasons) > 0 {
		return Answer{}, &ConflictError{Reasons: s.reasons}
	}
	return s.answer(there, order), nil
}

type solving struct {
	*Catalogue
	q       Question
	why     []string // by feature; empty: it is not chosen
	locked  []bool
	reasons []string
}

func (s *solving) refuse(format string, a ...any) {
	if text := fmt.Sprintf(format, a...); !slices.Contains(s.reasons, text) {
		s.reasons = append(s.reasons, text)
	}
}

// choose chooses a feature and what it lies below.
func (s *solving) choose(n int, why string) {
	for ; n >= 0; n = s.features[n].parent {
		if s.why[n] == "" {
			s.why[n] = why
		}
	}
}

// installed locks what is there. What an earlier release called otherwise is
// found by what replaces it.
func (s *solving) installed() {
	for _, name := range s.q.Installed {
		found := s.byName[name]
		if len(found) == 0 {
			found = s.replaced[name]
		}
		if len(s.byName[name]) > 1 { // the same under several
			found = s.below(found, s.q.Installed)
		}
		if len(found) == 0 {
			s.refuse("the installed feature %s is not in %s, and nothing replaces it: stay on the installed version, or ask the vendor what becomes of it", name, s.version)
		}
		for _, n := range found {
			if s.features[n].nothing() {
				continue // nothing is installed, and anything may be
			}
			s.choose(n, "installed")
			for ; n >= 0; n = s.features[n].parent {
				s.locked[n] = true
			}
		}
	}
}

// asked adds what is wanted.
func (s *solving) asked(name string) {
	found := s.byName[name]
	if len(found) > 1 {
		if below := s.below(found, slices.Concat(s.q.Installed, s.q.Standing, s.q.Asked)); len(below) > 0 {
			found = below // the same under several: below the one that is chosen
		}
	}
	switch {
	case len(found) == 0 && len(s.replaced[name]) > 0:
		s.refuse("%s is called %s in %s", name, s.names(s.replaced[name]), s.version)
	case len(found) == 0:
		s.refuse("%s has no feature %q%s", s.version, name, s.meant(name))
	case len(found) > 1:
		s.refuse("there are several features %s: say %s", name, s.names(found))
	default:
		s.choose(found[0], "chosen")
	}
}

// givesWay says that a name is the choice of nothing in a group of which
// something is chosen.
func (s *solving) givesWay(name string) bool {
	found := s.byName[name]
	if len(found) != 1 || !s.features[found[0]].nothing() {
		return false
	}
	one := s.features[found[0]].one
	return one != "" && s.taken(one)
}

// taken says that an alternative of the group is chosen.
func (s *solving) taken(one string) bool {
	for n, f := range s.features {
		if f.one == one && s.why[n] != "" {
			return true
		}
	}
	return false
}

// below gives those features that lie below one which is named.
func (s *solving) below(of []int, names []string) []int {
	return slices.DeleteFunc(slices.Clone(of), func(n int) bool {
		up := s.features[n].parent
		return up < 0 || !slices.Contains(names, s.features[up].path) && !slices.Contains(names, s.features[up].id)
	})
}

func (s *solving) meant(name string) string {
	var all []string
	for _, f := range s.features {
		all = append(all, f.path)
	}
	if near := nearest.Word(name, all); near != "" {
		return "; did you mean " + near + "?"
	}
	return ": it has " + strings.Join(all, ", ")
}

// mandatory chooses what must be there, wherever what it lies below is.
func (s *solving) mandatory() {
	for n, f := range s.features {
		if f.Mandatory && (f.parent < 0 || s.why[f.parent] != "") {
			if s.why[n] == "" {
				s.why[n] = "mandatory"
			}
			s.locked[n] = true
		}
	}
}

// defaults fills a first install with what the vendor proposes, where nothing of
// the group was asked for.
func (s *solving) defaults() {
	if !s.q.First {
		return
	}
	taken := map[string]bool{}
	for n, f := range s.features {
		taken[f.group] = taken[f.group] || s.why[n] == "chosen"
	}
	for n, f := range s.features {
		if f.Default && !taken[f.group] && (f.parent < 0 || s.why[f.parent] != "") && s.why[n] == "" {
			s.why[n] = "default"
		}
	}
	s.mandatory()
}

// themselves chooses what chooses itself, until nothing more does. Conditions
// only become true by more being chosen (the linter sees to that), so that the
// order does not matter.
func (s *solving) themselves() error {
	for again := true; again; {
		again = false
		for n, f := range s.features {
			if f.Auto == nil || s.why[n] != "" || f.parent >= 0 && s.why[f.parent] == "" {
				continue
			}
			ok, err := s.holds(f.Auto)
			if err != nil {
				return fmt.Errorf("cannot tell whether the feature %s is chosen: %w", f.path, err)
			}
			if ok {
				s.choose(n, "chooses itself")
				s.mandatory()
				again = true
			}
		}
	}
	return nil
}

func (s *solving) holds(w *manifest.When) (bool, error) {
	switch {
	case w.Present != "":
		if slices.ContainsFunc(s.byName[w.Present], func(n int) bool { return s.why[n] != "" }) {
			return true, nil
		}
		by := s.bringers[w.Present]
		if _, known := s.components[w.Present]; known && len(by) == 0 {
			return true, nil // it is always there
		}
		return slices.ContainsFunc(by, func(n int) bool { return s.why[n] != "" }), nil
	case len(w.All) > 0:
		for i := range w.All {
			if ok, err := s.holds(&w.All[i]); err != nil || !ok {
				return false, err
			}
		}
		return true, nil
	case len(w.Any) > 0:
		for i := range w.Any {
			if ok, err := s.holds(&w.Any[i]); err != nil || ok {
				return ok, err
			}
		}
		return false, nil
	case s.q.Holds == nil:
		return false, nil
	}
	return s.q.Holds(w)
}

// alternatives refuses two of a choice of one, and on a first install none.
func (s *solving) alternatives() {
	chosen, offered := map[string]int{}, map[string][]int{}
	var groups []string
	for n, f := range s.features {
		if f.one == "" {
			continue
		}
		if len(offered[f.one]) == 0 {
			groups = append(groups, f.one)
		}
		offered[f.one] = append(offered[f.one], n)
		if s.why[n] == "" {
			continue
		}
		other, two := chosen[f.one]
		switch {
		case !two:
			chosen[f.one] = n
		case s.locked[other] && f.nothing(), s.locked[n] && s.features[other].nothing():
			in, none := other, n
			if s.locked[n] {
				in, none = n, other
			}
			s.refuse("%s is installed and cannot be taken out: %s chooses nothing instead", s.features[in].name(), s.features[none].name())
		case s.locked[other] != s.locked[n]:
			in, new := other, n
			if s.locked[n] {
				in, new = n, other
			}
			s.refuse("%s and %s are alternatives (%s), and %s is installed: one cannot be exchanged for the other", s.features[in].name(), s.features[new].name(), f.one, s.features[in].path)
		default:
			s.refuse("%s and %s are alternatives (%s): choose one of them", s.features[other].name(), s.features[n].name(), f.one)
		}
	}
	for _, g := range groups {
		if _, ok := chosen[g]; !ok && s.q.First && !slices.ContainsFunc(offered[g], func(n int) bool { return s.features[n].nothing() }) {
			s.refuse("%s: choose %s", g, s.names(offered[g]))
		}
	}
}

// answer describes every feature.
func (s *solving) answer(there map[string]bool, order []string) Answer {
	a := Answer{Components: order, Brought: slices.DeleteFunc(slices.Clone(order), func(id string) bool { return len(s.bringers[id]) == 0 })}
	for _, id := range a.Brought {
		if !slices.ContainsFunc(s.bringers[id], func(n int) bool { return s.why[n] == "installed" }) {
			a.Fresh = append(a.Fresh, id)
		}
	}
	for n, f := range s.features {
		st := State{Path: f.path, Title: f.Title, Group: f.group, One: f.one != "", Source: f.source, Components: f.Components, Hidden: f.Hidden,
			Chosen: s.why[n] != "", Locked: s.locked[n], Why: s.why[n]}
		if st.Chosen {
			a.Chosen = append(a.Chosen, f.path)
			if !f.nothing() && (s.why[n] == "chosen" || s.q.First) {
				a.Added = append(a.Added, f.path)
			}
		} else {
			st.Why = s.closed(n, there)
		}
		a.Features = append(a.Features, st)
	}
	return a
}
