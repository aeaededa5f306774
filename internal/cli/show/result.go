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
func Result(o Outcome, width Paper) string {
	var b strings.Builder
	head := func(mark, text string) { b.WriteString(wrap(bold.Render(one(text)), mark+" ", "  ", width)) }
	product := o.Plan.Subject()
	switch closed := o.State.Closed; {
	case o.Waiting != nil:
		b.WriteString(waiting(o, width))
	case closed == nil:
		head(blue.Render("▸"), fmt.Sprintf("run %s goes on", o.ID))
	case closed.Result == run.ResultOld:
		b.WriteString(reason(o, width))
		if o.Plan.First() {
			head(yellow.Render("↩"), fmt.Sprintf("%s is not installed: all that was made is taken away again", product))
			for _, l := range remains(o) {
				b.WriteString(wrap(one(l), "  - ", "    ", width))
			}
			break
		}
		if left := remains(o); len(left) > 0 {
			head(yellow.Render("↩"), fmt.Sprintf("%s is back on %s, all but this:", product, closed.Version))
			for _, l := range left {
				b.WriteString(wrap(one(l), "  - ", "    ", width))
			}
			break
		}
		head(yellow.Render("↩"), fmt.Sprintf("%s is back on %s, exactly as it was", product, closed.Version))
	case closed.Result == run.ResultMilestone:
		b.WriteString(reason(o, width))
		head(green.Render("✓"), fmt.Sprintf("%s is on %s, verified and open", product, closed.Version))
	case len(closed.Work) > 0:
		head(yellow.Render("!"), fmt.Sprintf("%s is on %s, %s; work remains", product, closed.Version, standing(o)))
		for _, id := range closed.Work {
			b.WriteString(wrap(one(id+": "+o.State.Step(id).Last.Error), "  - ", "    ", width))
		}
	default:
		head(green.Render("✓"), fmt.Sprintf("%s is on %s, verified", product, closed.Version))
	}
	if list := edited(installedFiles(o.Plan, o.State), width); list != "" {
		b.WriteString("\n" + strings.TrimSuffix(list, "\n"))
	}
	b.WriteString("\n" + facts(o, width).pairs("  ", o.Command+" ", width))
	return b.String()
}

// standing says how the new version stands when steps behind the barrier were
// passed over: where the barrier lies before the start, so does what proves it.
func standing(o Outcome) string {
	for _, id := range o.State.Closed.Work {
		if s, _ := o.Plan.Find(id); s.Class == plan.Check {
			return "not verified"
		} else if s.Up {
			return "maybe not open"
		}
	}
	if o.State.Out() {
		return "verified, but not open"
	}
	return "verified and open"
}

// remains lists what a way back has left as it was not: steps that nothing
// takes back, and those that a person vouched for.
func remains(o Outcome) []string {
	var out []string
	for _, s := range o.Plan.Steps {
		switch st := o.State.Steps[s.ID]; {
		case st == nil || !st.Touched:
		case s.Undo == "none":
			out = append(out, fmt.Sprintf("%s (%s): nothing takes it back", s.Title, s.ID))
		case st.Status == run.Undone && !st.Last.OK:
			out = append(out, fmt.Sprintf("%s (%s): a person vouched for it", s.Title, s.ID))
		}
	}
	return out
}

func facts(o Outcome, width Paper) rows {
	took := Duration(o.Now.Sub(o.State.OpenedAt)) + " so far"
	if o.State.Closed != nil {
		took = Duration(o.State.ClosedAt.Sub(o.State.OpenedAt))
	}
	outage := width.Word("none")
	if d := o.State.Outage(o.Now); d > 0 {
		outage = Duration(d)
		if o.State.Closed == nil {
			outage += " so far"
		}
		if o.Forecast > 0 {
			outage += faint.Render(" (forecast " + Duration(o.Forecast) + ")")
		}
	}
	route := way(o.Plan.From, o.Plan.To)
	if o.Plan.First() {
		route = "install " + way(o.Plan.To)
	}
	list := rows{{faint.Render(width.Word("run")), fmt.Sprintf("%s, %s", o.ID, route)}, {faint.Render(width.Word("time")), took}}
	if !o.Plan.First() {
		list = append(list, []string{faint.Render(width.Word("outage")), outage})
	}
	switch v := o.Plan.Vouch; {
	case v == nil:
	case v.Unsigned != "":
		list = append(list, []string{yellow.Render("not signed"), one("nobody vouches for the bundle (" + v.Unsigned + ")")})
	case len(v.Signers) > 0:
		list = append(list, []string{faint.Render(width.Word("signed")), one(fmt.Sprintf("for %s by the key %s", o.Plan.Trigger, v.Keys()))})
	default:
		list = append(list, []string{faint.Render(width.Word("signed")), one(fmt.Sprintf("by the feed %s (root %.12s)", v.Feed, v.Root))})
	}
	for _, p := range o.Points {
		list = append(list, []string{faint.Render("restore point"), one(p)})
	}
	for _, e := range editedFiles(o) {
		list = append(list, []string{faint.Render("edited file"), one(e)})
	}
	list = append(list, []string{faint.Render(width.Word("log")), one(o.Command + " runs log " + o.ID)})
	if closed := o.State.Closed; o.Plan.Support != "" && (closed == nil || closed.Result != run.ResultNew) {
		list = append(list, []string{faint.Render(width.Word("support")), one(o.Plan.Support)})
	}
	if n := next(o); n != "" {
		list = append(list, []string{faint.Render(width.Word("next")), one(n)})
	}
	return list
}

