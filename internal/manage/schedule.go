package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/service/systemd"
	"upkeep/internal/step"
)

// Scheduled is an upgrade that somebody has said yes to, and that begins later.
type Scheduled struct {
	At       time.Time            `json:"at"`
	By       string               `json:"by"`
	Made     time.Time            `json:"made"`
	Plan     string               `json:"plan"` // digest of the plan that the yes named
	Subject  string               `json:"subject"`
	From     string               `json:"from"`
	To       string               `json:"to"`
	Outage   time.Duration        `json:"outage,omitempty"` // forecast, nanoseconds
	Total    time.Duration        `json:"total,omitempty"`  // likewise, of the whole run
	Affected []string             `json:"affected,omitempty"`
	NoTimer  bool                 `json:"noTimer,omitempty"` // somebody else starts it at its time
	Wish     ScheduledWish        `json:"wish"`
	Told     map[string]time.Time `json:"told,omitempty"`   // who knows of it, since when
	Started  time.Time            `json:"started,omitzero"` // a start was begun
	Missed   time.Time            `json:"missed,omitzero"`  // it was not started, and is not any more
	Why      string               `json:"why,omitempty"`    // of that
}

// ScheduledWish is what the yes was said to, beside the plan.
type ScheduledWish struct {
	From      string            `json:"from,omitempty"`
	To        string            `json:"to,omitempty"`
	OnFailure string            `json:"onFailure,omitempty"`
	Only      []string          `json:"only,omitempty"`
	Waivers   map[string]string `json:"waivers,omitempty"`
	Trigger   string            `json:"trigger,omitempty"`
	Unsigned  string            `json:"unsigned,omitempty"`
	Choose    []string          `json:"choose,omitempty"`
	Params    map[string]string `json:"params,omitempty"`
	Fixes     string            `json:"fixes,omitempty"`
	Picks     []string          `json:"picks,omitempty"`
	Prove     bool              `json:"prove,omitempty"`
	Rehearse  string            `json:"rehearse,omitempty"`
	Outside   string            `json:"outsideWindow,omitempty"`
}

func (w ScheduledWish) request(by string) Request {
	return Request{From: w.From, To: w.To, OnFailure: w.OnFailure, Only: w.Only, Waivers: w.Waivers, Trigger: w.Trigger, Unsigned: w.Unsigned, Choose: w.Choose,
		Params: Answers{Given: w.Params}, Fixes: w.Fixes, Picks: w.Picks, Prove: w.Prove, Rehearse: w.Rehearse, Outside: w.Outside, By: by}
}

func wished(r Request) ScheduledWish {
	return ScheduledWish{From: r.From, To: r.To, OnFailure: r.OnFailure, Only: r.Only, Waivers: r.Waivers, Trigger: r.Trigger, Unsigned: r.Unsigned, Choose: r.Choose,
		Params: r.Params.Given, Fixes: r.Fixes, Picks: r.Picks, Prove: r.Prove, Rehearse: r.Rehearse, Outside: r.Outside}
}

// What a scheduled start may be late, and early: timers are not exact.
const (
	lateMost  = 10 * time.Minute
	earlyMost = 30 * time.Second
	aheadMost = 366 * 24 * time.Hour
)

func (in *Installation) scheduledPath() string { return filepath.Join(in.State, "scheduled.json") }

