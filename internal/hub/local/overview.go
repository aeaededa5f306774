package local

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"time"

	"upkeep/internal/hub/ask"
	"upkeep/internal/journal"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// pointsWithin is how long an overview waits for the restore points of an
// installation: their place may be on another computer.
const pointsWithin = 3 * time.Second

// Overview implements ask.Engine.
func (e *Engine) Overview(ctx context.Context) (ask.Overview, error) {
	list, ids, err := e.known(ctx)
	if err != nil {
		return ask.Overview{}, told(err)
	}
	out := ask.Overview{At: time.Now(), Host: e.Host, Upkeep: manage.Version(), Installations: make([]ask.Installation, len(list))}
	var wg sync.WaitGroup
	for i, k := range list {
		out.Installations[i] = installation(ids[i], k)
		if k.Err == nil {
			wg.Go(func() { out.Installations[i].Points = e.pointsAge(ctx, k.Document) })
			wg.Go(func() { e.releases(ctx, &out.Installations[i], k) })
		}
	}
	wg.Wait()
	return out, nil
}

func installation(id string, k manage.Known) ask.Installation {
	out := ask.Installation{ID: id, Product: cmp.Or(k.Product, k.Name), Document: k.Document, Units: []ask.Unit{}, Currency: ask.CurrencyUnknown, Notices: []ask.Notice{}}
	if k.Err != nil {
		out.Error = k.Err.Error()
		return out
	}
	s := k.Status
	out.Entry = s.Entry
	for _, i := range s.Record {
		u := ask.Unit{ID: plan.UnitID(i.Component, i.Instance), Version: i.Version}
		u.At = s.Places[u.ID]
		if is, looked := s.Found[u.ID]; looked && is != i.Version && s.Open == nil {
			u.Version, u.Recorded = is, i.Version
		}
		out.Units = append(out.Units, u)
	}
	if w := s.Watching; w != nil {
		out.Published = ask.Published{Version: w.Published.Version, At: w.Published.At, Looked: w.Looked, Signed: w.Signed, Detected: w.Detected.Version, Problem: w.Problem,
			Fetched: w.Fetched != nil && w.Fetched.Problem == "" && w.Fetched.Version == w.Published.Version}
		switch {
		case w.Published.Version == "" || len(w.Installed) == 0:
		case w.Behind:
			out.Currency = ask.Behind
		default:
			out.Currency = ask.UpToDate
		}
	}
	if s.Open != nil {
		out.Open = open(s.Open)
	}
	if s.Scheduled.Pending() {
		out.Scheduled = scheduled(s.Scheduled)
	}
	if s.Last != nil {
		row := runRow(*s.Last)
		out.Last = &row
	}
	out.Notices = notices(*s, out.Units)
	return out
}

// notices gathers what somebody should see to.
func notices(s manage.Status, units []ask.Unit) []ask.Notice {
	out := []ask.Notice{}
	add := func(kind ask.NoticeKind, text string, at time.Time) {
		out = append(out, ask.Notice{Kind: kind, Text: text, At: at})
	}
	var changed []string
	for _, u := range units {
		if u.Recorded != "" {
			changed = append(changed, u.ID)
		}
	}
	if len(changed) > 0 {
		add(ask.NoticeChanged, strings.Join(changed, ", "), time.Time{})
	}
	if s.Restoring != nil {
		add(ask.NoticeRestoring, s.Restoring.Error(), time.Time{})
	}
	if s.Timer != nil {
		add(ask.NoticeTimer, s.Timer.Why, s.Timer.Since)
	}
	if s.Stopped != nil && s.Stopped.Doctor == 0 {
		add(ask.NoticeStopped, strings.Join(s.Stopped.IDs(), ", "), s.Stopped.At)
	}
	for _, m := range s.Modes {
		add(ask.NoticeMode, m, time.Time{})
	}
	for _, h := range s.Holds {
		kind := ask.NoticeHold
		if h.Due {
			kind = ask.NoticeHoldDue
		}
		add(kind, h.What+": "+h.To, h.Since)
	}
	if w := s.Watching; w != nil {
		switch {
		case w.Problem != "":
			add(ask.NoticeFeed, w.Problem, w.Since)
		case w.Lost:
			add(ask.NoticeFeed, "", w.Looked)
		}
		if w.Late >= 24*time.Hour {
			add(ask.NoticeLate, w.Detected.Version, time.Time{})
		}
	}
	if s.NoBoot != "" {
		add(ask.NoticeBoot, s.NoBoot, time.Time{})
	}
	if p := s.Scheduled; p != nil && !p.Pending() {
		add(ask.NoticeMissed, p.Why, p.At)
	}
	for _, d := range s.Untold {
		add(ask.NoticeUntold, d.ID+": "+d.Problem, d.At)
	}
	return out
}

func open(r *manage.Run) *ask.Open {
	out := &ask.Open{Run: r.ID, By: r.StartedBy(), To: r.To, Going: going(r)}
	if a := run.Next(r.State); a.Step.ID != "" {
		out.Step, out.Title = a.Step.ID, a.Step.Title
	}
	return out
}

// startsWithin is how long nobody may have a run that was opened just now: its
// engine is being started.
const startsWithin = 10 * time.Second

// going says who carries a run on; empty when it is over.
func going(r *manage.Run) ask.Going {
	switch {
	case !r.Closed.IsZero():
		return ""
	case r.Waiting != nil:
		return ask.WaitsChoice
	case r.Engine == 0 && time.Since(r.Opened) < startsWithin:
		return ask.UnderWay
	case r.Engine == 0:
		return ask.Interrupted
	case r.Task() != nil:
		return ask.AsksPerson
	}
	return ask.UnderWay
}

func runRow(r journal.Run) ask.RunRow {
	by := r.By
	if r.Trigger != "" && r.Trigger != plan.TriggerCommand {
		by += " (" + r.Trigger + ")"
	}
	return ask.RunRow{ID: r.ID, From: r.From, To: r.To, By: by, Opened: r.Opened, Closed: r.Closed, Result: ask.Result(r.Result), Version: r.Version, Outage: r.Outage, Work: r.Work}
}

// pointsAge looks at the restore points for the overview.
func (e *Engine) pointsAge(ctx context.Context, document string) ask.PointsAge {
	ctx, cancel := context.WithTimeout(ctx, pointsWithin)
	defer cancel()
	in, err := manage.Open(document, e.Exe)
	if err != nil {
		return ask.PointsAge{Error: err.Error()}
	}
	list, err := in.ListPoints(ctx)
	if err != nil {
		return ask.PointsAge{Error: err.Error()}
	}
	var out ask.PointsAge
	for _, l := range list {
		if l.Error != "" {
			continue
		}
		out.Count++
		if at, _ := proven(l); at.After(out.Proven) {
			out.Proven = at
		}
	}
	return out
}
