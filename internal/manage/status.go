package manage

import (
	"context"
	"errors"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/run"
	"upkeep/internal/service/systemd"
)

// Status is where an installation is, from its own state alone: it asks
// neither the product nor its database, and of its services only those that the
// doctor has stopped.
type Status struct {
	Installation string
	Product      string
	Document     string
	Entry        string    // the product's own address, as the last run or adopt knows it; empty: it has none, or none is known
	Open         *Run      // the run that is open
	Doing        string    // what the step under way has said last of how far it is; empty when it has not
	Until        time.Time // when that step is expected to end, where a rehearsal tells; otherwise zero
	Last         *journal.Run
	Record       []journal.Installed
	Found        map[string]string // unit to the version that its file reads now, where a file tells it
	Places       map[string]string // unit to where it lies, as the latest runs, or adopt, have found it
	Adopted      *Adopted          // when the product was there before Upkeep
	Modes        []string          // access modes that are on though no run is open
	Holds        []Hold            // that outlive their run; no probe is asked
	Restoring    *RestoringError   // the restore that was interrupted
	Timer        *TimerFailure     // why the restore points that a timer asks for are not made
	Stopped      *Stopped          // services that the doctor has stopped for a while, and that do not run again
	Watching     *Watching         // where it is against what is published; nil where there is no feed, or nobody has looked yet
	HubDown      string            // why the page does not run, where setup-host has set it up
	Scheduled    *Scheduled        // the upgrade that begins later, or was not started at its time
	When         When              // upgrades may begin
	Untold       []Delivery        // notifications that did not come through
	NoBoot       string            // why a run would not go on by itself after a reboot, where setup-host could change that
}

// Status reads where the installation is. It writes nothing.
func (in *Installation) Status(ctx context.Context) (s Status, err error) {
	s = Status{Installation: in.Doc.ID, Product: in.Doc.Product, Document: in.Path}
	s.Timer, _ = in.TimerFailed()   // likewise
	s.Scheduled, _ = in.Scheduled() // schedule list says what cannot be read of it
	s.When, _ = in.When(time.Now()) // likewise
	s.Untold = in.Untold()
	s.Stopped, _ = in.stopped(ctx) // the doctor says what cannot be read of it
	if in.Root && systemd.Booted() {
		s.NoBoot = in.BootUnits()
	}
	s.HubDown = hubDown(ctx, in.Exe)
	if s.Adopted, err = in.Adopted(); err != nil {
		return s, err
	}
	if s.Adopted != nil {
		s.Record, s.Entry = s.Adopted.recorded(), s.Adopted.Entry
	}
	defer func() {
		if s.Adopted != nil {
			s.Places = s.Adopted.places(s.Places)
		}
	}()
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		if s.Holds, err = in.registered(nil, time.Now()); err == nil {
			s.Restoring, err = in.Restoring()
		}
		s.Watching = in.watching(s.Record, nil, time.Now())
		return s, err
	}
	if err != nil {
		return s, err
	}
	defer j.Close()
	if s.Restoring, err = in.Restoring(); err != nil {
		return s, err
	}
	rows, err := j.Recent(ctx, 0, maxLooks) // one is open at most
	if err != nil {
		return s, err
	}
	if s.Holds, err = in.registeredIn(func() ([]journal.Run, error) { return j.Runs(ctx) }, time.Now()); err != nil {
		return s, err
	}
	if err := s.left(ctx, j); err != nil {
		return s, err
	}
	s.Found, s.Places = in.found(ctx, j, rows, s.Record)
	s.Watching = in.watching(s.Record, s.Found, time.Now())
	for _, row := range rows {
		if row.Closed.IsZero() {
			if s.Open, err = in.load(ctx, j, row); err != nil {
				return s, err
			}
			s.Entry = s.Open.Plan.Entry
			if s.Open.Engine != 0 {
				s.Doing, s.Until = doing(s.Open.Dir)
			}
			continue
		}
		s.Last = &row
		break
	}
	if s.Open == nil && s.Last != nil {
		p, err := j.Plan(ctx, s.Last.Plan)
		if err != nil {
			return s, err
		}
		if s.Adopted == nil && len(s.Record) > 0 {
			s.Entry = p.Entry
		}
		for _, m := range ownOf(p) {
			if m.Marker == "" {
				continue // telling would run a command of the product
			}
			if on, err := in.modeOn(ctx, m); err == nil && on {
				s.Modes = append(s.Modes, m.Name())
			}
		}
	}
	if s.Open == nil && in.Root {
		if st, err := in.gate.State(ctx, in.Doc.ID); err == nil && st.Up {
			s.Modes = append(s.Modes, "maintenance (the gate)")
		}
	}
	return s, nil
}

// left tells what the last run has left, unless adopt came after it.
func (s *Status) left(ctx context.Context, j *sqlite.Journal) error {
	record, err := j.Record(ctx)
	if err != nil {
		return err
	}
	change, _, err := j.LastChange(ctx)
	if err != nil {
		return err
	}
	if len(record) > 0 && (s.Adopted == nil || s.Adopted.At.Before(change.Closed)) {
		s.Record, s.Adopted = record, nil // a run knows better
	}
	return nil
}

// left is a Status with Record, Adopted and Last alone: what others rest on who
// look at the product themselves.
func (in *Installation) left(ctx context.Context) (s Status, err error) {
	if s.Adopted, err = in.Adopted(); err != nil {
		return s, err
	}
	if s.Adopted != nil {
		s.Record = s.Adopted.recorded()
	}
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer j.Close()
	if err := s.left(ctx, j); err != nil {
		return s, err
	}
	last, ok, err := j.LastEnded(ctx)
	if ok {
		s.Last = &last
	}
	return s, err
}

// lastNew is when a run changed the version last.
func lastNew(rows []journal.Run) time.Time {
	for _, r := range rows {
		if r.Result == run.ResultNew || r.Result == run.ResultMilestone {
			return r.Closed
		}
	}
	return time.Time{}
}
