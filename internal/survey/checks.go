package survey

import (
	"context"
	"slices"
	"sync"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// atOnce bounds how many checks are read side by side, and with them the
// memory that they need: most of them only wait for an answer.
const atOnce = 24

// checks evaluates the readiness checks of a release that can be told now, side
// by side. Those that wait for something else to answer begin first, so that the slowest of them
// decides how long it takes, wherever it stands in the document.
func (s *Surveyor) checks(ctx context.Context, r *plan.Resolver, rel *manifest.Release, f *plan.Facts, early func(manifest.Check) bool) {
	own := *s
	probes, end := s.Probes.Sitting()
	own.Probes = probes
	defer end()
	order := slices.DeleteFunc(slices.Clone(rel.Checks), func(c manifest.Check) bool { return !early(c) })
	slices.SortStableFunc(order, func(a, b manifest.Check) int { return patience(a.Probe.Source) - patience(b.Probe.Source) })
	var mu sync.Mutex
	var wg sync.WaitGroup
	todo := make(chan manifest.Check)
	for range min(atOnce, len(order)) {
		wg.Go(func() {
			for c := range todo {
				res, next := own.check(ctx, r, c)
				mu.Lock()
				f.Checks[plan.CheckKey(rel.Version, c.ID)] = res
				f.Checks[plan.AnnouncedKey(rel.Version, c.ID)] = next
				mu.Unlock()
			}
		})
	}
	for _, c := range order {
		todo <- c
	}
	close(todo)
	wg.Wait()
}

// patience orders sources by how long they may take: what a program, another
// computer or a large folder answers comes first.
func patience(source string) int {
	switch source {
	case "command", "inventory":
		return 0
	case "http", "sql", "redis", "tls", "dns", "port", "tcp", "package", "account", "group", "timer", "service", "newest", "log", "sum", "open-files":
		return 1
	}
	return 2
}

// Stricter marks the failed checks on the way that are new: the installed release,
// was, has no check of that name, or one that holds. What cannot be told is not
// marked.
func (s *Surveyor) Stricter(ctx context.Context, in *site.Installation, f *plan.Facts, was Hop, hops []Hop) error {
	r, err := s.Resolver(was.Product, in, *f)
	if err != nil {
		return err
	}
	for _, h := range hops {
		for _, c := range h.Release.Checks {
			key := plan.CheckKey(h.Release.Version, c.ID)
			res, known := f.Checks[key]
			if !known || res.OK || res.Error != "" {
				continue
			}
			own := slices.IndexFunc(was.Release.Checks, func(o manifest.Check) bool { return o.ID == c.ID })
			if own >= 0 {
				if is, _ := s.check(ctx, r, was.Release.Checks[own]); !is.OK {
					continue
				}
			}
			res.New = h.Release.Version
			f.Checks[key] = res
		}
	}
	return nil
}

// Failure is how a check fails for a unit; of a check that is of no unit it is "".
type Failure struct {
	Unit string
	plan.CheckResult
}

// Failing makes a check now, and gives the units for which it does not hold.
func (s *Surveyor) Failing(ctx context.Context, r *plan.Resolver, c manifest.Check) []Failure {
	var out []Failure
	look := func(unit string, r *plan.Resolver) {
		if res, _ := s.checkOne(ctx, r, c); !res.OK {
			out = append(out, Failure{unit, res})
		}
	}
	units := r.Each(c.Probe)
	if len(units) == 0 {
		look("", r)
	}
	for _, id := range units {
		if s.Units == nil || slices.Contains(s.Units, id) {
			look(id, r.Unit(id))
		}
	}
	return out
}
