package show

import (
	"fmt"
	"strings"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// UpToDate says that there is nothing to do.
func UpToDate(product, version string) string {
	return Good(fmt.Sprintf("%s is up to date: %s", Clean(product), Clean(version))) + "\n"
}

// Detached says that the person stopped watching, and what she can do.
func Detached(id, command string) string {
	return "\n" + Running(fmt.Sprintf("run %s goes on without this terminal", id)) + "\n\n" + columns("  ", [][]string{
		{faint.Render("watch again"), command + " resume"},
		{faint.Render("undo it"), command + " cancel"},
		{faint.Render("where it is"), command + " status"},
	})
}

// Refusal says why no plan is made.
func Refusal(r *plan.Refusal, width int) string {
	var b strings.Builder
	b.WriteString(Bad(bold.Render("the upgrade cannot start; nothing was changed")) + "\n")
	for _, reason := range r.Reasons {
		b.WriteString(wrap(Clean(reason), "  - ", "    ", width))
	}
	return b.String()
}

// CleanLines makes every line of a text safe for a terminal.
func CleanLines(text string) string {
	return strings.TrimRight(lines(text, ""), "\n")
}

// Status renders where an installation is.
func Status(s manage.Status, command string, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n\n", bold.Render(Clean(s.Product)), faint.Render(Clean(s.Document)))
	if s.Open != nil {
		b.WriteString(openRun(s, command, width) + "\n")
	}
	var rows [][]string
	for _, i := range s.Record {
		rows = append(rows, []string{Clean(i.Component), Clean(i.Version), faint.Render("as the last run left it")})
	}
	if len(rows) > 0 {
		b.WriteString(heading("Installed") + columns("  ", rows) + "\n")
	}
	if s.Last != nil {
		b.WriteString(heading("Last run") + columns("  ", [][]string{RunRow(*s.Last)}) + "\n")
	}
	if s.Open == nil && s.Last == nil {
		b.WriteString("  No upgrade was run with Upkeep yet.\n\n")
	}
	if s.Restoring != "" {
		b.WriteString(wrap((&manage.RestoringError{Point: s.Restoring}).Error(), yellow.Render("!")+" ", "  ", width))
	}
	for _, m := range s.Modes {
		b.WriteString(Careful(fmt.Sprintf("%s mode is on, and no run is open: %s mode normal ends it", m, command)) + "\n")
	}
	return b.String()
}

func openRun(s manage.Status, command string, width int) string {
	r := s.Open
	switch {
	case r.Waiting != nil:
		return Result(Outcome{ID: r.ID, Plan: r.Plan, State: r.State, Waiting: r.Waiting, Command: command, Now: time.Now()}, width)
	case r.Engine != 0:
		at := ""
		if a := run.Next(r.State); a.Step.ID != "" {
			at = ", at " + a.Step.ID
		}
		return Running(fmt.Sprintf("run %s is under way (process %d, by %s)%s: %s resume watches it", r.ID, r.Engine, Clean(r.By), at, command)) + "\n"
	}
	return Careful(bold.Render(fmt.Sprintf("run %s was interrupted", r.ID))) + fmt.Sprintf("\n    nothing is lost: %s resume goes on where it stopped, %s back undoes it\n", command, command)
}

// RunRow is one line of the history.
func RunRow(r journal.Run) []string {
	result := Running("open")
	switch r.Result {
	case run.ResultNew:
		result = Good("on " + r.Version)
		if r.Work > 0 {
			result = Careful("on " + r.Version + ", work remains")
		}
	case run.ResultOld:
		result = Back("back on " + r.Version)
	case run.ResultMilestone:
		result = Careful("stayed at " + r.Version)
	}
	outage := ""
	if r.Outage > 0 {
		outage = "outage " + Duration(r.Outage)
	}
	return []string{r.ID, Clean(r.From) + " → " + Clean(r.To), result, r.Opened.Local().Format("2006-01-02 15:04"), outage, faint.Render("by " + Clean(r.By))}
}

// Runs renders the history, latest first.
func Runs(rs []journal.Run) string {
	if len(rs) == 0 {
		return "No upgrade was run with Upkeep yet.\n"
	}
	var rows [][]string
	for _, r := range rs {
		rows = append(rows, RunRow(r))
	}
	return columns("", rows)
}

// Run renders one run with its steps and how long each took.
func Run(r *manage.Run) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", columns("", [][]string{RunRow(r.Run)}))
	var rows [][]string
	for _, s := range r.Plan.Steps {
		rows = append(rows, stepRow(s, r.State))
	}
	for _, m := range r.Plan.Milestones {
		for _, s := range m.Landing {
			if st := r.State.Steps[s.ID]; st != nil && st.Status != run.Pending {
				rows = append(rows, stepRow(s, r.State))
			}
		}
	}
	b.WriteString(columns("  ", rows))
	return b.String()
}

func stepRow(s plan.Step, state *run.State) []string {
	st := state.Steps[s.ID]
	if st == nil {
		st = &run.StepState{}
	}
	took := ""
	if st.Last.Took > 0 {
		took = faint.Render(Duration(st.Last.Took))
	}
	note := ""
	if !st.Last.OK && st.Last.Error != "" {
		note = Clean(strings.SplitN(st.Last.Error, "\n", 2)[0])
	}
	return []string{mark(st.Status), s.ID, Clean(s.Title), took, note}
}

func mark(s run.Status) string {
	switch s {
	case run.InFlight:
		return blue.Render("▸")
	case run.Done:
		return green.Render("✓")
	case run.Failed, run.UndoFailed:
		return red.Render("✗")
	case run.Tolerated:
		return yellow.Render("!")
	case run.Unclear:
		return yellow.Render("?")
	case run.Undoing, run.Undone:
		return yellow.Render("↩")
	}
	return faint.Render("·")
}
