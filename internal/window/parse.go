package window

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// names of the weekdays, by time.Weekday.
func names() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// ParseDays reads weekdays: mon-fri, sat, or several with commas; a range may go
// over the end of the week.
func ParseDays(text string) (Days, error) {
	var out Days
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			to = from
		}
		a, b := slices.Index(names(), from), slices.Index(names(), to)
		if a < 0 || b < 0 {
			return Days{}, fmt.Errorf("%q are no weekdays", text)
		}
		for n := a; ; n = (n + 1) % 7 {
			out[n] = true
			if n == b {
				break
			}
		}
	}
	return out, nil
}

// String gives the weekdays as ParseDays reads them; empty for all.
func (d Days) String() string {
	if d == (Days{}) || d == (Days{true, true, true, true, true, true, true}) {
		return ""
	}
	var parts []string
	for n := range 7 { // from Monday on
		a := (n + 1) % 7
		if !d[a] || n > 0 && d[(a+6)%7] {
			continue
		}
		b := a
		for b != 0 && d[(b+1)%7] {
			b = (b + 1) % 7
		}
		text := names()[a]
		if b != a {
			text += "-" + names()[b]
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// ParseClock reads a time of day, HH:MM, in minutes after midnight.
func ParseClock(text string) (int, error) {
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != 5 {
		return 0, fmt.Errorf("%q is no time of day such as 22:00", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// ParseSpan reads a time of every day: 22:00-04:00.
func ParseSpan(text string) (Span, error) {
	a, b, ok := strings.Cut(text, "-")
	from, err := ParseClock(a)
	to, err2 := ParseClock(b)
	if !ok || err != nil || err2 != nil || from == to {
		return Span{}, fmt.Errorf("%q are no two times of day such as 22:00-04:00", text)
	}
	return Span{From: from, To: to}, nil
}

// ParseDay reads a day, 2026-12-24, or a time of it, 2026-12-24T18:00. end says that
// a day alone stands for its end.
func ParseDay(text string, end bool) (Day, error) {
	t, err := time.Parse(time.DateOnly, text)
	whole := err == nil
	if !whole {
		t, err = time.Parse("2006-01-02T15:04", strings.Replace(text, " ", "T", 1))
	}
	if err != nil {
		return Day{}, fmt.Errorf("%q is no day such as 2026-12-24 and no time such as 2026-12-24T18:00", text)
	}
	d := Day{t.Year(), t.Month(), t.Day(), t.Hour()*60 + t.Minute()}
	if whole && end {
		d.Minutes = 24 * 60
	}
	return d, nil
}

// ErrSkipped says that clocks never show a time.
var ErrSkipped = errors.New("clocks are put forward then, and never show that time")

// ParseMoment reads a moment after now: 02:00 is the next time that clocks show it,
// 2026-12-01T02:00 the first time, and a time with an offset (RFC 3339) is itself.
// next stands for the first open time in which so much is left.
func (t Times) ParseMoment(text string, now time.Time, need time.Duration) (time.Time, error) {
	if text == "next" {
		i, ok := t.Next(now, need)
		if !ok {
			return time.Time{}, errors.New("no window opens for long enough")
		}
		return i.From, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.In(t.Zone), nil
	}
	if m, err := ParseClock(text); err == nil {
		y, month, d := now.In(t.Zone).Date()
		for n := range 3 { // tomorrow's may be skipped
			day := time.Date(y, month, d+n, 0, 0, 0, 0, time.UTC)
			at := t.moment(Day{day.Year(), day.Month(), day.Day(), m})
			if at.After(now) && at.Hour()*60+at.Minute() == m {
				return at, nil
			}
		}
	}
	var seconds time.Duration
	plain := strings.Replace(text, " ", "T", 1)
	if len(plain) == len("2006-01-02T15:04:05") {
		at, err := time.Parse("2006-01-02T15:04:05", plain)
		if err != nil {
			return time.Time{}, fmt.Errorf("%q is no time", text)
		}
		seconds, plain = time.Duration(at.Second())*time.Second, plain[:len("2006-01-02T15:04")]
	}
	d, err := ParseDay(plain, false)
	if err != nil || !strings.Contains(plain, "T") {
		return time.Time{}, fmt.Errorf("%q is no time: say 02:00, 2026-12-01T02:00, or next for the next window", text)
	}
	at := t.moment(d)
	if at.Hour()*60+at.Minute() != d.Minutes {
		return time.Time{}, fmt.Errorf("%s: %w", text, ErrSkipped)
	}
	return at.Add(seconds), nil
}
