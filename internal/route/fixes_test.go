package route_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"upkeep/internal/manifest"
	"upkeep/internal/route"
	"upkeep/internal/version"
)

// suite has two families of fixes of 7.5: HF6 and HF7 carry those of itms, OF3
// those of other, RU8 both. The vendor lists them in an order of its own.
var suite = []string{"7.1", "7.5", "7.5 HF5", "7.5 OF3", "7.5 HF6", "7.5 HF7", "7.5 OF9", "7.5 RU8", "7.5 SP1", "7.6"}

const (
	hf5 = "7.5 HF5: >= 7.5, < 7.5 HF5 | fix 7.5 itms"
	of3 = "7.5 OF3: >= 7.5, < 7.5 OF3 | fix 7.5 other"
	hf6 = "7.5 HF6: >= 7.5, < 7.5 HF6 | fix 7.5 itms"
	hf7 = "7.5 HF7: >= 7.5, < 7.5 HF7 | fix 7.5 itms"
	of9 = "7.5 OF9: >= 7.5, < 7.5 OF9 | fix 7.5 other"
	ru8 = "7.5 RU8: >= 7.5, < 7.5 RU8 | fix 7.5 itms,other"
	sp1 = "7.5 SP1: 7.5 HF6; >= 7.5, < 7.5 HF6 via 7.5 HF6 needs itms of itms,other by all-latest,pick"
)

