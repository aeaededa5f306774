package route_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"upkeep/internal/manifest"
	"upkeep/internal/route"
	"upkeep/internal/version"
)

// tenThousand are releases with a required stop at every hundredth.
func tenThousand(shuffle bool) []*manifest.Release {
	var out []*manifest.Release
	for i := 1; i <= 10000; i++ {
		r := &manifest.Release{Version: number(i)}
		stop := max(0, i-1) / 100 * 100
		r.Routes = []manifest.Route{{From: fmt.Sprintf(">= %s, < %s", number(stop), r.Version)}}
		out = append(out, r)
	}
	if shuffle {
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	}
	return out
}

func number(i int) string { return fmt.Sprintf("%d.%d.%d", i/1000+1, i/10%100, i%10) }

// withEverything says of ten thousand releases all that can be said: the nine
// before a stop are its fixes, which it requires; every fiftieth is withdrawn,
// and every tenth not to be reached from some.
func withEverything() []*manifest.Release {
	all := tenThousand(true)
	for _, r := range all {
		var major, minor, patch int
		if _, err := fmt.Sscanf(r.Version, "%d.%d.%d", &major, &minor, &patch); err != nil {
			panic(err)
		}
		i := (major-1)*1000 + minor*10 + patch
		switch {
		case i%100 == 0:
			r.Routes[0].Fixes = &manifest.Fixes{Families: []string{"core", "extras"}, Required: "core", Choose: []string{manifest.Pick}}
		case i%100 > 90:
			r.Fix = &manifest.Fix{Of: number(i / 100 * 100), Families: []string{"core"}}
		case i%50 == 7:
			r.Withdrawn = "it loses mail"
		case i%10 == 5:
			r.Blocked = []manifest.Block{{From: number(i - 1), Reason: "it loses mail"}}
		}
	}
	return all
}

func TestTenThousandReleases(t *testing.T) {
	order, _ := version.Parse("semver")
	for _, tt := range []struct {
		releases []*manifest.Release
		hops     int
	}{{tenThousand(true), 100}, {withEverything(), 200}} {
		way, err := route.Find(order, tt.releases, route.Wish{From: "1.0.0", To: "11.0.0"})
		if err != nil || len(way.Hops) != tt.hops {
			t.Errorf("%d hops, want %d: %v", len(way.Hops), tt.hops, err)
		}
	}
}

// BenchmarkFind10000 has to stay within 50 ms: the way is looked for whenever
// anybody asks.
func BenchmarkFind10000(b *testing.B) {
	order, err := version.Parse("semver")
	if err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		name     string
		releases []*manifest.Release
	}{{"in order", tenThousand(false)}, {"in any order", tenThousand(true)}, {"with fixes, blocked and withdrawn", withEverything()}} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := route.Find(order, bb.releases, route.Wish{From: "1.0.0", To: "11.0.0"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
