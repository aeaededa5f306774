package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Verbs are the verbs that this Upkeep can carry out.
func Verbs() []string {
	return []string{"access", "back", "backup", "check", "clean-up", "create", "drain", "fetch", "guard", "hold", "hooks", "install", "merge", "migrate", "notify", "packages", "params", "precopy", "prove", "reboot",
		"record", "rehearse", "restart", "restore", "return", "run", "stage", "start", "stop", "tell", "verify", VerbMilestone, VerbBarrier}
}

// Validate refuses a plan that could break a promise. Compile never makes
// one; the check stands on its own so that no later change of the compiler
// can.
func Validate(p *Plan) error {
	v := &validator{plan: p, seen: map[string]int{}}
	v.sequence("the plan", p.Steps, nil)
	v.milestones()
	if b, ok := p.Find(p.Barrier); !ok || b.Verb != VerbBarrier {
		v.fail("the plan names %q as its barrier, which is none", p.Barrier)
	}
	if p.OnFailure != "origin" && p.OnFailure != "stay" {
		v.fail("on failure the plan goes to %q, which is neither origin nor stay", p.OnFailure)
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

// milestones checks that the milestones are those of the steps, in order,
// and their landings.
func (v *validator) milestones() {
	var reached []int
	for i, s := range v.plan.Steps {
		if s.Verb == VerbMilestone {
			reached = append(reached, i)
		}
	}
	if len(reached) != len(v.plan.Milestones) || len(reached) == 0 {
		v.fail("the plan has %d milestones and %d steps that reach one", len(v.plan.Milestones), len(reached))
		return
	}
	for k, m := range v.plan.Milestones {
		if id := v.plan.Steps[reached[k]].ID; m.Step != id {
			v.fail("milestone %s names the step %q, but is reached at %s", m.ID, m.Step, id)
		}
		switch {
		case len(m.Landing) > 0:
			v.sequence("the landing of "+m.ID, m.Landing, v.plan.Steps[:reached[k]])
		case k < len(v.plan.Milestones)-1:
			v.fail("nothing says how to stay at milestone %s", m.ID)
		}
	}
}

// sequence checks the rules over steps that run one after the other; before
// is what was done when they begin.
func (v *validator) sequence(what string, steps, before []Step) {
	v.order(what, steps)
	barrier := -1
	whole := before == nil
	copied := v.plan.Waivers["backup"] != "" || !whole
	restorable := copied
	anchored := slices.ContainsFunc(steps, func(s Step) bool { return s.Verb == "restore" })
	up, down := false, slices.ContainsFunc(slices.Concat(before, steps), func(s Step) bool { return s.Down })
	for i, s := range steps {
		v.one(s)
		switch {
		case s.Verb == VerbBarrier && barrier >= 0:
			v.fail("%s has two barriers: %s and %s", what, steps[barrier].ID, s.ID)
		case s.Verb == VerbBarrier:
			barrier = i
		}
		copied = copied || s.Verb == "backup" || s.Restores || v.plan.First()
		restorable = restorable || v.plan.First() || s.Restores || s.Verb == "restore" || s.Verb == "backup" && !anchored
		up = up || s.Up
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
		case s.Undo == "restore" && !restorable && !behind:
			v.fail("step %s counts on being restored before there is what can be restored", s.ID)
		case s.Verb == VerbMilestone && behind:
			v.fail("milestone %s lies behind the barrier", s.ID)
		}
	}
	if barrier < 0 {
		v.fail("%s has no barrier", what)
	}
	if down && !up {
		v.fail("%s keeps users out and never lets them in again", what)
	}
	v.spans(what, steps, before)
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
		if j, ok := place[s.RetryFrom]; s.RetryFrom != "" && (!ok || j >= i || slices.ContainsFunc(steps[j:i+1], func(x Step) bool { return x.Verb == VerbMilestone || x.Verb == VerbBarrier })) {
			v.fail("step %s is retried from %q, which does not lie before it in the same hop", s.ID, s.RetryFrom)
		}
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
	case s.As == "" && v.plan.Account == "":
		v.fail("step %s has no account", s.ID)
	case s.As == "" && v.plan.Account == "root" && slices.Contains([]string{"run", "hooks", "notify"}, s.Verb):
		v.fail("step %s would run a command as root, and nothing says so", s.ID)
	case slices.Contains([]string{"run", "hooks", "tell"}, s.Verb) && s.Class == Reversible && s.Undo == "":
		v.fail("step %s does not say what takes it back", s.ID)
	}
}

// spans checks that every hold ends, and that every access mode that was
// entered is left.
func (v *validator) spans(what string, steps, before []Step) {
	all := slices.Concat(before, steps)
	ended := map[string]bool{}
	for _, s := range all {
		if id := Ends(s); id != "" {
			ended[id] = true
		}
	}
	for _, s := range all {
		if s.Verb == "hold" && v.registered(s) {
			continue
		}
		if (s.Verb == "hold" || s.Verb == "access" || s.Verb == "guard") && Ends(s) == "" && !ended[s.ID] {
			v.fail("%s never ends %s", what, s.ID)
		}
	}
}

// registered says that a step begins or ends a hold of the register, and
// refuses one there that has no end.
func (v *validator) registered(s Step) bool {
	var p HoldParams
	if json.Unmarshal(s.Params, &p) != nil {
		return false
	}
	if l := p.Lasts; l != nil && p.End == "" && l.For <= 0 && l.On == "" && l.Probe == nil {
		v.fail("the hold %s outlives the run and has no end", s.ID)
	}
	return p.Lasts != nil || p.End != ""
}
