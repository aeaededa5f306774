package network

import (
	"fmt"
	"strings"
	"time"

	"upkeep/internal/plan"
)

// The roles of steps: the first letter of a word.
const (
	change  = 'c' // changes the product
	gate    = 'g' // keeps users out; its undo lets them in
	halt    = 't' // stops the service; its undo starts it
	start   = 's' // starts the service behind the gate
	check   = 'v' // looks only
	destroy = 'z' // irreversible
	reopen  = 'o' // irreversible: lets users in
)

// compose writes a plan in short, a word a step: its role and its node, then
// "~" tolerated, "*" tried twice, "!" may end unclear, ">1" undone only for a
// way back to milestone 1 or later. "m" is a milestone, "|" the barrier; every
// milestone but the last gets the landing "c1 | o0".
func compose(text, onFailure string) *plan.Plan {
	p := &plan.Plan{Format: 1, From: "1", OnFailure: onFailure, Digest: text}
	for i, w := range strings.Fields(text) {
		s := word(w, fmt.Sprint(i))
		switch s.Verb {
		case plan.VerbMilestone:
			n := len(p.Milestones) + 1
			p.Milestones = append(p.Milestones, plan.Milestone{ID: fmt.Sprintf("m%d", n), Version: fmt.Sprint(n + 1), Step: s.ID})
		case plan.VerbBarrier:
			p.Barrier = s.ID
		}
		p.Steps = append(p.Steps, s)
	}
	for i := range p.Milestones {
		p.To = p.Milestones[i].Version
		if i == len(p.Milestones)-1 {
			break
		}
		for _, w := range []string{"c1", "|", "o0"} {
			p.Milestones[i].Landing = append(p.Milestones[i].Landing, word(w, fmt.Sprintf("l%d", i+1)))
		}
	}
	return p
}

func word(w, suffix string) plan.Step {
	s := plan.Step{Verb: "x", Node: "0", Class: plan.Reversible, Deadline: time.Minute}
	switch w[0] {
	case 'm':
		s.Verb, s.Class = plan.VerbMilestone, plan.Control
	case '|':
		s.Verb, s.Class = plan.VerbBarrier, plan.Control
	case check:
		s.Class = plan.Check
	case destroy, reopen:
		s.Class = plan.Irreversible
	}
	s.ID = w[:1] + "." + suffix
	if s.Class == plan.Control {
		return s
	}
	s.Node, s.ID = w[1:2], w[:2]+"."+suffix
	for i, c := range w[2:] {
		switch c {
		case '~':
			s.Tolerated = true
		case '*':
			s.Retries = 1
		case '!':
			s.Undo = "unclear" // the model's own mark
		case '>':
			s.OnlyTo = int(w[3+i] - '0')
		}
	}
	return s
}

// shape is one plan of an exhaustive search.
type shape struct{ text, mode string }

// shapes lists all plans of n steps: each on either node, any of them behind
// the barrier, cut into up to three hops. Steps before the barrier are plain
// changes: the search takes each of them for a start of the service and for
// the gate in both directions, which is stricter than any choice of roles. The
// last step is on node 0: the nodes are alike.
func shapes(n int) []shape {
	var out []shape
	for nodes := range 1 << max(0, n-1) {
		for before := range n + 1 {
			for cuts := range 1 << max(0, before-1) {
				if hops(cuts) > 3 {
					continue
				}
				var words []string
				for i := range n {
					if i == before {
						words = append(words, "m", "|")
					}
					role := "c"
					if i >= before {
						role = "z"
					}
					words = append(words, fmt.Sprint(role, nodes>>i&1))
					if i < before-1 && cuts>>i&1 == 1 {
						words = append(words, "m")
					}
				}
				if before == n {
					words = append(words, "m", "|")
				}
				text := strings.Join(words, " ")
				out = append(out, shape{text, "origin"})
				if cuts != 0 {
					out = append(out, shape{text, "stay"})
				}
			}
		}
	}
	return out
}

func hops(cuts int) int {
	n := 1
	for ; cuts > 0; cuts >>= 1 {
		n += cuts & 1
	}
	return n
}
