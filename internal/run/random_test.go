package run_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// randomPlan draws a plan of up to four hops and 40 steps.
func randomPlan(t *rapid.T) *plan.Plan {
	kind := rapid.SampledFrom([]string{"", "", "", "?", "%", "~", "*"})
	var words []string
	n := 0
	id := func() string { n++; return string(rune('a'+n/10)) + string(rune('a'+n%10)) }
	hops := rapid.IntRange(1, 4).Draw(t, "hops")
	for h := range hops {
		for range rapid.IntRange(0, 8).Draw(t, "steps") {
			only := ""
			if h > 0 && h < 3 && rapid.IntRange(0, 3).Draw(t, "only") == 0 {
				only = ">" + string(rune('0'+h))
			}
			words = append(words, id()+kind.Draw(t, "kind")+only)
		}
		words = append(words, "m")
	}
	words = append(words, "|")
	for range rapid.IntRange(0, 5).Draw(t, "after") {
		words = append(words, id()+"^"+rapid.SampledFrom([]string{"", "~", "*"}).Draw(t, "kind"))
	}
	return compose(strings.Join(words, " "), rapid.SampledFrom([]string{"origin", "stay"}).Draw(t, "mode"))
}

// TestRandomRuns follows random runs of random plans to their end, with
// random outcomes and decisions, and keeps the same promises as the model
// check.
func TestRandomRuns(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := randomPlan(rt)
		s := run.New(p)
		if err := s.Apply(numbered(opened(p), 1)); err != nil {
			rt.Fatal(err)
		}
		n := node{state: s, entries: []run.Entry{numbered(opened(p), 1)}}
		for range 400 {
			if n.state.Closed != nil {
				break
			}
			comes := coming(run.Next(n.state))
			// a person speaks where the run waits, and now and then unasked
			if len(comes) == 0 || rapid.IntRange(0, 39).Draw(rt, "person") == 0 {
				comes = append(comes, persons(n.state)...)
			}
			if len(comes) == 0 {
				rt.Fatalf("%s: nothing can come next", story(n))
			}
			// mostly it goes well, or runs would not get far
			pick := max(0, rapid.IntRange(-4, len(comes)-1).Draw(rt, "next"))
			n = step(t, n, comes[pick])
		}
		steady(t, n)
	})
}

// FuzzFold changes journals at will: folding never panics, and what it
// accepts can be decided and folded again.
func FuzzFold(f *testing.F) {
	p := compose("a b>1 c? m d* m | z^ y^~", "stay")
	p.Digest = "d"
	for _, text := range []string{
		"a+ a= b+ b= c= m1 d+ d= m2 seal cross z+ z= y+ y= new3",
		"a+ a= b+ b= c= m1 d+ d! d+ d! back1 land1 l1.v= l1.u+ l1.u= seal",
		"a+ a? accept:a b+ b! back0 -b~ -a -a! -a -a? accept:a old1",
		"back0 old1", "a+ back1 land1", "a+ a= b+ b= c= m7 m1 back2",
	} {
		raw, err := json.Marshal(tell(p, text))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`[{"kind":"RunOpened","seq":1,"run":"r","body":{"plan":"d"}},{"kind":"Decision","seq":2,"run":"r","body":{"choice":"back","to":-3}}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var entries []run.Entry
		if json.Unmarshal(raw, &entries) != nil {
			return
		}
		s := run.New(p)
		for i, e := range entries {
			if err := s.Apply(e); err != nil {
				entries = entries[:i]
				break
			}
		}
		a := run.Next(s)
		s.Outage(start)
		again, err := run.Fold(p, slices.Clone(entries))
		if err != nil || brief(run.Next(again)) != brief(a) {
			t.Fatalf("folded again: %v, next %s, was %s", err, brief(run.Next(again)), brief(a))
		}
	})
}
