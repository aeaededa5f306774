package survey

import (
	"context"
	"slices"
	"sync"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
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
