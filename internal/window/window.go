// Package window says when runs may begin: spans of weekdays in a time zone, less
// freezes. It is part of the model: it has no clock, and imports the pure part of
// the standard library only.
package window

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Days are weekdays, by time.Weekday; none stands for all.
type Days [7]bool

// Span is a time of day on some weekdays.
type Span struct {
	Days     Days // on which it begins
	From, To int  // minutes after midnight; To not after From: on the next day
}

// Day is a day of the calendar with a time.
type Day struct {
	Year    int
	Month   time.Month
	Day     int
	Minutes int // after midnight, at most 24*60
}

// Freeze is a time in which nothing begins.
type Freeze struct {
	From, Until Day
	Why         string
}

// Times are when runs may begin.
type Times struct {
	Zone    *time.Location
	Spans   []Span // none: always
	Freezes []Freeze
}

// Ahead is how far the future is looked at.
const Ahead = 400 * day

// Interval is a time that is open. A zero end: for as long as anybody can tell.
type Interval struct{ From, Until time.Time }

// Holds says whether a moment lies in it.
func (i Interval) Holds(t time.Time) bool {
	return !t.Before(i.From) && (i.Until.IsZero() || t.Before(i.Until))
}

// Lasts says whether so much of it is left from a moment on.
func (i Interval) Lasts(from time.Time, need time.Duration) bool {
	return i.Until.IsZero() || !from.Add(need).After(i.Until)
}

// Bound says whether there is any time at which nothing may begin.
func (t Times) Bound() bool { return len(t.Spans) > 0 || len(t.Freezes) > 0 }

// At gives the open time that holds at a moment; false when it is closed then.
func (t Times) At(now time.Time) (Interval, bool) {
	for _, i := range t.open(now, day) {
		if i.Holds(now) {
			return i, true
		}
	}
	return Interval{}, false
}

// Next gives the first time from a moment on, the one that holds then as well, in
// which so much is left; false when there is none in the time that is looked at.
func (t Times) Next(now time.Time, need time.Duration) (Interval, bool) {
	for _, ahead := range []time.Duration{2 * day, 16 * day, Ahead} {
		for _, i := range t.open(now, ahead) {
			if i.From.Before(now) {
				i.From = now
			}
			if (i.Until.IsZero() || i.Until.After(i.From)) && i.Lasts(i.From, need) {
				return i, true
			}
		}
	}
	return Interval{}, false
}

// Frozen gives the freeze that holds at a moment; nil when none does.
func (t Times) Frozen(now time.Time) *Freeze {
	for _, f := range t.Freezes {
		if t.interval(f).Holds(now) {
			return &f
		}
	}
	return nil
}

func (t Times) interval(f Freeze) Interval {
	return Interval{t.moment(f.From), t.moment(f.Until)}
}

// open lists the open times that begin until so long after now, in order and apart.
func (t Times) open(now time.Time, ahead time.Duration) []Interval {
	first := now.Add(-2 * day)
	list := []Interval{{From: first}}
	if len(t.Spans) > 0 {
		list = t.spans(first, now.Add(ahead))
	}
	for _, f := range t.Freezes {
		list = without(list, t.interval(f))
	}
	return list
}

// spans lists the spans that begin between two moments, those that meet as one.
func (t Times) spans(first, last time.Time) []Interval {
	var list []Interval
	y, m, d := first.In(t.Zone).Date()
	for n := range int(last.Add(chain).Sub(first)/day) + 2 {
		date := time.Date(y, m, d+n, 0, 0, 0, 0, time.UTC) // no moment
		for _, s := range t.Spans {
			if s.Days != (Days{}) && !s.Days[date.Weekday()] {
				continue
			}
			ends := s.To
			if s.To <= s.From {
				ends += 24 * 60
			}
			from, until := t.moment(dayOf(date, s.From)), t.moment(dayOf(date, ends))
			if until.After(from) {
				list = append(list, Interval{from, until})
			}
		}
	}
	slices.SortFunc(list, func(a, b Interval) int { return a.From.Compare(b.From) })
	var out []Interval
	for _, i := range list {
		if n := len(out) - 1; n >= 0 && !i.From.After(out[n].Until) {
			if i.Until.After(out[n].Until) {
				out[n].Until = i.Until
			}
			continue
		}
		if !i.From.Before(last) {
			break
		}
		out = append(out, i)
	}
	for n := range out {
		if out[n].Until.Sub(out[n].From) > chain { // and so in every week
			out[n].Until = time.Time{}
		}
	}
	return out
}

const (
	day   = 24 * time.Hour
	chain = 8 * day // more than what spans of a week can make together without being always
)

// dayOf is a time of a date, also one behind its end.
func dayOf(date time.Time, minutes int) Day {
	date = date.AddDate(0, 0, minutes/(24*60))
	return Day{date.Year(), date.Month(), date.Day(), minutes % (24 * 60)}
}

// without takes a time out of others.
func without(list []Interval, cut Interval) []Interval {
	var out []Interval
	for _, i := range list {
		if !i.Until.IsZero() && !i.Until.After(cut.From) || !cut.Until.After(i.From) {
			out = append(out, i)
			continue
		}
		if i.From.Before(cut.From) {
			out = append(out, Interval{i.From, cut.From})
		}
		if i.Until.IsZero() || cut.Until.Before(i.Until) {
			out = append(out, Interval{cut.Until, i.Until})
		}
	}
	return out
}

// moment is the first at which the clocks of the zone show a time or, where they
// leap over it, a later one.
func (t Times) moment(d Day) time.Time { return Moment(t.Zone, d) }

// Moment is the first moment at which the clocks of a zone show a time or, where
// they leap over it, a later one.
func Moment(zone *time.Location, d Day) time.Time {
	shown := time.Date(d.Year, d.Month, d.Day, 0, d.Minutes, 0, 0, time.UTC)
	for at := shown.Add(-26 * time.Hour).In(zone); ; {
		_, offset := at.Zone()
		begins, ends := at.ZoneBounds()
		is := shown.Add(-time.Duration(offset) * time.Second)
		if !begins.IsZero() && is.Before(begins) {
			return begins.In(zone)
		}
		if ends.IsZero() || is.Before(ends) {
			return is.In(zone)
		}
		at = ends.In(zone)
	}
}

// String says the times as people would.
func (t Times) String() string {
	var parts []string
	for _, s := range t.Spans {
		parts = append(parts, s.String())
	}
	if len(parts) == 0 {
		parts = []string{"at any time"}
	}
	text := strings.Join(parts, ", ")
	if name := t.Zone.String(); name != "Local" && len(t.Spans) > 0 {
		text += " (" + name + ")"
	}
	return text
}

// String says the span: mon-fri 22:00-04:00.
func (s Span) String() string {
	text := clock(s.From) + "-" + clock(s.To)
	if days := s.Days.String(); days != "" {
		text = days + " " + text
	}
	return text
}

func clock(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }
