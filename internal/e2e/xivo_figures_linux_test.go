package e2e

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"upkeep/internal/lab"
	"upkeep/internal/lab/host"
	"upkeep/internal/lab/xivo"
)

// TestXivoFigure upgrades machines by hand and with Upkeep, in turn, and prints
// what Upkeep takes beyond what is apt's and the units' own.
func TestXivoFigure(t *testing.T) {
	lab.Bench(t)
	host.Need(t)
	rounds := 3
	if n, err := strconv.Atoi(os.Getenv("UPKEEP_ROUNDS")); err == nil {
		rounds = n
	}
	var own, with []time.Duration
	for range rounds {
		t.Run("by hand", func(t *testing.T) {
			m := xivo.New(t, xivo.Options{Releases: []xivo.Release{}, Bare: true})
			b := m.UpgradeByHand(t, "1.2.3")
			t.Logf("by hand: stop %v, apt %v, migrate %v, start %v: %v", b.Stop, b.Apt, b.Migrate, b.Start, b.Own())
			own = append(own, b.Own())
			if got := m.Status(t); got != `{"language":"fr","schema":3,"version":"1.2.3"}` {
				t.Errorf("it says %s", got)
			}
		})
		t.Run("upkeep", func(t *testing.T) {
			m := xivo.New(t, xivo.Options{})
			r := m.Upkeep(t, 0, "upgrade", "--yes", "--from", xivo.Releases)
			shown := m.Upkeep(t, 0, "runs", "show").Out
			t.Logf("upkeep: %v, of it in the steps that stop, install and start %v\n%s", r.Took, steps(t, shown), shown)
			with = append(with, r.Took)
		})
	}
	if t.Failed() {
		return
	}
	slices.Sort(own)
	slices.Sort(with)
	a, b := own[len(own)/2], with[len(with)/2]
	t.Logf("medians of %d: apt and the units %v, upgrade with Upkeep %v, beyond it %v (%.1f %%)", rounds, a, b, b-a, 100*float64(b-a)/float64(a))
}

// steps adds up what the steps of a run took that are apt's and the units' own.
func steps(t *testing.T, shown string) (all time.Duration) {
	t.Helper()
	for _, f := range regexp.MustCompile(`(?m)✓ +(?:h1\.)?(?:stop|install|start)\..* ([\d.]+) (ms|s)$`).FindAllStringSubmatch(shown, -1) {
		d, err := time.ParseDuration(f[1] + f[2])
		if err != nil {
			t.Fatal(err)
		}
		all += d
	}
	return all
}
