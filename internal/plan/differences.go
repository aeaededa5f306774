package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Differences says in sentences what is not the same in two plans, the facts
// first: what moved between showing one and making the other.
func Differences(old, new *Plan) []string {
	var out []string
	say := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	text := func(what, a, b string) {
		if a != b {
			say("%s was %s and is %s now", what, quoted(a), quoted(b))
		}
	}
	text("the installed version", old.From, new.From)
	text("the wanted version", old.To, new.To)
	text("who vouches for the releases", old.Vouched(), new.Vouched())
	text("how users are kept out", old.Closed, new.Closed)
	text("what happens on failure", old.OnFailure, new.OnFailure)
	for i := range max(len(old.Hops), len(new.Hops)) {
		switch {
		case i >= len(old.Hops):
			say("the way passes through %s now", new.Hops[i].To)
		case i >= len(new.Hops):
			say("the way no longer passes through %s", old.Hops[i].To)
		case old.Hops[i].To == new.Hops[i].To:
			text("the bundle of "+new.Hops[i].To, old.Hops[i].Bundle, new.Hops[i].Bundle)
		default:
			text("a version on the way", old.Hops[i].To, new.Hops[i].To)
		}
	}
	was := map[string]Instance{}
	for _, i := range old.Instances {
		was[i.Component+i.ID] = i
	}
	for _, i := range new.Instances {
		text("the version of "+i.Unit(), was[i.Component+i.ID].From, i.From)
		text("the place of "+i.Unit(), was[i.Component+i.ID].At, i.At)
	}
	text("what is chosen of the features", strings.Join(old.Choices, ", "), strings.Join(new.Choices, ", "))
	out = append(out, mapDifferences("the parameter ", old.Params, new.Params)...)
	out = append(out, mapDifferences("the waiver of ", old.Waivers, new.Waivers)...)
	out = append(out, mapDifferences("the hook ", hookSums(old), hookSums(new))...)
	out = append(out, mapDifferences("what was decided of the script ", decidedOf(old), decidedOf(new))...)
	for _, n := range new.Notes {
		if !slices.Contains(old.Notes, n) {
			say("new: %s", n)
		}
	}
	for _, n := range old.Notes {
		if !slices.Contains(new.Notes, n) {
			say("no longer: %s", n)
		}
	}
	return append(out, stepDifferences(old, new)...)
}

func quoted(s string) string {
	if s == "" {
		return "not there"
	}
	if len(s) == 64 {
		s = s[:12]
	}
	return s
}

func hookSums(p *Plan) map[string]string {
	out := map[string]string{}
	for _, h := range p.Hooks {
		out[h.Path] = h.SHA256
	}
	return out
}

func decidedOf(p *Plan) map[string]string {
	out := map[string]string{}
	for _, r := range p.Reviews {
		if d := r.Decision; d != nil {
			out[r.Script] = strings.TrimSpace(fmt.Sprintf("%s by %s on %s %.12s", d.Verdict, d.By, d.At, d.SHA256))
		}
	}
	return out
}

func mapDifferences(what string, old, new map[string]string) []string {
	keys := slices.Sorted(maps.Keys(old))
	for k := range new {
		if _, ok := old[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var out []string
	for _, k := range keys {
		if old[k] != new[k] {
			out = append(out, fmt.Sprintf("%s%s was %s and is %s now", what, k, quoted(old[k]), quoted(new[k])))
		}
	}
	return out
}

func stepDifferences(old, new *Plan) []string {
	var out []string
	was := map[string]Step{}
	for _, s := range old.Steps {
		was[s.ID] = s
	}
	for _, s := range new.Steps {
		o, ok := was[s.ID]
		delete(was, s.ID)
		if !ok {
			out = append(out, "new step "+s.ID)
			continue
		}
		a, _ := json.Marshal(o)
		b, _ := json.Marshal(s)
		if !bytes.Equal(a, b) {
			out = append(out, "step "+s.ID+" is another one now")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(was)) {
		out = append(out, "step "+id+" is gone")
	}
	return out
}
