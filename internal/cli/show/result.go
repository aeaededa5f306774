package show

import (
	"fmt"
	"strings"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// Outcome is what the last screen of a run needs.
type Outcome struct {
	ID       string
	Plan     *plan.Plan
	State    *run.State
	Waiting  *run.Action
	Forecast time.Duration // of the outage; 0 when there was none
	Points   []string      // restore points of the run
	Command  string        // how upkeep is called for this installation
	Now      time.Time
}

// Result renders the one screen at the end: what is true now, why, how long
// it took, where things are, what to do next.
func Result(o Outcome, width int) string {
	var b strings.Builder
	switch {
	case o.Waiting != nil:
		b.WriteString(waiting(o, width))
	case o.State.Closed == nil:
		fmt.Fprintf(&b, "%s\n", Running(fmt.Sprintf("run %s goes on", o.ID)))
	case o.State.Closed.Result == run.ResultOld:
		b.WriteString(reason(o, width))
		b.WriteString(Back(bold.Render(fmt.Sprintf("%s is back on %s, exactly as it was", Clean(o.Plan.Product), o.State.Closed.Version))) + "\n")
	case o.State.Closed.Result == run.ResultMilestone:
		b.WriteString(reason(o, width))
		b.WriteString(Good(bold.Render(fmt.Sprintf("%s is on %s, verified and open", Clean(o.Plan.Product), o.State.Closed.Version))) + "\n")
	case len(o.State.Closed.Work) > 0:
		b.WriteString(Careful(bold.Render(fmt.Sprintf("%s is on %s, verified and open; work remains", Clean(o.Plan.Product), o.State.Closed.Version))) + "\n")
		for _, id := range o.State.Closed.Work {
			b.WriteString(wrap(Clean(o.State.Step(id).Last.Error), "    "+id+": ", "      ", width))
		}
	default:
		b.WriteString(Good(bold.Render(fmt.Sprintf("%s is on %s, verified", Clean(o.Plan.Product), o.State.Closed.Version))) + "\n")
	}
	b.WriteString("\n" + columns("  ", facts(o)))
	return b.String()
}

func facts(o Outcome) [][]string {
	end := o.Now
	if o.State.Closed != nil {
		end = o.State.ClosedAt
	}
	took := Duration(end.Sub(o.State.OpenedAt))
	outage := "none"
	if d := o.State.Outage(o.Now); d > 0 {
		outage = Duration(d)
		if o.Forecast > 0 {
			outage += faint.Render(" (forecast " + Duration(o.Forecast) + ")")
		}
	}
	rows := [][]string{{faint.Render("run"), fmt.Sprintf("%s, %s → %s, took %s", o.ID, o.Plan.From, o.Plan.To, took)}, {faint.Render("outage"), outage}}
	for _, p := range o.Points {
		rows = append(rows, []string{faint.Render("restore point"), p})
	}
	rows = append(rows, []string{faint.Render("log"), o.Command + " runs log " + o.ID})
	for _, n := range next(o) {
		rows = append(rows, []string{faint.Render("next"), n})
	}
	return rows
}

func next(o Outcome) []string {
	switch {
	case o.Waiting != nil:
		return nil
	case o.State.Closed == nil:
		return []string{o.Command + " resume"}
	case o.State.Closed.Result == run.ResultOld:
		return []string{"mend what the reason names, then " + o.Command + " upgrade again"}
	case len(o.State.Closed.Work) > 0:
		return []string{"see the log for what remains"}
	}
	return []string{o.Command + " status"}
}

// reason says first why a run went back.
func reason(o Outcome, width int) string {
	why := o.State.Why
	if why == nil {
		return ""
	}
	if why.By != "plan" {
		return wrap(Clean(fmt.Sprintf("%s cancelled it: %s", why.By, why.Why)), red.Render("✗")+" ", "  ", width)
	}
	step, _ := o.Plan.Find(why.Step)
	first := fmt.Sprintf("the upgrade failed at step %s (%s)", why.Step, step.Title)
	text := wrap(Clean(first), red.Render("✗")+" ", "  ", width) + Wrap(why.Why, "    ", width)
	if now := o.State.Step(why.Step).Last.Now; now != "" {
		text += wrap(Clean(now), "  → ", "    ", width)
	}
	return text
}

// lines indents a text of several lines and makes it safe.
func lines(text, indent string) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		b.WriteString(indent + Clean(strings.TrimRight(l, "\n")) + "\n")
	}
	return b.String()
}

// waiting says what a person must decide, and what each choice means.
func waiting(o Outcome, width int) string {
	var b strings.Builder
	s := o.Waiting.Step
	st := o.State.Step(s.ID)
	b.WriteString(Careful(bold.Render(fmt.Sprintf("run %s waits for your decision at step %s", o.ID, s.ID))) + "\n")
	b.WriteString(wrap(Clean(s.Title), "  ", "  ", width))
	b.WriteString(Wrap(st.Last.Error, "    ", width))
	if st.Last.Evidence != "" && !strings.Contains(st.Last.Error, st.Last.Evidence) {
		b.WriteString(wrap(Clean("seen: "+st.Last.Evidence), "    ", "    ", width))
	}
	if st.Last.Now != "" {
		b.WriteString(wrap(Clean(st.Last.Now), "  → ", "    ", width))
	}
	b.WriteString("\n")
	for _, c := range o.Waiting.Choices {
		b.WriteString(fmt.Sprintf("  %s\n", bold.Render(Command(o, c))))
		b.WriteString(wrap(Meaning(o.State, s, c), "      ", "      ", width))
	}
	return b.String()
}

// Command is the line that makes a choice.
func Command(o Outcome, c run.Choice) string {
	if c == run.ChooseBack {
		return o.Command + " back"
	}
	return fmt.Sprintf("%s decide %s %s", o.Command, o.ID, c)
}

// Meaning says what a choice means for a step.
func Meaning(s *run.State, step plan.Step, c run.Choice) string {
	back := s.Mode == run.Backing
	switch c {
	case run.ChooseBack:
		return "undo everything: files, services and data go back to " + s.Plan.From
	case run.ChooseRetry:
		if back {
			return "try to take the step back once more"
		}
		return "do the step again, from whatever is there now"
	case run.ChooseSkip:
		return "go on without it; the run ends with this step listed as work that remains"
	case run.ChooseAccept:
		if back {
			return "you have put it back by hand, or vouch for it: go on with the way back"
		}
		return "you have looked, and the step has taken effect: go on"
	}
	return ""
}
