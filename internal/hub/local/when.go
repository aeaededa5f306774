package local

import (
	"context"
	"slices"
	"strings"
	"time"

	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// dayForm is how people read a moment of a schedule.
const dayForm = "Mon 2 Jan 2006 15:04 MST"

// Windows implements ask.Engine.
func (e *Engine) Windows(ctx context.Context, q ask.Of) (ask.Windows, error) {
	in, err := e.open(ctx, q.Installation)
	if err != nil {
		return ask.Windows{}, err
	}
	w, err := in.When(time.Now())
	if err != nil {
		return ask.Windows{}, told(err)
	}
	s, err := in.Scheduled()
	if err != nil {
		return ask.Windows{}, told(err)
	}
	list, err := in.Deliveries()
	if err != nil {
		return ask.Windows{}, told(err)
	}
	out := ask.Windows{Product: in.Doc.Product, Document: in.Path, Text: w.Text, Zone: w.Zone, Bound: w.Bound, Open: w.Open, Until: w.Until, Next: w.Next, Frozen: w.Frozen, Automatic: w.Auto,
		Freezes: []ask.Freeze{}, Scheduled: scheduled(s), Recipients: []ask.Recipient{}, Deliveries: deliveries(list[:min(len(list), 20)])}
	for _, f := range w.Freezes {
		out.Freezes = append(out.Freezes, ask.Freeze(f))
	}
	for _, r := range in.Recipients() {
		line := ask.Recipient{ID: r.ID, For: r.For, How: r.How, Before: r.Before}
		for _, event := range r.Events {
			line.Events = append(line.Events, string(event))
		}
		out.Recipients = append(out.Recipients, line)
	}
	return out, nil
}

func deliveries(list []manage.Delivery) []ask.Delivery {
	out := []ask.Delivery{}
	for _, d := range list {
		out = append(out, ask.Delivery{At: d.At, ID: d.ID, How: d.How, Title: d.Title, Tries: d.Tries, Problem: d.Problem})
	}
	return out
}

func scheduled(s *manage.Scheduled) *ask.Scheduled {
	if s == nil {
		return nil
	}
	out := &ask.Scheduled{At: s.At, When: s.At.Format(dayForm), By: s.By, Plan: s.Plan, From: s.From, To: s.To, Outage: s.Outage, NoTimer: s.NoTimer, Missed: s.Missed, Why: s.Why}
	if s.Total > 0 {
		out.Ends = s.At.Add(s.Total)
	}
	for key := range s.Told {
		if id, _, _ := strings.Cut(key, "/"); !slices.Contains(out.Told, id) {
			out.Told = append(out.Told, id)
		}
	}
	slices.Sort(out.Told)
	return out
}

// begin says when the upgrade of a plan may begin.
func begin(in *manage.Installation, p *manage.Prepared, now time.Time) (ask.Begin, error) {
	t, err := in.Times()
	if err != nil {
		return ask.Begin{}, err
	}
	w, err := in.When(now)
	if err != nil {
		return ask.Begin{}, err
	}
	s, err := in.Scheduled()
	if err != nil {
		return ask.Begin{}, err
	}
	out := ask.Begin{Zone: w.Zone, Scheduled: scheduled(s)}
	if err := in.MayBegin(p, now); err != nil {
		out.Why = []string{err.Error()}
		if e, ok := err.(*manage.RefusedError); ok {
			out.Why = e.Reasons[:1] // what else can be done, the page says itself
		}
	}
	propose, err := t.ParseMoment("02:00", now, p.Forecast.Total)
	if t.Bound() {
		if next, ok := t.Next(now.Add(time.Minute).Truncate(time.Minute), p.Forecast.Total); ok {
			out.Next = next.From
			propose, err = next.From, nil
		}
	}
	if err == nil {
		out.Propose = propose.In(t.Zone).Format("2006-01-02T15:04")
	}
	if why := manage.PersonNeeded(p.Plan); why != "" {
		out.NotLater = why
	} else if err := in.Timer(); err != nil {
		out.NotLater = err.Error()
	}
	return out, nil
}

// Schedule implements ask.Engine.
func (e *Engine) Schedule(ctx context.Context, by string, l ask.Later) (ask.Scheduled, error) {
	p, err := e.agreedFetched(ctx, by, l.Yes)
	if err != nil {
		return ask.Scheduled{}, err
	}
	defer p.Close()
	if p.first != nil {
		return ask.Scheduled{}, &ask.Error{Kind: ask.Invalid, Text: "a first install keeps nobody out: it begins now, and is not scheduled"}
	}
	at, err := p.in.Moment(l.At, p.Prepared, time.Now())
	if err != nil {
		return ask.Scheduled{}, refused(err)
	}
	req, err := e.request(l.Wish, by)
	if err != nil {
		return ask.Scheduled{}, err
	}
	s, err := p.in.Schedule(context.WithoutCancel(ctx), p.Prepared, req, at, by, false)
	if err != nil {
		return ask.Scheduled{}, told(err)
	}
	return *scheduled(s), nil
}

// Unschedule implements ask.Engine.
func (e *Engine) Unschedule(ctx context.Context, by string, q ask.Of) (struct{}, error) {
	in, err := e.open(ctx, q.Installation)
	if err != nil {
		return struct{}{}, err
	}
	_, err = in.CancelScheduled(context.WithoutCancel(ctx), by)
	return struct{}{}, told(err)
}

// TryNotifications implements ask.Engine.
func (e *Engine) TryNotifications(ctx context.Context, _ string, q ask.Try) (ask.Tried, error) {
	in, err := e.open(ctx, q.Installation)
	if err != nil {
		return ask.Tried{}, err
	}
	list, err := in.TryNotifications(ctx, q.ID)
	return ask.Tried{Deliveries: deliveries(list)}, told(err)
}
