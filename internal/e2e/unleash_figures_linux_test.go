package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/lab"
	"upkeep/internal/run"
)

// TestUnleashOutageFigure measures how long users are out over two hops, with
// Upkeep and with a plain script that stops, dumps, swaps, starts and waits
// twice, in turn on the same machine; and how the steps of Upkeep take trees of
// that size, with the engine's memory.
func TestUnleashOutageFigure(t *testing.T) {
	lab.Bench(t)
	u := unleash(t)
	const rounds = 3
	var script, upkeep []time.Duration
	steps := map[string][]time.Duration{}
	for range rounds {
		s := u.site(t)
		script = append(script, s.outage(func() { s.plainly() }))
		s = u.site(t)
		most, _, stop := s.peak()
		upkeep = append(upkeep, s.outage(func() { s.must(0, s.upgrade()...) }))
		stop()
		if most() > 100e6 || most() == 0 {
			t.Errorf("the engine needed %d bytes, more than 100 MB", most())
		}
		t.Logf("engine: at most %.0f MB resident", float64(most())/1e6)
		began := map[string]time.Time{}
		for _, e := range s.events() {
			switch {
			case e.Dir != run.Do:
			case e.Kind == "began":
				began[e.Step] = e.At
			case e.Kind == "ended":
				steps[e.Step] = append(steps[e.Step], e.At.Sub(began[e.Step]))
			}
		}
	}
	t.Logf("outage of Unleash over two hops: script %v (%v), upkeep %v (%v)", middle(script), script, middle(upkeep), upkeep)
	for _, id := range []string{"h1.stage.app", "h2.stage.app", "precopy", "h1.precopy", "backup", "h1.install.app", "h1.start.web", "h1.verify", "h2.stop.web", "h2.backup", "h2.install.app", "h2.start.web", "h2.verify", "clean-up"} {
		t.Logf("%-16s median %v", id, middle(steps[id]).Round(time.Millisecond))
	}
	if over := middle(upkeep) - middle(script); over > middle(script) {
		t.Errorf("users are out %v longer than with the script", over)
	}
}

func middle(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// outage measures how long users had no good answer, and believes it only when
// the product is the new version afterwards, with its data.
func (s *unleashSite) outage(upgrade func()) time.Duration {
	s.t.Helper()
	poll := lab.Poll(s.Health())
	defer poll.Stop()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	if err := poll.AwaitGood(ctx); err != nil {
		s.t.Fatal(err)
	}
	upgrade()
	if err := poll.AwaitGood(ctx); err != nil {
		s.t.Fatal(err)
	}
	o := poll.Stop()
	if len(o.Spans) == 0 {
		s.t.Fatal("users saw no outage at all")
	}
	got, err := s.ReadBack(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(s.u.want, got); diff != "" {
		s.t.Fatalf("features (-before +after):\n%.3000s", diff)
	}
	if v, err := s.Version(ctx); err != nil || v != s.u.New.Version {
		s.t.Fatalf("the product is %s, %v", v, err)
	}
	s.t.Log(strings.Split(fmt.Sprint(o), "\n")[0])
	return o.Total()
}

// plainly upgrades with the script.
func (s *unleashSite) plainly() {
	s.t.Helper()
	root, err := lab.ModuleRoot()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(s.temp, "script.log"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(filepath.Join(root, "scripts", "unleash-baseline.sh"), s.Root, s.URL, s.Node, s.Account.Name, s.u.Stop.Dir, s.u.New.Dir)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "PGBIN="+s.PG.Bin), out, out // a pipe would be held by the product
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		s.t.Fatalf("%v\n%s", err, text)
	}
}