// Scheduled gives the upgrade that begins later, or that was not started at its
// time; nil when there is none.
func (in *Installation) Scheduled() (*Scheduled, error) {
	raw, err := in.FS.ReadFile(in.scheduledPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	s := &Scheduled{}
	if err == nil {
		err = json.Unmarshal(raw, s)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell whether an upgrade is scheduled: %w", err)
	}
	return s, nil
}

// Pending says that it is still to begin.
func (s *Scheduled) Pending() bool { return s != nil && s.Missed.IsZero() }

func (in *Installation) keepScheduled(s *Scheduled) error {
	raw, err := json.MarshalIndent(s, "", " ")
	if err == nil {
		err = in.FS.WriteFile(in.scheduledPath(), append(raw, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot keep when the upgrade begins: %w", err)
	}
	return nil
}

func (in *Installation) dropScheduled() error {
	if err := absent(in.FS.Remove(in.scheduledPath())); err != nil {
		return fmt.Errorf("cannot take the scheduled upgrade away: %w", err)
	}
	return nil
}

// lockScheduled keeps other processes from the scheduled upgrade.
func (in *Installation) lockScheduled(ctx context.Context) (func(), error) {
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the state folder: %w", err)
	}
	return lockFeed(ctx, filepath.Join(in.State, "scheduled.lock"), "the scheduled upgrade", feedPatience)
}

// Moment reads when an upgrade is to begin: 02:00, 2026-12-01T02:00, or next for
// the next window that is long enough for the plan.
func (in *Installation) Moment(text string, p *Prepared, now time.Time) (time.Time, error) {
	t, err := in.Times()
	if err != nil {
		return time.Time{}, err
	}
	at, err := t.ParseMoment(text, now, p.Forecast.Total)
	if err != nil {
		return at, &step.UserError{Msg: "the upgrade cannot be scheduled: " + err.Error(), Now: "say --at 02:00, --at 2026-12-01T02:00, or --at next"}
	}
	return at, nil
}

// MayBeScheduled says why a plan cannot begin by itself at a moment.
func (in *Installation) MayBeScheduled(p *Prepared, at, now time.Time) error {
	e := &RefusedError{What: "the upgrade cannot be scheduled"}
	if at.Before(now) {
		e.Reasons = append(e.Reasons, fmt.Sprintf("%s is over", at.Format(timeForm)))
	}
	if at.After(now.Add(aheadMost)) {
		e.Reasons = append(e.Reasons, fmt.Sprintf("%s is more than a year ahead: the plan would hardly be the same then", at.Format(timeForm)))
	}
	if why := PersonNeeded(p.Plan); why != "" {
		e.Reasons = append(e.Reasons, why+": start it when she is there")
	}
	if len(e.Reasons) > 0 {
		return e
	}
	return in.mayBegin(p, at)
}

// Timer says why nothing on this computer could start an upgrade at its time.
func (in *Installation) Timer() error {
	switch {
	case !in.Root:
		return &step.UserError{Msg: "the upgrade cannot be scheduled: only root has timers of systemd made", Now: "give the command with sudo, or with --no-timer and have something else give upkeep schedule start at that time"}
	case !systemd.Booted():
		return &step.UserError{Msg: "the upgrade cannot be scheduled: systemd does not run this computer, and nothing would start it", Now: "give the command with --no-timer, and have something else give upkeep schedule start at that time"}
	}
	return nil
}

// Schedule keeps a yes for later: the plan that was shown begins at that time, if it
// is the same then. There is one for an installation; another one replaces it.
func (in *Installation) Schedule(ctx context.Context, p *Prepared, req Request, at time.Time, by string, noTimer bool) (*Scheduled, error) {
	now := time.Now()
	if err := in.MayBeScheduled(p, at, now); err != nil {
		return nil, err
	}
	if !noTimer {
		if err := in.Timer(); err != nil {
			return nil, err
		}
	}
	if req.File != nil || len(req.Answers) > 0 {
		return nil, &step.UserError{Msg: "the upgrade cannot be scheduled: an answer counts for a day and for one run", Now: "leave --answer and --answers out; parameters go with --set"}
	}
	release, err := in.lockScheduled(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if r, err := in.OpenRun(ctx); err != nil || r != nil {
		if err == nil {
			err = &RefusedError{What: "the upgrade cannot be scheduled", Reasons: []string{fmt.Sprintf("run %s is open", r.ID)}}
		}
		return nil, err
	}
	s := &Scheduled{At: at.Round(time.Second), By: by, Made: now.UTC().Round(time.Second), Plan: p.Plan.Digest, Subject: p.Plan.Subject(), From: p.Plan.From, To: p.Plan.To,
		Outage: p.Forecast.Outage, Total: p.Forecast.Total, Affected: affected(p.Plan), NoTimer: noTimer, Wish: wished(req), Told: map[string]time.Time{}}
	_ = SavePlan(p.Plan) // without it, what differs at its time cannot be named
	// without the record the timer does nothing, without the timer nobody would look at the record
	if !noTimer {
		if _, err := NewMachine(in.Exe).SetStartTimer(ctx, in.Doc.ID, in.Path, in.moments(s, now)); err != nil {
			return nil, err
		}
	}
	if err := in.keepScheduled(s); err != nil {
		return nil, err
	}
	in.announce(ctx, s, now)
	return s, nil
}

// CancelScheduled takes the scheduled upgrade away; nil when there was none. Who knew of it
// is told.
func (in *Installation) CancelScheduled(ctx context.Context, by string) (*Scheduled, error) {
	release, err := in.lockScheduled(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	s, err := in.Scheduled()
	if err != nil || s == nil {
		return nil, err
	}
	if err := in.dropScheduled(); err != nil {
		return s, err
	}
	if s.Pending() {
		in.tellOff(ctx, s, by+" has cancelled it")
	}
	return s, in.endStartTimer(ctx, s)
}

func (in *Installation) endStartTimer(ctx context.Context, s *Scheduled) error {
	if s.NoTimer || !in.Root || !systemd.Booted() {
		return nil
	}
	_, err := NewMachine(in.Exe).EndStartTimer(ctx, in.Doc.ID)
	return err
}

// affected are the services that stop on the way; the product, where none does.
func affected(p *plan.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		if s.Verb != "stop" {
			continue
		}
		if params, err := step.Params[plan.ServiceParams](s); err == nil {
			out = append(out, params.Service.ID)
		}
	}
	if len(out) == 0 {
		return []string{p.Subject()}
	}
	return out
}
