package process

import (
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// Settings and services that are held, a drain, a task, a record that is applied
// again: after a kill at any commit they have the values that they had, or those
// of a run that nobody disturbed.
func TestKilledHolds(t *testing.T) {
	lab.Slow(t)
	Every(t, itms("holds", 0, "7.5 SP1", func(s *sitetest.Site) { s.Bundle("7.5 SP1") }), Choice{Of: Point.Journal, Most: 18})
}

// The same on the way back of an upgrade that fails late.
func TestKilledHoldsBack(t *testing.T) {
	lab.Slow(t)
	Every(t, itms("holds back", 6, "7.5 HF6", func(s *sitetest.Site) {
		src := s.Copy(s.Source("7.5 SP1"), "bad")
		s.Replace(filepath.Join(src, "components/itms/VERSION"), "7.5 SP1", "7.5 SP2")
		s.Build(src, filepath.Join(s.Releases, "bad.tar.zst"))
		s.Replace(s.Document, "params:", "limits: {verify: 1s}\nparams:")
	}), Choice{Of: func(p Point) bool { return p.Back && p.Journal() }, OneIn: 40, Most: 16})
}

func itms(name string, code int, to string, prepare func(*sitetest.Site)) Target {
	return Target{Name: name, Example: "itms", Version: "7.5 HF6", Code: code, From: "7.5 HF6", To: to,
		Prepare: func(s *sitetest.Site) []string {
			prepare(s)
			return []string{"upgrade", "--yes", "--from", s.Releases}
		},
		Settled: func(snapshot string) string { // what a task of the vendor wrote that nothing takes back
			var out strings.Builder
			for l := range strings.Lines(snapshot) {
				if !strings.Contains(l, "packagerefresh.result") {
					out.WriteString(l)
				}
			}
			return out.String()
		}}
}

// Hooks, services in their order, tasks that run once, migrations.
func TestKilledHooks(t *testing.T) {
	lab.Slow(t)
	Every(t, Target{Name: "hooks", Example: "exchange", Version: "1.2.2", Code: 0, From: "1.2.2", To: "1.2.3",
		Prepare: func(s *sitetest.Site) []string {
			s.Bundle("1.2.3")
			return []string{"upgrade", "--yes", "--from", s.Releases}
		}}, Choice{Of: Point.Journal, Most: 18})
}