func TestFixes(t *testing.T) {
	order, err := version.Listed(suite)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		wish     route.Wish
		releases []string
		want     string // the way, or an error
		note     string
	}{
		{"the least that will do", route.Wish{From: "7.5"}, []string{hf6, sp1}, "7.5 > 7.5 HF6 > 7.5 SP1", "7.5 HF6 is the latest at hand"},
		{"the latest of the family", route.Wish{From: "7.5"}, []string{hf6, hf7, sp1}, "7.5 > 7.5 HF7 > 7.5 SP1", "7.5 HF7 is the latest at hand"},
		{"the least that will do is not the latest any more", route.Wish{From: "7.5 HF6"}, []string{hf7, sp1}, "7.5 HF6 > 7.5 HF7 > 7.5 SP1", "7.5 HF7 is the latest at hand"},
		{"nothing later is known", route.Wish{From: "7.5 HF6"}, []string{sp1}, "7.5 HF6 > 7.5 SP1", "know no later ones than 7.5 HF6"},
		{"the latest is installed", route.Wish{From: "7.5 HF7"}, []string{hf6, hf7, sp1}, "7.5 HF7 > 7.5 SP1", "none after the installed 7.5 HF7"},
		{"an installed fix that nothing at hand describes", route.Wish{From: "7.5 HF7"}, []string{sp1}, "there is no supported way from 7.5 HF7 to 7.5 SP1", ""},
		{"less than the least", route.Wish{From: "7.5"}, []string{hf5, sp1}, "the release 7.5 HF6 is not at hand", ""},
		{"all latest", route.Wish{From: "7.5"}, []string{of3, hf6, sp1}, "7.5 > 7.5 OF3 > 7.5 HF6 > 7.5 SP1", "of the other families 7.5 OF3 (other); chosen: all-latest (--fixes pick chooses otherwise)"},
		{"only what is required", route.Wish{From: "7.5", Fixes: "pick"}, []string{of3, hf6, sp1}, "7.5 > 7.5 HF6 > 7.5 SP1", "chosen: pick"},
		{"one is picked", route.Wish{From: "7.5", Picks: []string{"7.5 OF3"}}, []string{of3, hf6, sp1}, "7.5 > 7.5 OF3 > 7.5 HF6 > 7.5 SP1", "chosen: pick"},
		{"never back to one", route.Wish{From: "7.5 HF6", Picks: []string{"7.5 OF3"}}, []string{of3, hf6, sp1}, "7.5 OF3 cannot be picked", ""},
		{"never back to the latest of another family", route.Wish{From: "7.5 HF6"}, []string{of3, hf6, sp1}, "7.5 HF6 > 7.5 SP1", "none after the installed 7.5 HF6"},
		{"one that is no fix is picked", route.Wish{From: "7.5", Picks: []string{"7.5 SP1"}}, []string{hf6, sp1}, "7.5 SP1 cannot be picked: it is no fix at hand that the way from 7.5 to 7.5 SP1 asks for", ""},
		{"one that is nothing is picked", route.Wish{From: "7.5", Picks: []string{"HF 7"}}, []string{hf6, sp1}, "HF 7 cannot be picked", ""},
		{"a later one that does not carry what is required", route.Wish{From: "7.5"}, []string{hf6, of9, sp1}, "7.5 > 7.5 HF6 > 7.5 SP1", "7.5 OF9 is left out"},
		{"and is picked", route.Wish{From: "7.5", Picks: []string{"7.5 OF9"}}, []string{hf6, of9, sp1}, "7.5 OF9 cannot be picked", ""},
		{"one that carries all", route.Wish{From: "7.5"}, []string{hf6, of3, ru8, sp1}, "7.5 > 7.5 RU8 > 7.5 SP1", "7.5 RU8 is the latest at hand"},
		{"the latest is withdrawn", route.Wish{From: "7.5"}, []string{hf6, hf7 + " | withdrawn it loses agents", sp1}, "7.5 > 7.5 HF6 > 7.5 SP1", "7.5 HF7 is later and is not used (withdrawn: it loses agents)"},
		{"nothing leads on from the latest", route.Wish{From: "7.5"}, []string{hf6, hf7, sp1 + " | not 7.5 HF7 because it loses agents"}, "7.5 > 7.5 HF6 > 7.5 SP1", "7.5 HF7 is later and is not used (the way from 7.5 HF7 to 7.5 SP1 is blocked: it loses agents)"},
		{"no way to the latest", route.Wish{From: "7.5 HF6"}, []string{"7.5 HF7: 7.5 | fix 7.5 itms", sp1}, "7.5 HF7, which carries the latest fixes of itms, comes first, and nothing leads from 7.5 HF6 to it", ""},
		{"a choice that is not offered", route.Wish{From: "7.5", Fixes: "pick"}, []string{hf6, strings.Replace(sp1, ",pick", "", 1)}, "cannot be chosen by pick: its vendor offers all-latest", ""},
		{"nothing to choose", route.Wish{From: "7.5", To: "7.5 HF6", Fixes: "pick"}, []string{hf6}, "7.5 > 7.5 HF6", "no fixes are to be chosen on this way"},
		{"beyond, without the release that asks for fixes", route.Wish{From: "7.5", To: "7.6"}, []string{of3, hf6, sp1, "7.6: *"}, "7.5 > 7.6", ""},
		{"beyond, over the release that asks for fixes", route.Wish{From: "7.5", To: "7.6"}, []string{of3, hf6, sp1, "7.6: 7.5 SP1"}, "7.5 > 7.5 OF3 > 7.5 HF6 > 7.5 SP1 > 7.6", "chosen: all-latest"},
		{"without via", route.Wish{From: "7.5"}, []string{hf6, hf7, "7.5 SP1: >= 7.5, < 7.5 SP1 needs itms of itms"}, "7.5 > 7.5 HF7 > 7.5 SP1", "7.5 HF7 is the latest at hand"},
		{"a fix of something else", route.Wish{From: "7.1"}, []string{hf7, "7.5 SP1: 7.1 needs itms of itms"}, "7.1 > 7.5 SP1", "know no later ones than 7.1"},
		{"a fix of nothing", route.Wish{From: "7.5"}, []string{"7.5 HF6: 7.5 | fix 8.0 itms", sp1}, "release 7.5 HF6 is a fix of another one", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.wish.To == "" {
				tt.wish.To = "7.5 SP1"
			}
			way, err := route.Find(order, releases(tt.releases...), tt.wish)
			got := strings.Join(stops(way), " > ")
			if err != nil {
				got = err.Error()
			}
			if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
				t.Errorf("the way is %s, want %s", got, tt.want)
			}
			if notes := strings.Join(way.Notes, "\n"); !strings.Contains(notes, tt.note) || tt.note == "" && notes != "" {
				t.Errorf("the notes are %q, want %q", notes, tt.note)
			}
		})
	}
}

