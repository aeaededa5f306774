package e2e

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// unleashKills is how many of the moments are tried; UPKEEP_KILLS says
// otherwise.
const unleashKills = 2

// unleashMoments are the boundaries of all steps, before and after, and
// moments in the middle of both starts, while they migrate. The first two are
// always in a start, the others by the seed.
func unleashMoments(events []event, chance *rand.Rand) []moment {
	var starts, rest []moment
	began := map[string]time.Time{}
	for _, e := range events {
		if e.Dir != run.Do || e.Kind != manage.EventBegan && e.Kind != manage.EventEnded {
			continue
		}
		rest = append(rest, moment{step: e.Step, dir: e.Dir, kind: e.Kind, attached: chance.IntN(3) == 0})
		if e.Kind == manage.EventBegan {
			began[e.Step] = e.At
			continue
		}
		if e.Step == "h1.start.web" || e.Step == "h2.start.web" {
			took := e.At.Sub(began[e.Step])
			starts = append(starts, moment{step: e.Step, dir: e.Dir, kind: manage.EventBegan, after: time.Duration((0.3 + 0.6*chance.Float64()) * float64(took))})
		}
	}
	chance.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	return append(starts, rest...)
}

// TestUnleashKilled kills the engine at boundaries of steps of the run over two
// hops, and in the middle of the starts that migrate. The next command brings
// each to its end.
func TestUnleashKilled(t *testing.T) {
	u := unleash(t)
	first := u.quick(t)
	first.must(0, first.upgrade()...)
	all := unleashMoments(first.events(), rand.New(rand.NewPCG(miniSeed(t), 0)))
	tries := unleashKills
	if n, err := strconv.Atoi(os.Getenv("UPKEEP_KILLS")); err == nil {
		tries = n
	}
	tries = min(tries, len(all))
	kills, ends := 0, map[run.Result]int{}
	for _, at := range all[:tries] {
		t.Run(at.String(), func(t *testing.T) {
			s := u.quick(t)
			before, v := s.print(), s.visitor()
			r, hit := s.killedAt(at, s.upgrade()...)
			time.Sleep(50 * time.Millisecond)
			visits := v.seen()
			switch r.code {
			case 0:
				s.is(u.New)
				s.journalIsSound(run.ResultNew)
				ends[run.ResultNew]++
			case 6:
				samePrint(t, before, s.print())
				s.is(u.Old)
				s.journalIsSound(run.ResultOld)
				ends[run.ResultOld]++
			default:
				t.Fatalf("recovery ended neither new nor old: %v\n%s", r, s.runLog())
			}
			if hit {
				kills++
			}
			closedOnce(t, visits)
			s.nothingLeft()
		})
	}
	t.Logf("%d of %d moments, %d kills: %d ended new, %d old", tries, len(all), kills, ends[run.ResultNew], ends[run.ResultOld])
	if kills < tries*3/4 {
		t.Errorf("only %d of %d moments were met", kills, tries)
	}
}

// killedAt starts the upgrade, kills its engine at the moment, and has the run
// recovered by the next command. It tells whether there was an engine to kill.
func (s *upkeep) killedAt(m moment, upgrade ...string) (result, bool) {
	s.t.Helper()
	old := s.runs()
	cmd := s.command(upgrade...)
	politely(cmd)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	err := s.follow(old, 2*time.Minute, func(e event) bool { return e.Kind == m.kind && e.Step == m.step && e.Dir == m.dir })
	if err != nil {
		cmd.Process.Kill()
		s.t.Fatalf("waiting for the moment: %v\n%s%s\n%s", err, &out, &errs, s.runLog())
	}
	pause(m.after)
	if !m.attached {
		cmd.Process.Kill()
	}
	hit := s.killEngine()
	if m.attached {
		return s.wait(cmd, &out, &errs), hit
	}
	cmd.Wait()
	return s.up("resume"), hit
}
