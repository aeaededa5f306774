package requirements

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// State is how far a row is proven.
type State string

// The states of a row.
const (
	Open    State = "open"
	Proven  State = "proven"
	StandIn State = "stand-in" // proven with something standing in for what cannot run here
)

// Line is what the report says about one row.
type Line struct {
	Row   Row
	State State
	Tests []string // that prove it, or why it is open although tests name it
}

// Report is the state of every row.
type Report struct {
	Lines  []Line
	Failed []*Test  // tests that name a row and failed
	Wrong  []string // names of rows that do not exist, and what broke outside of tests
}

// Judge gives the state of every row. A row is proven when all tests that name
// it have passed and at least one of them needed no stand-in.
func Judge(rows []Row, tests *Tests) Report {
	rep := Report{Wrong: slices.Clone(tests.Broken)}
	known := map[string]bool{}
	for _, r := range rows {
		known[r.ID] = true
	}
	byRow := map[string][]*Test{}
	for _, t := range tests.All {
		ids, _ := Named(t.Name)
		for _, id := range ids {
			if !known[id] {
				rep.Wrong = append(rep.Wrong, fmt.Sprintf("%s names %s, and there is no such row", t.Name, id))
				continue
			}
			byRow[id] = append(byRow[id], t)
		}
		if t.Verdict == Failed && (len(ids) > 0 || died(t, tests)) {
			rep.Failed = append(rep.Failed, t)
		}
	}
	for _, r := range rows {
		rep.Lines = append(rep.Lines, judge(r, byRow[r.ID]))
	}
	return rep
}

var table = regexp.MustCompile(Pattern)

// died says that a table test has failed by itself and not by one of its
// cases: then some of them may never have run.
func died(t *Test, tests *Tests) bool {
	return table.MatchString(t.Name) && !slices.ContainsFunc(tests.All, func(c *Test) bool {
		return c.Verdict == Failed && strings.HasPrefix(c.Name, t.Name+"/")
	})
}

func judge(r Row, tests []*Test) Line {
	l := Line{Row: r, State: Open}
	var plain, standIn []string
	for _, t := range tests {
		if t.Verdict != Passed {
			l.Tests = append(l.Tests, fmt.Sprintf("%s %s", t.Name, t.Verdict))
			continue
		}
		if _, with := Named(t.Name); with {
			standIn = append(standIn, t.Name)
		} else {
			plain = append(plain, t.Name)
		}
	}
	switch {
	case len(l.Tests) > 0:
	case len(plain) > 0:
		l.State, l.Tests = Proven, plain
	case len(standIn) > 0:
		l.State, l.Tests = StandIn, standIn
	}
	return l
}

// OK says whether nothing failed. Open rows are no failure.
func (rep Report) OK() bool { return len(rep.Failed) == 0 && len(rep.Wrong) == 0 }

// Write prints one line a row, and last how many are proven and how many more
// with a stand-in.
func (rep Report) Write(w io.Writer) error {
	var b strings.Builder
	proven, standIn := 0, 0
	for _, l := range rep.Lines {
		fmt.Fprintf(&b, "%s %s", l.Row.ID, l.State)
		switch l.State {
		case Proven:
			proven++
		case StandIn:
			standIn++
		}
		switch {
		case l.State == Open && len(l.Tests) > 0:
			fmt.Fprintf(&b, " (%s)", strings.Join(l.Tests, ", "))
		case len(l.Tests) > 0:
			fmt.Fprintf(&b, " %s", strings.Join(l.Tests, " "))
		}
		b.WriteByte('\n')
	}
	for _, wrong := range rep.Wrong {
		fmt.Fprintf(&b, "! %s\n", wrong)
	}
	for _, t := range rep.Failed {
		fmt.Fprintf(&b, "! %s failed\n", t.Name)
	}
	fmt.Fprintf(&b, "%d of %d proven, %d by stand-in\n", proven, len(rep.Lines), standIn)
	_, err := io.WriteString(w, b.String())
	return err
}
