package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Verbs are the verbs that this Upkeep can carry out.
func Verbs() []string {
	return []string{"access", "backup", "check", "clean-up", "drain", "hold", "hooks", "install", "migrate", "notify", "precopy", "prove",
		"record", "restart", "restore", "run", "stage", "start", "stop", "verify", VerbMilestone, VerbBarrier}
}

// Validate refuses a plan that could break a promise. Compile never makes
// one; the check stands on its own so that no later change of the compiler
// can.
func Validate(p *Plan) error {
	v := &validator{plan: p, seen: map[string]int{}}
	v.sequence("the plan", p.Steps, true)
	for _, m := range p.Milestones {
		if len(m.Landing) > 0 {
			v.sequence("the landing of "+m.ID, m.Landing, false)
		}
		if _, ok := v.seen[m.Step]; !ok {
			v.fail("milestone %s names the step %q, which is not there", m.ID, m.Step)
		}
	}
	if len(v.errs) > 0 {
		return fmt.Errorf("the plan is refused: %w", errors.Join(v.errs...))
	}
	return nil
}

type validator struct {
	plan *Plan
	seen map[string]int // step to its place
	errs []error
}

func (v *validator) fail(format string, a ...any) { v.errs = append(v.errs, fmt.Errorf(format, a...)) }

// sequence checks the rules over steps that run one after the other.
func (v *validator) sequence(what string, steps []Step, whole bool) {
	v.order(what, steps)
	barrier := -1
	copied := v.plan.Waivers["backup"] != "" || !whole
	for i, s := range steps {
		v.one(s)
		switch {
		case s.Verb == VerbBarrier && barrier >= 0:
			v.fail("%s has two barriers: %s and %s", what, steps[barrier].ID, s.ID)
		case s.Verb == VerbBarrier:
			barrier = i
		}
		if s.Verb == "backup" {
			copied = true
		}
		behind := barrier >= 0
		switch {
		case s.Class == Irreversible && !behind:
			v.fail("step %s cannot be undone and lies before the barrier", s.ID)
		case s.Up && !behind:
			v.fail("step %s lets users in and lies before the barrier", s.ID)
		case s.Verb == "check" && behind:
			v.fail("step %s can refuse and lies behind the barrier", s.ID)
		case s.Class == Reversible && behind:
			v.fail("step %s lies behind the barrier and counts on an undo", s.ID)
		case s.Writes && !copied && !behind:
			v.fail("step %s changes data before there is a restore point", s.ID)
		}
	}
	if barrier < 0 {
		v.fail("%s has no barrier", what)
	}
	v.spans(what, steps)
}

// order checks that ids are unique and that every step follows what it names;
// a step that follows a later one closes a cycle.
func (v *validator) order(what string, steps []Step) {
	place := map[string]int{}
	for i, s := range steps {
		if _, dup := v.seen[s.ID]; dup {
			v.fail("two steps are called %s", s.ID)
		}
		v.seen[s.ID], place[s.ID] = i, i
	}
	for i, s := range steps {
		for _, a := range s.After {
			j, ok := place[a]
			switch {
			case !ok:
				v.fail("step %s follows %q, which is not in %s", s.ID, a, what)
			case j >= i:
				v.fail("%s has a cycle: %s", what, strings.Join(cycle(steps, place, s.ID), " → "))
			}
		}
	}
}

// cycle walks After from a step back to itself.
func cycle(steps []Step, place map[string]int, from string) []string {
	path := []string{from}
	for at := from; len(path) <= len(steps); {
		s := steps[place[at]]
		next := ""
		for _, a := range s.After {
			if i, ok := place[a]; ok && (next == "" || i > place[next]) {
				next = a
			}
		}
		if next == "" {
			break
		}
		path = append(path, next)
		if slices.Contains(path[:len(path)-1], next) {
			break
		}
		at = next
	}
	return path
}

func (v *validator) one(s Step) {
	switch {
	case !slices.Contains(Verbs(), s.Verb):
		v.fail("step %s has the verb %q, which nothing can carry out", s.ID, s.Verb)
	case s.Deadline <= 0:
		v.fail("step %s has no deadline", s.ID)
	case s.Node == "":
		v.fail("step %s names no node", s.ID)
	case !slices.Contains([]Class{Check, Reversible, Outward, Irreversible, Control}, s.Class):
		v.fail("step %s has the class %q", s.ID, s.Class)
	case slices.Contains([]string{"run", "hooks"}, s.Verb) && s.Class == Reversible && s.Undo == "":
		v.fail("step %s does not say what takes it back", s.ID)
	}
}

// spans checks that every hold ends, and that every access mode that was
// entered is left.
func (v *validator) spans(what string, steps []Step) {
	ended := map[string]bool{}
	for _, s := range steps {
		if id := Ends(s); id != "" {
			ended[id] = true
		}
	}
	for _, s := range steps {
		if (s.Verb == "hold" || s.Verb == "access") && Ends(s) == "" && !ended[s.ID] {
			v.fail("%s never ends %s", what, s.ID)
		}
	}
}
