package site

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Retention says which complete restore points stay: those that either rule
// keeps. Its zero value is the default.
type Retention struct {
	Last          int           `json:"last,omitempty"`          // so many of the newest
	For           time.Duration `json:"for,omitempty"`           // those that are not older
	UntilFinished bool          `json:"untilFinished,omitempty"` // none: only what a way back needs
}

// DefaultLast is how many restore points stay where nothing is said.
const DefaultLast = 3

// The most that a retention can say.
const (
	maxLast = 1000
	maxDays = 36500
)

var retentionWords = regexp.MustCompile(`^(?:(?:last )?([0-9]+)|([0-9]+) (day|days|week|weeks|month|months|year|years))$`)

// ParseRetention reads a retention in words: "until-finished", "3", "last 3",
// "30 days", "last 3, 30 days". A month has 31 days, a year 366: what was
// promised to be there is there.
func ParseRetention(text string) (Retention, error) {
	var r Retention
	if text == "until-finished" {
		return Retention{UntilFinished: true}, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		m := retentionWords.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return Retention{}, errors.New(`"keep" says how many restore points stay, or for how long`)
		}
		n, err := strconv.Atoi(m[1] + m[2])
		days := n
		switch strings.TrimSuffix(m[3], "s") {
		case "week":
			days = 7 * n
		case "month":
			days = 31 * n
		case "year":
			days = 366 * n
		}
		switch {
		case err != nil || n < 1 || m[1] != "" && n > maxLast || m[2] != "" && (n > maxDays || days > maxDays):
			return Retention{}, fmt.Errorf(`"keep" can be from 1 to %d, or up to %d days`, maxLast, maxDays)
		case m[1] != "" && r.Last > 0, m[2] != "" && r.For > 0:
			return Retention{}, errors.New(`"keep" says the same thing twice`)
		case m[1] != "":
			r.Last = n
		default:
			r.For = time.Duration(days) * 24 * time.Hour
		}
	}
	return r, nil
}

// Or gives the default where nothing is said.
func (r Retention) Or() Retention {
	if r == (Retention{}) {
		return Retention{Last: DefaultLast}
	}
	return r
}

// String says it in words that ParseRetention reads.
func (r Retention) String() string {
	r = r.Or()
	var words []string
	if r.Last > 0 {
		words = append(words, fmt.Sprintf("last %d", r.Last))
	}
	if days := int(r.For / (24 * time.Hour)); days == 1 {
		words = append(words, "1 day")
	} else if days > 0 {
		words = append(words, fmt.Sprintf("%d days", days))
	}
	if r.UntilFinished {
		return "until-finished"
	}
	return strings.Join(words, ", ")
}

// Stays says what stays, for people.
func (r Retention) Stays() string {
	r = r.Or()
	days := int(r.For / (24 * time.Hour))
	switch {
	case r.UntilFinished:
		return "that of this run"
	case r.Last > 0 && days > 0:
		return fmt.Sprintf("the last %d and those of the last %d days", r.Last, days)
	case days > 0:
		return fmt.Sprintf("those of the last %d days", days)
	}
	return fmt.Sprintf("the last %d", r.Last)
}

// Kept is a complete restore point, as far as retention goes by it.
type Kept struct {
	ID     string
	Run    string // that made it; empty: none did
	Timer  bool   // made by a timer; neither a run's nor a timer's: by a person
	Made   time.Time
	Proven bool // read whole, or restored and compared, after it was made
}

// Surplus names the restore points that are no longer kept at a time, the oldest
// first. Those of runs and those of a timer each count among themselves; what a
// person has made stays, and so does what needed names, and the newest proven
// one where no other of those that stay is proven.
func (r Retention) Surplus(points []Kept, now time.Time, needed ...string) []string {
	r = r.Or()
	points = slices.Clone(points)
	slices.SortStableFunc(points, func(a, b Kept) int { return b.Made.Compare(a.Made) }) // the newest first
	counted := map[bool]int{}
	var out []Kept
	proven := false
	for _, p := range points {
		ours := p.Run != "" || p.Timer
		if ours {
			counted[p.Timer]++
		}
		stays := !ours || slices.Contains(needed, p.ID) || counted[p.Timer] <= r.Last || r.For > 0 && now.Sub(p.Made) <= r.For
		if r.UntilFinished && p.Timer && counted[true] == 1 {
			stays = true // nothing else would be left of what the timer does
		}
		if stays {
			proven = proven || p.Proven
			continue
		}
		out = append(out, p)
	}
	if !proven {
		if i := slices.IndexFunc(out, func(p Kept) bool { return p.Proven }); i >= 0 {
			out = slices.Delete(out, i, i+1)
		}
	}
	var ids []string
	for _, p := range slices.Backward(out) {
		ids = append(ids, p.ID)
	}
	return ids
}
