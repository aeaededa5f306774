package e2e

import (
	"encoding/json"
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
	var beyond []float64
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
			var shown struct {
				Outage time.Duration
				Steps  []took
			}
			if err := json.Unmarshal([]byte(m.Upkeep(t, 0, "runs", "show", "--format", "json").Out), &shown); err != nil {
				t.Fatal(err)
			}
			theirs, point := account(shown.Steps)
			t.Logf("upkeep: %v; outage %v, of it apt's, the units' and the product's own steps %v, the restore point %v", r.Took, shown.Outage, theirs, point)
			with, beyond = append(with, r.Took), append(beyond, 100*float64(shown.Outage-theirs-point)/float64(theirs))
		})
	}
	if t.Failed() {
		return
	}
	slices.Sort(own)
	slices.Sort(with)
	slices.Sort(beyond)
	t.Logf("medians of %d: by hand %v; upgrade with Upkeep %v from the command to its end", rounds, own[len(own)/2], with[len(with)/2])
	got := beyond[len(beyond)/2]
	t.Logf("of the outage, beyond what is apt's, the units', the product's own and the restore point: %.1f %%", got)
	if got > 5 {
		t.Errorf("%.1f %% of the outage is Upkeep's own, the aim is 5 %%", got)
	}
}

// took is a step and how long it took.
type took struct {
	ID   string
	Took time.Duration
}

// account adds up what the steps in the outage took that are apt's, the units'
// and the product's own, and what the restore point took.
func account(steps []took) (theirs, point time.Duration) {
	verb := regexp.MustCompile(`^(?:h1\.)?([a-z]+)`)
	for _, s := range steps {
		switch verb.FindStringSubmatch(s.ID)[1] {
		case "stop", "install", "start", "migrate", "hooks", "run":
			theirs += s.Took
		case "backup":
			point += s.Took
		}
	}
	return theirs, point
}