func stops(w route.Way) []string {
	var out []string
	for i, h := range w.Hops {
		if i == 0 {
			out = append(out, h.From)
		}
		out = append(out, h.To)
	}
	return out
}

// A later fix takes the route of the level that it stands for.
func TestRouteThatIsTaken(t *testing.T) {
	order, _ := version.Listed(suite)
	all := releases(hf6, hf7, sp1)
	all[2].Routes[0].Settings = map[string]string{"lac": manifest.Keep}
	for _, from := range []string{"7.5", "7.5 HF6", "7.5 HF7"} {
		way, err := route.Find(order, all, route.Wish{From: from, To: "7.5 SP1"})
		if err != nil {
			t.Fatal(err)
		}
		if r := way.Hops[len(way.Hops)-1].Route; r == nil || r.Settings["lac"] != manifest.Keep {
			t.Errorf("from %s the route %+v is taken", from, r)
		}
	}
}

func TestBlockedAndWithdrawn(t *testing.T) {
	order, _ := version.Parse("dotted")
	holds := func(_ *manifest.Release, w *manifest.When) (bool, error) {
		if w.Fact == "broken" {
			return false, errors.New("the probe failed")
		}
		return w.Fact == "yes", nil
	}
	for _, tt := range []struct {
		name     string
		from     string
		releases []string
		want     string
		note     string
	}{
		{"a withdrawn stop", "1.0", []string{"2.0: >= 1.0 | withdrawn it loses mail", "2.1: 1.0", "3.0: >= 2.0"}, "1.0 > 2.1 > 3.0", ""},
		{"a way that would be shorter", "1.0", []string{"2.0: 1.0 | withdrawn it loses mail", "2.1: 1.0", "2.2: 2.1", "3.0: 2.0; 2.2"}, "1.0 > 2.1 > 2.2 > 3.0", "2.0 is withdrawn: it loses mail; the way does without it"},
		{"the only stop is withdrawn", "1.0", []string{"2.0: >= 1.0 | withdrawn it loses mail", "3.0: >= 2.0"}, "2.0 is withdrawn: it loses mail; wait for a release that mends this, or ask the vendor; 1.0 stays as it is", ""},
		{"the target is withdrawn", "1.0", []string{"3.0: * | withdrawn it loses mail"}, "3.0 is withdrawn: it loses mail; choose another release with --to", ""},
		{"one of two documents withdraws it", "1.0", []string{"3.0: *", "3.0: * | withdrawn it loses mail"}, "3.0 is withdrawn", ""},
		{"a withdrawn version is left", "2.0", []string{"2.0: * | withdrawn it loses mail", "3.0: >= 2.0"}, "2.0 > 3.0", ""},
		{"a blocked hop", "1.0", []string{"2.0: *", "3.0: * | not 1.0 because it loses mail"}, "1.0 > 2.0 > 3.0", "the way from 1.0 to 3.0 is blocked: it loses mail; the way does without it"},
		{"no other way", "1.0", []string{"3.0: * | not < 2.0 because it loses mail"}, "the way from 1.0 to 3.0 is blocked: it loses mail; wait", ""},
		{"blocked from elsewhere", "1.0", []string{"3.0: * | not >= 2.0 because it loses mail"}, "1.0 > 3.0", ""},
		{"a condition that holds", "1.0", []string{"3.0: * | not 1.0 because it loses mail where yes"}, "is blocked: it loses mail (this is so where the fact yes holds)", ""},
		{"a condition that does not hold", "1.0", []string{"3.0: * | not 1.0 because it loses mail where no"}, "1.0 > 3.0", ""},
		{"a condition that cannot be told", "1.0", []string{"3.0: * | not 1.0 because it loses mail where broken"}, "which cannot be told, so it counts as blocked: the probe failed", ""},
		{"a range that cannot be read", "1.0", []string{"3.0: * | not => 1 because it loses mail"}, "release 3.0: ", ""},
		{"what does not matter is not named", "1.0", []string{"2.0: * | withdrawn it loses mail", "3.0: 0.9"}, "there is no supported way from 1.0 to 3.0: 3.0 can be reached from 0.9; ask the vendor which release leads on from 1.0", ""},
		{"a stop that is not at hand", "1.0", []string{"3.0: 2.0; < 2.0 via 2.0"}, "the release 2.0 is not at hand", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			way, err := route.Find(order, releases(tt.releases...), route.Wish{From: tt.from, To: "3.0", Holds: holds})
			got := strings.Join(stops(way), " > ")
			if err != nil {
				got = err.Error()
			}
			if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
				t.Errorf("the way is %s, want %s", got, tt.want)
			}
			if notes := strings.Join(way.Notes, "\n"); notes != tt.note {
				t.Errorf("the notes are %q, want %q", notes, tt.note)
			}
		})
	}
	if _, err := route.Find(order, releases("3.0: * | not 1.0 because it loses mail where yes"), route.Wish{From: "1.0", To: "3.0"}); err == nil || !strings.Contains(err.Error(), "nobody can tell") {
		t.Errorf("without anybody who can tell: %v", err)
	}
}

