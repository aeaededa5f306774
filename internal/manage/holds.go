package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/plan"
	holds "upkeep/internal/step/hold/register"
)

// Hold is a hold that outlives its run, as it stands in the register.
type Hold struct {
	ID    string    `json:"id"`
	What  string    `json:"what"`  // what is held, in words
	To    string    `json:"to"`    // at what
	Was   string    `json:"was"`   // what it gets back
	Run   string    `json:"run"`   // that holds it
	Since time.Time `json:"since"` // when that run opened
	Until string    `json:"until"` // in words
	Ends  time.Time `json:"ends,omitzero"`
	// Due says that its end has come. Of one that a probe ends it is only known
	// where the probe was asked.
	Due      bool   `json:"due"`
	Asks     bool   `json:"asks,omitempty"`     // a probe ends it
	Evidence string `json:"evidence,omitempty"` // what the probe has read
	Error    string `json:"error,omitempty"`    // why the entry cannot be read, or whether it is due cannot be told

	entry holds.Entry
}

// registered gives the register from files alone: of a hold that a probe ends
// it is not known whether it is due. A span counts from the end of the run;
// where no run tells that, from its beginning.
func (in *Installation) registered(rows []journal.Run, now time.Time) ([]Hold, error) {
	return in.registeredIn(func() ([]journal.Run, error) { return rows, nil }, now)
}

// registeredIn is registered for who has not read the list of runs: it is read
// where something is held.
func (in *Installation) registeredIn(list func() ([]journal.Run, error), now time.Time) ([]Hold, error) {
	held, err := holds.List(in.FS, in.State)
	if err != nil || len(held) == 0 {
		return nil, err
	}
	rows, err := list()
	if err != nil {
		return nil, err
	}
	var out []Hold
	for _, f := range held {
		if f.Err != nil {
			out = append(out, Hold{ID: f.ID, What: f.ID, Error: f.Err.Error()})
			continue
		}
		l := f.Hold.Lasts
		h := Hold{ID: f.ID, What: f.Hold.What(), To: f.Hold.To, Was: f.Was.String(), Run: f.Run, Since: f.Since, Until: l.Text, Asks: l.Probe != nil, entry: f.Entry}
		switch {
		case l.On != "":
			day, err := time.ParseInLocation(time.DateOnly, l.On, now.Location())
			if h.Ends = day.AddDate(0, 0, 1); err != nil {
				h.Ends, h.Error = time.Time{}, fmt.Sprintf("%q is no day: %v", l.On, err)
			}
		case l.For > 0:
			h.Ends = ended(rows, f.Run, f.Since).Add(l.For)
			if open(rows, f.Run) {
				h.Ends = time.Time{}
			}
		}
		h.Due = !h.Ends.IsZero() && !now.Before(h.Ends)
		out = append(out, h)
	}
	return out, nil
}

// ended is when a run was closed, or else the given time.
func ended(rows []journal.Run, id string, otherwise time.Time) time.Time {
	i := slices.IndexFunc(rows, func(r journal.Run) bool { return r.ID == id && !r.Closed.IsZero() })
	if i < 0 {
		return otherwise
	}
	return rows[i].Closed
}

func open(rows []journal.Run, id string) bool {
	return slices.ContainsFunc(rows, func(r journal.Run) bool { return r.ID == id && r.Closed.IsZero() })
}

// Holds gives the register, and asks the probes whether what they end is due.
func (in *Installation) Holds(ctx context.Context) ([]Hold, error) {
	var rows []journal.Run
	list, err := in.registeredIn(func() (_ []journal.Run, err error) {
		rows, err = in.Runs(ctx)
		return rows, err
	}, time.Now())
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Asks && !open(rows, list[i].Run) {
			in.askEnd(ctx, &list[i])
		}
	}
	return list, ctx.Err()
}

// askEnd asks a hold's probe.
func (in *Installation) askEnd(ctx context.Context, h *Hold) {
	v, err := in.probes.Check(ctx, *h.entry.Hold.Lasts.Probe)
	if h.Evidence = v.Evidence; err != nil {
		h.Evidence, h.Error = "", "cannot tell whether its end has come: "+err.Error()
		return
	}
	h.Due = v.OK
	if v.Got != "none" || !v.OK {
		h.Evidence += fmt.Sprintf("; it is %s, and ends the hold when it is %s", v.Got, v.Want)
	}
}

// heldBy gives what a run holds, for the run that takes it back.
func (in *Installation) heldBy(run string) ([]plan.Ending, error) {
	list, err := holds.List(in.FS, in.State)
	var out []plan.Ending
	for _, f := range list {
		switch {
		case f.Err != nil:
			err = errors.Join(err, f.Err)
		case f.Run == run && f.Earlier != nil:
			out = append(out, plan.Ending{HoldParams: f.Hold, Run: run, Was: "what run " + f.Earlier.Run + " holds it at"})
		case f.Run == run:
			out = append(out, plan.Ending{HoldParams: f.Hold, Run: run, Was: f.Was.String()})
		}
	}
	return out, err
}

// lookHolds finds what is held for too long.
func lookHolds(ctx context.Context, c *consultation) ([]Symptom, error) {
	list, err := c.Holds(ctx)
	var out []Symptom
	for _, h := range list {
		s := Symptom{ID: "hold." + h.ID, Text: fmt.Sprintf("%s is still held at %s, though the end of that has come", h.What, h.To)}
		switch {
		case h.Error != "":
			s.Text, s.Error = "could not find out whether a hold is past its end: "+h.ID, h.Error
		case !h.Due:
			continue
		case h.Evidence != "":
			s.Evidence = h.Evidence
		default:
			s.Evidence = fmt.Sprintf("run %s holds it until %s, which was on %s", h.Run, h.Until, h.Ends.Local().Format("2006-01-02 15:04"))
		}
		if s.Error == "" {
			s.Try = []Remedy{{Upkeep: []string{"holds", "end", h.ID}, Text: "gives it back what it had: " + h.Was},
				{Upkeep: []string{"holds", "end", "--keep", h.ID}, Text: "leaves it as it is, for good", Choice: true}}
		}
		out = append(out, s)
	}
	return out, err
}

// isHeld says that the register has a service: it is stopped on purpose.
func (c *consultation) isHeld(service string) bool {
	return slices.ContainsFunc(c.status.Holds, func(h Hold) bool { return h.ID == "service."+service })
}