// next is what to do after this screen; empty when the screen says it above.
func next(o Outcome) string {
	switch closed := o.State.Closed; {
	case o.Waiting != nil:
		return ""
	case closed == nil:
		return o.Command + " resume"
	case closed.Result != run.ResultNew && o.Plan.First():
		return "mend what the reason names, then " + o.Command + " install again"
	case closed.Result == run.ResultOld && o.State.Why != nil && o.State.Why.By != "plan":
		return o.Command + " upgrade, when you want it again"
	case closed.Result != run.ResultNew:
		return "mend what the reason names, then " + o.Command + " upgrade again"
	case len(closed.Work) > 0:
		return "see to what remains: the run does not try it again"
	}
	return o.Command + " status"
}

// reason says first why a run went back.
func reason(o Outcome, width Paper) string {
	why := o.State.Why
	if why == nil {
		return ""
	}
	if why.By != "plan" {
		return wrap(one(fmt.Sprintf("%s cancelled it: %s", why.By, why.Why)), red.Render("✗")+" ", "  ", width)
	}
	step, _ := o.Plan.Find(why.Step)
	what := "the upgrade"
	if o.Plan.First() {
		what = "the installation"
	}
	first := fmt.Sprintf("%s failed at step %s (%s)", what, why.Step, step.Title)
	text := wrap(one(first), red.Render("✗")+" ", "  ", width) + Wrap(why.Why, "    ", width)
	if now := o.State.Step(why.Step).Last.Now; now != "" {
		text += wrap(one(now), "  → ", "    ", width)
	}
	return text
}

// waiting says what a person must decide, and what each choice means.
func waiting(o Outcome, width Paper) string {
	var b strings.Builder
	s := o.Waiting.Step
	st := o.State.Step(s.ID)
	b.WriteString(wrap(bold.Render(one(fmt.Sprintf("run %s waits for your decision at step %s", o.ID, s.ID))), yellow.Render("!")+" ", "  ", width))
	b.WriteString(wrap(one(s.Title), "  ", "  ", width))
	b.WriteString(Wrap(st.Last.Error, "    ", width))
	if st.Last.Evidence != "" && !strings.Contains(st.Last.Error, st.Last.Evidence) {
		b.WriteString(wrap(one("seen: "+st.Last.Evidence), "    ", "    ", width))
	}
	if st.Last.Now != "" {
		b.WriteString(wrap(one(st.Last.Now), "  → ", "    ", width))
	}
	b.WriteString("\n" + wrap(one(users(o)), "  ", "  ", width) + "\n")
	if o.State.Mode != run.Backing && s.Task != nil || o.State.Mode == run.Backing && s.TaskBack != nil {
		b.WriteString(wrap(bold.Render(one(o.Command+" done "+s.ID)), "  ", "    ", width))
		b.WriteString(wrap("it is done by now: the run looks whether it is, and goes on", "      ", "      ", width))
	}
	for _, c := range o.Waiting.Choices {
		b.WriteString(wrap(bold.Render(one(Command(o, c))), "  ", "    ", width))
		b.WriteString(wrap(one(Meaning(o.State, s, c)), "      ", "      ", width))
	}
	return b.String()
}

// users says what the product's users notice meanwhile.
func users(o Outcome) string {
	d := o.State.Outage(o.Now)
	switch {
	case o.State.Plan.First() && !o.State.Barrier:
		return "Nobody uses it yet. Everything stays as it is until you decide."
	case d == 0:
		return "Users are served meanwhile."
	case !o.State.Out():
		return "Users are served again."
	}
	return fmt.Sprintf("Users have not been served for %s. Everything stays as it is until you decide.", Duration(d))
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
		if s.Plan.First() {
			return "undo everything: all that was made is taken away again"
		}
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