func TestBarred(t *testing.T) {
	order, _ := version.Parse("dotted")
	for text, want := range map[string]string{
		"2.0: 2.0":                               "",
		"2.0: 2.0 | withdrawn it loses mail":     "2.0 is withdrawn: it loses mail",
		"2.0: 2.0 | not >= 2.0 because it fails": "the way from 2.0 to 2.0 is blocked: it fails",
		"2.0: 2.0 | not 1.0 because it fails":    "",
	} {
		if why, err := route.Barred(order, releases(text)[0], route.Wish{From: "2.0"}); err != nil || !strings.HasPrefix(why, want) || want == "" && why != "" {
			t.Errorf("%s: %q, %v", text, why, err)
		}
	}
	if _, err := route.Barred(order, releases("2.0: 2.0 | not => 1 because it fails")[0], route.Wish{From: "2.0"}); err == nil {
		t.Error("a range that cannot be read bars nothing")
	}
}

// Whatever is withdrawn, blocked, required and chosen: a way only ascends, passes
// nothing that is withdrawn or blocked, and carries the latest fixes wherever
// they are required.
func TestNeverWhereItMustNot(t *testing.T) {
	order, _ := version.Listed(suite)
	rank := func(v string) int { return slices.Index(suite, v) }
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		var all []*manifest.Release
		for i, text := range []string{hf5, of3, hf6, hf7, of9, ru8, sp1} {
			r := releases(text)[0]
			if rapid.IntRange(0, 4).Draw(t, "missing") == 0 && i < 6 {
				continue
			}
			if rapid.IntRange(0, 5).Draw(t, "withdrawn") == 0 {
				r.Withdrawn = "it loses mail"
			}
			for range rapid.IntRange(0, 1).Draw(t, "blocked") {
				r.Blocked = append(r.Blocked, manifest.Block{From: rapid.SampledFrom(suite).Draw(t, "from"), Reason: "it loses mail"})
			}
			all = append(all, r)
		}
		w := route.Wish{From: rapid.SampledFrom(suite[1:8]).Draw(t, "installed"), To: "7.5 SP1", Fixes: rapid.SampledFrom([]string{"", "pick", "all-latest"}).Draw(t, "fixes")}
		way, err := route.Find(order, rapid.Permutation(all).Draw(t, "order"), w)
		if err != nil {
			return
		}
		found++
		for _, h := range way.Hops {
			blocked := slices.ContainsFunc(h.Release.Blocked, func(b manifest.Block) bool { return b.From == h.From })
			if rank(h.From) >= rank(h.To) || h.Release.Withdrawn != "" || blocked || h.Route == nil {
				t.Fatalf("the hop %+v must not be taken", h)
			}
		}
		last := way.Hops[len(way.Hops)-1]
		for _, r := range all {
			usable := r.Withdrawn == "" && !slices.ContainsFunc(last.Release.Blocked, func(b manifest.Block) bool { return b.From == r.Version })
			if r.Fix != nil && slices.Contains(r.Fix.Families, "itms") && usable && rank(r.Version) > rank(last.From) && rank(r.Version) >= rank("7.5 HF6") {
				t.Fatalf("the way is %v, and %s carries later fixes of itms", stops(way), r.Version)
			}
		}
	})
	if found == 0 {
		t.Error("there was never a way: the test shows nothing")
	}
}
