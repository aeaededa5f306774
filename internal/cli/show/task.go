package show

import (
	"fmt"
	"strings"
	"time"

	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// Task is a task of a person with what is known of it.
type Task struct {
	manage.Task
	Lacks string `json:"lacks,omitempty"` // what must prove it reads otherwise
	State string `json:"state"`           // open, done, later
}

// Tasks lists the tasks of a run: the one that it waits for, those that were
// done, and those that come later.
func Tasks(r *manage.Run, lacks string) []Task {
	var out []Task
	open := r.Task()
	for _, s := range r.Plan.Steps {
		st := r.State.Steps[s.ID]
		switch {
		case open != nil && open.ID == s.ID:
			out = append(out, Task{*open, lacks, "open"})
		case s.Task == nil:
		case st != nil && st.Status == run.Done:
			t := manage.TaskAt(s, run.Do, r.State)
			out = append(out, Task{*t, "", "done"})
		case r.State.Mode == run.Going && r.State.Closed == nil:
			out = append(out, Task{manage.Task{Task: *s.Task, ID: s.ID, Run: r.ID, Dir: run.Do}, "", "later"})
		}
	}
	return out
}

// TaskList renders tasks.
func TaskList(list []Task, command string, now time.Time, width Paper) string {
	if len(list) == 0 {
		return "Nobody is asked to do anything.\n"
	}
	var b strings.Builder
	for _, t := range list {
		switch t.State {
		case "open":
			b.WriteString(OpenTask(&t.Task, t.Lacks, command, now, width))
		case "done":
			who := ""
			if t.Said != nil {
				who = fmt.Sprintf(", says %s at %s", t.Said.By, t.Said.At.Local().Format("15:04:05"))
				if t.Said.Note != "" {
					who += ": " + t.Said.Note
				}
			}
			b.WriteString(wrap(one(t.ID+": "+t.Text)+" "+faint.Render(one("— done"+who)), green.Render("✓")+" ", "  ", width))
		default:
			b.WriteString(wrap(one(t.ID+": "+t.Text)+" "+faint.Render("— the run asks for it later"), faint.Render("·")+" ", "  ", width))
		}
	}
	return b.String()
}

// OpenTask shows the one task that a run waits for, big and calm: what is to
// be done, until when, and the line to type afterwards.
func OpenTask(t *manage.Task, lacks, command string, now time.Time, width Paper) string {
	var b strings.Builder
	head := "A task for a person: " + t.ID
	switch {
	case t.Late:
		head += ", not done in time"
	case !t.Until.IsZero():
		head += fmt.Sprintf(", until %s", Moment(t.Until, now))
	}
	b.WriteString("\n" + wrap(bold.Render(one(head)), blue.Render("☞")+" ", "  ", width) + "\n")
	b.WriteString(wrap(bold.Render(one(t.Text)), "    ", "    ", width))
	b.WriteString(about(&t.Task, "    ", width))
	if lacks != "" {
		b.WriteString(wrap(one("Not yet: "+lacks), "    ", "    ", width))
	}
	b.WriteString("\n")
	switch {
	case t.Said != nil:
		b.WriteString(wrap(one(fmt.Sprintf("%s said at %s that it is done; the run looks whether it is.", t.Said.By, t.Said.At.Local().Format("15:04:05"))), "  ", "  ", width))
	case t.Auto:
		b.WriteString(wrap("The run sees by itself when it is done.", "  ", "  ", width))
	default:
		b.WriteString("  When it is done:  " + bold.Render(one(command+" done "+t.ID)) + faint.Render("  [--note WHAT] [--by NAME]") + "\n")
	}
	if t.Run != "" && !t.Late {
		wait := "The run waits; this terminal may be closed."
		if t.Closed {
			wait = "Users are kept out meanwhile. " + wait
		}
		if !t.Until.IsZero() {
			wait += " After that time nothing is undone by itself: the run asks you for a decision."
		}
		b.WriteString(wrap(wait, "  ", "  ", width))
	}
	return b.String() + "\n"
}

// about says what belongs to a task: where more is said, who may do it, how
// it is recognised.
func about(t *plan.Task, indent string, width Paper) string {
	var b strings.Builder
	if t.Reference != "" {
		b.WriteString(wrap(one("See "+t.Reference+"."), indent, indent, width))
	}
	if t.Privilege != "" {
		b.WriteString(wrap(one("It needs the rights of: "+t.Privilege+"."), indent, indent, width))
	}
	if len(t.Proof) > 0 {
		b.WriteString(wrap(one("It counts as done only when "+t.Proves()+"."), indent, indent, width))
	}
	return b.String()
}

// Moment writes a time of today as the clock has it, and another day's with
// its date.
func Moment(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}
