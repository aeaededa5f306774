package console

import (
	"fmt"
	"time"
)

// dur writes how long something takes or took.
func (l *language) dur(d time.Duration) string {
	switch {
	case d < 0:
		return "−" + l.dur(-d)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return l.decimal(d.Seconds(), 1) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()+0.5))
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}

// decimal writes a number with the language's mark.
func (l *language) decimal(x float64, digits int) string {
	text := []byte(fmt.Sprintf("%.*f", digits, x))
	for i, c := range text {
		if c == '.' && l.texts["format.decimal"] != "" {
			return string(text[:i]) + l.texts["format.decimal"] + string(text[i+1:])
		}
	}
	return string(text)
}

// size writes a number of bytes.
func (l *language) size(n int64) string {
	const k = 1000
	if n < k {
		return l.n("format.bytes", int(n))
	}
	x, units := float64(n), []string{"kB", "MB", "GB", "TB", "PB"}
	unit := ""
	for _, unit = range units {
		if x /= k; x < k-0.5 {
			break
		}
	}
	unit = l.says.Unit(unit)
	if x < 10 {
		return l.decimal(x, 1) + " " + unit
	}
	return l.decimal(x, 0) + " " + unit
}

// at writes a moment, in the time of the computer.
func (l *language) at(t time.Time) string {
	if t.IsZero() {
		return l.t("format.never")
	}
	return t.In(l.zone).Format("2006-01-02 15:04")
}

// clock writes the time of a day.
func (l *language) clock(t time.Time) string { return t.In(l.zone).Format("15:04:05") }

// iso is a moment for machines.
func iso(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// ago says how long ago something was, in one unit.
func (l *language) ago(t time.Time) string {
	d := l.now().Sub(t)
	switch {
	case t.IsZero():
		return l.t("format.never")
	case d < time.Minute:
		return l.t("format.now")
	case d < time.Hour:
		return l.n("format.minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return l.n("format.hours", int(d.Hours()))
	}
	return l.n("format.days", int(d.Hours()/24))
}
