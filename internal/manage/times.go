package manage

import (
	"fmt"
	"strings"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/window"
)

// timeForm is how moments are written to people who may be in another zone.
const timeForm = "Mon 2 Jan 2006 15:04 MST"

// zone is the time zone of the installation's windows.
func (in *Installation) zone() (*time.Location, error) {
	if in.Doc.TimeZone == "" {
		return time.Local, nil
	}
	z, err := time.LoadLocation(in.Doc.TimeZone)
	if err != nil {
		return nil, &step.UserError{Msg: fmt.Sprintf("there is no time zone %q, which %s names", in.Doc.TimeZone, in.Path), Now: "write one such as Europe/Paris, or UTC"}
	}
	return z, nil
}

// Times are when upgrades may begin.
func (in *Installation) Times() (window.Times, error) {
	z, err := in.zone()
	if err != nil {
		return window.Times{}, err
	}
	return in.Doc.Times(z), nil
}

// whenever has it begin at any time, and notes why.
func (p *Prepared) whenever(req Request) []string {
	if p.anyTime = strings.TrimSpace(req.Outside) != ""; !p.anyTime {
		return nil
	}
	return []string{fmt.Sprintf("%s%s: %s", outsideNote, req.By, req.Outside)}
}

// outsideNote begins the note of a plan that begins at any time.
const outsideNote = "it begins whatever the windows say: "

// OutsideWindow gives who has had a plan begin whatever the windows say, and why;
// empty where nobody has.
func OutsideWindow(p *plan.Plan) string {
	for _, n := range p.Notes {
		if who, ok := strings.CutPrefix(n, outsideNote); ok {
			return who
		}
	}
	return ""
}

// MayBegin refuses an upgrade at a time when none may begin.
func (in *Installation) MayBegin(p *Prepared, at time.Time) error { return in.mayBegin(p, at) }

// mayBegin refuses an upgrade at a time when none may begin, and one that would not
// end before the window closes. Who goes past that has said why. What takes an
// upgrade back, and a first install, begin at any time.
func (in *Installation) mayBegin(p *Prepared, at time.Time) error {
	if p.anyTime || p.Plan.First() || p.Plan.Trigger == plan.TriggerBack {
		return nil
	}
	t, err := in.Times()
	if err != nil || !t.Bound() {
		return err
	}
	need := p.Forecast.Total
	i, open := t.At(at)
	if open && i.Lasts(at, need) {
		return nil
	}
	when := func(m time.Time) string { return m.In(t.Zone).Format(timeForm) }
	e := &RefusedError{What: "the upgrade cannot begin now"}
	if at.After(time.Now().Add(time.Minute)) {
		e.What = fmt.Sprintf("the upgrade cannot begin on %s", when(at))
	}
	frozen := t.Frozen(at)
	switch {
	case frozen != nil:
		e.Reasons = append(e.Reasons, "nothing is upgraded in this time: "+frozen.Why)
	case open:
		e.Reasons = append(e.Reasons, fmt.Sprintf("it takes about %s, and would not end before the window closes on %s", span(need), when(i.Until)))
	default:
		e.Reasons = append(e.Reasons, "upgrades begin "+t.String()+" only")
	}
	if next, ok := t.Next(at, need); ok {
		e.Reasons = append(e.Reasons, fmt.Sprintf("the next window for it opens on %s: say --at next, and it begins by itself then", when(next.From)))
	} else {
		e.Reasons = append(e.Reasons, fmt.Sprintf("no window of the next year is open for long enough (%s)", span(need)))
	}
	e.Reasons = append(e.Reasons, "to go past that knowingly, say why: --outside-window WHY; the windows stand in "+in.Path)
	return e
}

// span says a length of time for people.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d seconds", max(1, int(d.Round(time.Second)/time.Second)))
	case d < 90*time.Minute:
		if n := int(d.Round(time.Minute) / time.Minute); n != 1 {
			return fmt.Sprintf("%d minutes", n)
		}
		return "a minute"
	}
	d = d.Round(time.Minute)
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", int(d/time.Hour))
	}
	return fmt.Sprintf("%d h %02d min", int(d/time.Hour), int(d%time.Hour/time.Minute))
}

// When says how the times of an installation stand.
type When struct {
	Text    string    `json:"text"`            // the windows, for people
	Zone    string    `json:"zone"`            // of times of day
	Bound   bool      `json:"bound,omitempty"` // there are times at which no upgrade begins
	Open    bool      `json:"open"`            // one may begin now
	Until   time.Time `json:"until,omitzero"`  // when that ends
	Next    time.Time `json:"next,omitzero"`   // when one may begin again, where none may now
	Frozen  string    `json:"frozen,omitempty"`
	Freezes []Frozen  `json:"freezes,omitempty"` // that are not over
	Auto    string    `json:"automatic,omitempty"`
}

// Frozen is a freeze as its moments.
type Frozen struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	Why   string    `json:"why"`
}

// When gives it for a moment.
func (in *Installation) When(now time.Time) (When, error) {
	t, err := in.Times()
	if err != nil {
		return When{}, err
	}
	w := When{Text: t.String(), Zone: now.In(t.Zone).Format("MST"), Bound: t.Bound()}
	if in.Doc.TimeZone != "" {
		w.Zone = in.Doc.TimeZone
	}
	i, open := t.At(now)
	w.Open = open
	if !i.Until.IsZero() {
		w.Until = i.Until.In(t.Zone)
	}
	if !open {
		if next, ok := t.Next(now, 0); ok {
			w.Next = next.From.In(t.Zone)
		}
		if f := t.Frozen(now); f != nil {
			w.Frozen = f.Why
		}
	}
	for _, f := range t.Freezes {
		z := Frozen{window.Moment(t.Zone, f.From), window.Moment(t.Zone, f.Until), f.Why}
		if z.Until.After(now) {
			w.Freezes = append(w.Freezes, z)
		}
	}
	if between, _, ok := in.Doc.Automatic(t.Zone); ok {
		w.Auto = between.String()
		if len(between.Spans) == 0 {
			w.Auto = t.String()
		}
	}
	return w, nil
}
