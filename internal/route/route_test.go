package route_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"upkeep/internal/manifest"
	"upkeep/internal/route"
	"upkeep/internal/version"
)

// symantec are the versions and routes of the sketch 004-itms: S4-2 to S4-6.
var symantec = struct {
	order    []string
	releases []string
}{
	[]string{"7.1", "7.1 SP2", "7.1 SP2 MP1.1", "7.5", "7.5 HF6", "7.5 SP1"},
	[]string{"7.1 SP2: = 7.1", "7.1 SP2 MP1.1: >= 7.1, < 7.1 SP2 MP1.1", "7.5: = 7.1 SP2 MP1.1", "7.5 HF6: >= 7.5, < 7.5 HF6",
		"7.5 SP1: 7.1 SP2 MP1.1; 7.5 HF6; >= 7.1, < 7.1 SP2 MP1.1 via 7.1 SP2 MP1.1; >= 7.5, < 7.5 HF6 via 7.5 HF6"},
}

func TestFind(t *testing.T) {
	dotted, _ := version.Parse("dotted")
	dashed, _ := version.Parse("dashed")
	listed, err := version.Listed(symantec.order)
	if err != nil {
		t.Fatal(err)
	}
	chain := releases("2.0: >= 1.0", "3.0: >= 2.0", "4.0: >= 2.0")
	tests := []struct {
		name     string
		order    version.Order
		releases []*manifest.Release
		from, to string
		want     string
	}{
		{"one hop", dotted, chain, "1.0", "2.0", "1.0 2.0"},
		{"over a required stop", dotted, chain, "1.0", "3.0", "1.0 2.0 3.0"},
		{"no further stop than needed", dotted, chain, "1.0", "4.0", "1.0 2.0 4.0"},
		{"installed already", dotted, chain, "3.0", "3.0", ""},
		{"installed already, written otherwise", dotted, chain, "3", "3.0.0", ""},
		{"the wanted version written otherwise", dotted, chain, "1", "2.0.0", "1 2.0"},
		{"order of the list does not matter", dotted, releases("4.0: >= 2.0", "2.0: >= 1.0", "3.0: >= 2.0"), "1.0", "4.0", "1.0 2.0 4.0"},
		{"the fewest hops", dotted, releases("1.1: *", "1.2: 1.1", "1.3: 1.2", "2.0: 1.3; 1.1"), "1.0", "2.0", "1.0 1.1 2.0"},
		{"of equally many the latest", dotted, releases("1.1: *", "1.2: *", "1.3: *", "2.0: >= 1.1, < 2.0"), "1.0", "2.0", "1.0 1.3 2.0"},
		{"the first hop as far as it leads", dotted, releases("1.1: 1.0", "1.2: 1.0", "1.8: 1.2", "1.9: 1.1", "2.0: >= 1.8"), "1.0", "2.0", "1.0 1.2 1.8 2.0"},
		{"without a release by another", dotted, releases("2.0: >= 1.0", "2.1: >= 1.0", "3.0: >= 2.0"), "1.0", "3.0", "1.0 2.1 3.0"},
		{"and by that one where the other is missing", dotted, releases("2.0: >= 1.0", "3.0: >= 2.0"), "1.0", "3.0", "1.0 2.0 3.0"},
		{"via leads through another version", dotted, releases("1.5: >= 1.0", "2.0: < 1.5 via 1.5; *"), "1.0", "2.0", "1.0 1.5 2.0"},
		{"via outranks a wider range below it", dotted, releases("2.0: 1.0 via 1.5; >= 1.0"), "1.0", "2.0", "no way"},
		{"a range above via counts first", dotted, releases("2.0: >= 1.0; 1.0 via 1.5"), "1.0", "2.0", "1.0 2.0"},
		{"not from that version", dotted, releases("2.0: != 1.0", "1.5: 1.0"), "1.0", "2.0", "1.0 1.5 2.0"},
		{"dashed versions", dashed, releases("09-51: *", "10-00: >= 09-51", "10-10: >= 09-50"), "09-50", "10-10", "09-50 10-10"},
		{"later releases do not help", dotted, releases("2.0: 3.0", "3.0: *"), "1.0", "2.0", "no way"},
		{"a release without routes", dotted, releases("2.0: "), "1.0", "2.0", "no way"},
		{"two of the same version: the first", dotted, releases("2.0: >= 1.0", "2.0.0: 0.1"), "1.0", "2.0", "1.0 2.0"},

		{"7.1 passes 7.1 SP2 MP1.1", listed, releases(symantec.releases...), "7.1", "7.5 SP1", "7.1 7.1 SP2 MP1.1 7.5 SP1"},
		{"7.1 SP2 too", listed, releases(symantec.releases...), "7.1 SP2", "7.5 SP1", "7.1 SP2 7.1 SP2 MP1.1 7.5 SP1"},
		{"from 7.1 SP2 MP1.1 straight", listed, releases(symantec.releases...), "7.1 SP2 MP1.1", "7.5 SP1", "7.1 SP2 MP1.1 7.5 SP1"},
		{"7.5 passes 7.5 HF6", listed, releases(symantec.releases...), "7.5", "7.5 SP1", "7.5 7.5 HF6 7.5 SP1"},
		{"7.5 HF6 straight", listed, releases(symantec.releases...), "7.5 HF6", "7.5 SP1", "7.5 HF6 7.5 SP1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			way, err := route.Find(tt.order, tt.releases, route.Wish{From: tt.from, To: tt.to})
			hops := way.Hops
			var none *route.NoRouteError
			if errors.As(err, &none) {
				if tt.want != "no way" {
					t.Fatal(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, path(hops)); diff != "" {
				t.Errorf("the way (-want +got):\n%s", diff)
			}
			for i, h := range hops {
				if h.Release == nil || h.Release.Version != h.To || i > 0 && h.From != hops[i-1].To || (h.Why == "") != (i == len(hops)-1) {
					t.Errorf("hop %d is %+v", i, h)
				}
			}
		})
	}
}

func path(hops []route.Hop) string {
	if len(hops) == 0 {
		return ""
	}
	words := []string{hops[0].From}
	for _, h := range hops {
		words = append(words, h.To)
	}
	return strings.Join(words, " ")
}

func TestWhyAndErrors(t *testing.T) {
	dotted, _ := version.Parse("dotted")
	way, err := route.Find(dotted, releases("2.0: >= 1.0", "3.0: >= 2.0; 1.0 via 2.0"), route.Wish{From: "1.0", To: "3.0"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "not straight from 1.0 to 3.0: 2.0 first, because 3.0 can be reached only from >= 2.0 or 1.0 (via 2.0)"; way.Hops[0].Why != want {
		t.Errorf("the reason is %q, want %q", way.Hops[0].Why, want)
	}
	long := releases("9.0: 8.5")
	for i := range 20 {
		long = append(long, releases(fmt.Sprintf("2.%d: *", i))...)
	}
	for _, tt := range []struct {
		name     string
		releases []*manifest.Release
		from, to string
		want     string
	}{
		{"no way", releases("2.0: >= 1.5", "1.2: *", "1.1: *"), "1.0", "2.0", "there is no supported way from 1.0 to 2.0: 2.0 can be reached from >= 1.5, and from 1.0 the releases at hand lead to 1.2, 1.1"},
		{"nothing leads anywhere", releases("2.0: "), "1.0", "2.0", "2.0 can be reached from nothing"},
		{"many lead elsewhere", long, "1.0", "9.0", "lead to 2.19, 2.18, 2.17, 2.16, 2.15, 2.14, 2.13, 2.12 and 12 others"},
		{"not at hand", releases("2.0: *"), "1.0", "3.0", "release 3.0 is not among those at hand; fetch its bundle"},
		{"nothing at hand", nil, "1.0", "3.0", "release 3.0 is not among those at hand"},
		{"a downgrade", releases("2.0: *"), "3.0", "2.0", "Upkeep does not downgrade; to go back to a restore point use upkeep back"},
		{"no version", nil, "one", "2.0", "one"},
		{"a release without a version", releases("two: *"), "1.0", "2.0", "two"},
		{"a range that cannot be read", releases("2.0: => 1.0"), "1.0", "2.0", "release 2.0: "},
	} {
		if _, err := route.Find(dotted, tt.releases, route.Wish{From: tt.from, To: tt.to}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: the error is %v, want %q", tt.name, err, tt.want)
		}
	}
}

// supported says whether a release can be reached in one hop, from its own
// words alone.
func supported(t *rapid.T, order version.Order, r *manifest.Release, at string) bool {
	for _, x := range r.Routes {
		in, err := order.ParseRange(x.From)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := in.Contains(at); err != nil || ok {
			return err == nil && x.Via == ""
		}
	}
	return false
}

// every lists the ways of n hops, the one wanted first.
func every(t *rapid.T, order version.Order, descending []*manifest.Release, at, to string, n int) [][]string {
	if at == to {
		return [][]string{{at}}
	}
	if n == 0 {
		return nil
	}
	var out [][]string
	for _, r := range descending {
		if c, _ := order.Compare(at, r.Version); c < 0 && supported(t, order, r, at) {
			for _, rest := range every(t, order, descending, r.Version, to, n-1) {
				out = append(out, append([]string{at}, rest...))
			}
		}
	}
	return out
}

// TestFindAgainstAllWays compares with the plain search over all ways: every
// edge is supported, no way is shorter, none of equal length leads further,
// and where there is no way, there is none.
func TestFindAgainstAllWays(t *testing.T) {
	order, _ := version.Parse("dotted")
	found, none := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(rt, "releases")
		number := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("1.%d", rapid.IntRange(0, n+1).Draw(t, "version")) })
		term := rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{">= ", "> ", "<= ", "< ", "!= ", "= ", ""}).Draw(t, "op") + number.Draw(t, "bound")
		})
		var all []*manifest.Release
		for i := 1; i <= n; i++ {
			r := &manifest.Release{Version: fmt.Sprintf("1.%d", i)}
			for range rapid.IntRange(0, 3).Draw(rt, "routes") {
				from := strings.Join(rapid.SliceOfN(term, 1, 2).Draw(rt, "range"), ", ")
				via := rapid.SampledFrom([]string{"", "", "", "1.1"}).Draw(rt, "via")
				r.Routes = append(r.Routes, manifest.Route{From: from, Via: via})
			}
			all = append(all, r)
		}
		to := fmt.Sprintf("1.%d", n)
		descending := slices.Clone(all)
		slices.Reverse(descending)
		var want []string
		for hops := 1; hops <= n && want == nil; hops++ {
			if ways := every(rt, order, descending, "1.0", to, hops); len(ways) > 0 {
				want = ways[0]
			}
		}
		given := rapid.Permutation(all).Draw(rt, "order")
		got, err := route.Find(order, given, route.Wish{From: "1.0", To: to})
		hops := got.Hops
		var noway *route.NoRouteError
		switch {
		case want == nil:
			none++
			if !errors.As(err, &noway) {
				rt.Fatalf("there is no way, but: %v, %v", hops, err)
			}
			reached(rt, order, all, noway)
		case err != nil:
			rt.Fatalf("there is the way %v, but: %v", want, err)
		case path(hops) != strings.Join(want, " "):
			rt.Fatalf("the way is %s, want %v", path(hops), want)
		default:
			found++
		}
	})
	if found == 0 || none == 0 {
		t.Errorf("%d ways and %d times none: the test shows too little", found, none)
	}
}

// reached checks what an error says can be reached.
func reached(t *rapid.T, order version.Order, ascending []*manifest.Release, e *route.NoRouteError) {
	at := []string{e.From}
	for _, r := range ascending {
		if slices.ContainsFunc(at, func(v string) bool { return supported(t, order, r, v) }) {
			at = append(at, r.Version)
		}
	}
	at = at[1:]
	slices.Reverse(at)
	if !slices.Equal(at, e.Reached) {
		t.Fatalf("the error says that %v can be reached, but %v can", e.Reached, at)
	}
}
