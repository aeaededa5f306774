package manage

import (
	"context"
	"slices"
	"strings"
	"time"

	"upkeep/internal/site"
)

// announcing bounds how long a command waits for those whom it tells.
const announcing = 20 * time.Second

// moments are when the timer of a scheduled upgrade is to look: when people are told
// of it, and when it begins.
func (in *Installation) moments(s *Scheduled, now time.Time) []time.Time {
	out := []time.Time{s.At}
	for _, n := range in.Doc.Notifications {
		if !n.Tells(site.Planned) {
			continue
		}
		for _, before := range n.Ahead() {
			if at := s.At.Add(-before); at.After(now) {
				out = append(out, at)
			}
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

func (s *Scheduled) notice(event site.Event) notice {
	return notice{event: event, from: s.From, to: s.To, begins: s.At, ends: s.At.Add(s.Total), outage: s.Outage, affected: s.Affected, by: s.By}
}

// announce tells of a scheduled upgrade whoever is to know by now and does not yet.
// Once is enough where several of her times have passed.
func (in *Installation) announce(ctx context.Context, s *Scheduled, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, announcing)
	defer cancel()
	due := map[string]bool{}
	for _, n := range in.Doc.Notifications {
		for _, before := range n.Ahead() {
			key := n.ID + "/" + before.String()
			if _, told := s.Told[key]; !told && n.Tells(site.Planned) && !now.Before(s.At.Add(-before-earlyMost)) {
				due[n.ID], s.Told[key] = true, now.UTC().Round(time.Second)
			}
		}
	}
	if len(due) == 0 {
		return
	}
	in.tell(ctx, s.notice(site.Planned), func(n site.Notification) bool { return due[n.ID] })
	_ = in.keepScheduled(s) // otherwise they are told twice
}

// tellOff tells that a scheduled upgrade does not begin: its users where they knew of
// it, and its administrators.
func (in *Installation) tellOff(ctx context.Context, s *Scheduled, why string) {
	ctx, cancel := context.WithTimeout(ctx, announcing)
	defer cancel()
	n := s.notice(site.Off)
	n.why, n.ends, n.outage = why, time.Time{}, 0
	in.tell(ctx, n, func(t site.Notification) bool {
		if t.For == site.Administrators {
			return true
		}
		for key := range s.Told {
			if strings.HasPrefix(key, t.ID+"/") {
				return true
			}
		}
		return false
	})
}
