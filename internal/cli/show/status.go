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
func UpToDate(product, version string, notes ...string) string {
	text := Good(fmt.Sprintf("%s is up to date: %s", one(product), one(version))) + "\n"
	for _, n := range notes {
		text += "  " + one(n) + "\n"
	}
	return text
}

// Detached says that the person stopped watching, and what she can do.
func Detached(id, command string, width Paper) string {
	return "\n" + wrap(fmt.Sprintf("run %s goes on without this terminal", id), blue.Render("▸")+" ", "  ", width) + "\n" + table("  ", rows{
		{faint.Render("watch again"), command + " resume"},
		{faint.Render("undo it"), command + " cancel"},
		{faint.Render("where it is"), command + " status"},
	}, 1, width)
}

// Refusal says why no plan is made.
func Refusal(r *plan.Refusal, width Paper) string {
	var b strings.Builder
	b.WriteString(wrap(bold.Render("the upgrade cannot start; nothing was changed"), red.Render("✗")+" ", "  ", width))
	for _, reason := range r.Reasons {
		b.WriteString(excerpted(reason, "  - ", "    ", width))
	}
	b.WriteString(unreviewed(r, width))
	return b.String()
}

// CleanLines makes every line of a text safe for a terminal.
func CleanLines(text string) string {
	return strings.TrimRight(lines(text, ""), "\n")
}

// Status renders where an installation is.
func Status(s manage.Status, command string, now time.Time, width Paper) string {
	var b strings.Builder
	b.WriteString(table("", rows{{bold.Render(one(s.Product)), faint.Render(one(s.Document))}}, 1, width))
	if s.Entry != "" {
		b.WriteString(faint.Render("its own address ") + one(s.Entry) + "\n") // whole, so that a terminal can make a link of it
	}
	b.WriteString("\n")
	if s.Open != nil {
		b.WriteString(openRun(s, command, now, width) + "\n")
	}
	var list rows
	var changed []string
	for _, i := range s.Record {
		id := plan.UnitID(i.Component, i.Instance)
		row := []string{one(id), one(i.Version), ""}
		if is, looked := s.Found[id]; looked && is != i.Version && s.Open == nil {
			row[1], row[2] = one(is), Careful("recorded: "+one(i.Version))
			if is == "" {
				row[1] = "not there"
			}
			changed = append(changed, id)
		}
		list = append(list, row)
	}
	if len(list) > 0 {
		title := "Installed, as the last run left it"
		if s.Adopted != nil {
			title = "Installed, as upkeep adopt found it on " + s.Adopted.At.Local().Format("2006-01-02 15:04")
		}
		b.WriteString(heading(title) + table("  ", list, 1, width) + "\n")
	}
	if len(changed) > 0 {
		b.WriteString(wrap(one(fmt.Sprintf("%s: changed since, and not by Upkeep; what is there counts, the record does not", strings.Join(changed, ", "))), yellow.Render("!")+" ", "  ", width))
	}
	if w := s.Watching; w != nil && s.Open == nil {
		b.WriteString(heading(width.Word("Published")) + watching(w, command, now, width) + "\n")
	}
	if s.Scheduled != nil {
		b.WriteString(heading("Scheduled") + Scheduled(s.Scheduled, command, now, width) + "\n")
	}
	if w := s.When; w.Bound && s.Open == nil {
		b.WriteString(heading("Windows") + When(w, now, width) + "\n")
	}
	if s.Last != nil {
		b.WriteString(heading("Last run") + table("  ", rows{runRow(*s.Last, width)}, 99, width) + "\n")
	}
	if s.Open == nil && s.Last == nil {
		b.WriteString(wrap("No upgrade was run with Upkeep yet. upkeep plan --from RELEASES shows what one would do.", "  ", "  ", width) + "\n")
	}
	if s.Restoring != nil {
		b.WriteString(wrap(s.Restoring.Error(), yellow.Render("!")+" ", "  ", width))
	}
	if f := s.Timer; f != nil {
		b.WriteString(wrap(one(fmt.Sprintf("no restore point was made by the timer since %s: %s", f.Since.Local().Format("2006-01-02 15:04"), f.Why)), yellow.Render("!")+" ", "  ", width))
	}
	for _, d := range s.Untold {
		b.WriteString(wrap(one(fmt.Sprintf("%s (%s) could not be told %q on %s: %s; %s notify test %s tries again", d.ID, d.How, d.Title, d.At.Local().Format("2006-01-02 15:04"), d.Problem, command, d.ID)), yellow.Render("!")+" ", "  ", width))
	}
	if s.NoBoot != "" {
		b.WriteString(wrap(one(fmt.Sprintf("after a power cut in the middle of an upgrade somebody must type %s resume (%s): upkeep setup-host makes that automatic", command, s.NoBoot)), yellow.Render("!")+" ", "  ", width))
	}
	if s.HubDown != "" {
		b.WriteString(wrap(one(fmt.Sprintf("the page is set up and does not run: %s; systemctl restart %s starts it, upkeep setup-host --no-hub takes it away", s.HubDown, manage.HubUnit)), yellow.Render("!")+" ", "  ", width))
	}
	if d := s.Stopped; d != nil {
		what := fmt.Sprintf("the doctor was interrupted and has left stopped: %s; %s doctor --fix starts it again", strings.Join(d.IDs(), ", "), command)
		if d.Doctor != 0 {
			what = fmt.Sprintf("the doctor (process %d) has stopped for a while: %s", d.Doctor, strings.Join(d.IDs(), ", "))
		}
		b.WriteString(wrap(one(what), yellow.Render("!")+" ", "  ", width))
	}
	for _, m := range s.Modes {
		b.WriteString(wrap(one(fmt.Sprintf("%s mode is on, and no run is open: %s mode normal ends it", m, command)), yellow.Render("!")+" ", "  ", width))
	}
	for _, h := range s.Holds {
		b.WriteString(statusHold(h, command, width))
	}
	return b.String()
}

func openRun(s manage.Status, command string, now time.Time, width Paper) string {
	r := s.Open
	switch {
	case r.Waiting != nil:
		return Result(Outcome{ID: r.ID, Plan: r.Plan, State: r.State, Waiting: r.Waiting, Command: command, Now: now}, width)
	case r.Engine != 0 && r.Task() != nil:
		return wrap(one(fmt.Sprintf("run %s waits for a person (by %s): %s resume watches it", r.ID, r.By, command)), blue.Render("▸")+" ", "  ", width) +
			OpenTask(r.Task(), "", command, now, width)
	case r.Engine != 0:
		text := wrap(one(fmt.Sprintf("%s: %s resume watches it", underWay(r), command)), blue.Render("▸")+" ", "  ", width)
		if s.Doing != "" {
			text += wrap(one(Until(s.Doing, s.Until, now)), "  ", "  ", width)
		}
		return text
	}
	what := fmt.Sprintf("nothing is lost: %s resume goes on where it stopped", command)
	if !r.State.Barrier && r.State.Mode != run.Backing {
		what += fmt.Sprintf(", %s back undoes it", command)
	}
	return wrap(bold.Render(fmt.Sprintf("run %s was interrupted", r.ID)), yellow.Render("!")+" ", "  ", width) + wrap(one(what), "    ", "    ", width)
}

// Until adds to how far a step is when it is expected to end, where that is known
// from a copy of the data.
func Until(line string, end, now time.Time) string {
	switch {
	case end.IsZero():
		return line
	case end.Before(now):
		return fmt.Sprintf("%s · %s longer than on a copy of the data", line, Duration(now.Sub(end).Round(time.Second)))
	}
	return fmt.Sprintf("%s · until %s, as on a copy of the data", line, end.Local().Format("15:04:05"))
}

// runRow is one line of the history.
func runRow(r journal.Run, width Paper) []string {
	result := Running(width.Word("open"))
	switch r.Result {
	case run.ResultNew:
		result = Good("on " + one(r.Version))
		if r.Work > 0 {
			result = Careful("on " + one(r.Version) + ", work remains")
		}
	case run.ResultOld:
		result = Back("back on " + one(r.Version))
		if r.From == "" {
			result = Back("taken away again")
		}
	case run.ResultMilestone:
		result = Careful("stayed at " + one(r.Version))
	}
	outage := ""
	if r.Outage > 0 {
		outage = "outage " + Duration(r.Outage)
	}
	route := one(r.From) + " → " + one(r.To)
	if r.From == "" {
		route = "install " + one(r.To)
	}
	return []string{r.ID, route, result, r.Opened.Local().Format("2006-01-02 15:04"), outage, faint.Render(started(r))}
}

// started says who started a run, and by what where that was no command.
func started(r journal.Run) string {
	text := "by " + one(r.By)
	if r.Trigger != "" && r.Trigger != plan.TriggerCommand {
		text += ", " + one(r.Trigger)
	}
	return text
}

// Runs renders the history, latest first.
func Runs(rs []journal.Run, width Paper) string {
	if len(rs) == 0 {
		return "No upgrade was run with Upkeep yet.\n"
	}
	var list rows
	for _, r := range rs {
		list = append(list, runRow(r, width))
	}
	return table("", list, 99, width)
}

// Run renders one run with its steps and how long each took.
func Run(r *manage.Run, width Paper) string {
	var b strings.Builder
	b.WriteString(table("", rows{runRow(r.Run, width)}, 99, width))
	if from := r.State.Opened.Origin.Text(); from != "" {
		if v := r.State.Opened.Engine; v != "" {
			from += ", with Upkeep " + v
		}
		b.WriteString(wrap(faint.Render(one("started by "+from)), "", "", width))
	}
	if why := manage.OutsideWindow(r.Plan); why != "" {
		b.WriteString(wrap(faint.Render(one("begun whatever the windows say, by "+why)), "", "", width))
	}
	b.WriteString("\n")
	if closed := r.State.Closed; closed != nil && closed.Result != run.ResultNew {
		b.WriteString(reason(Outcome{Plan: r.Plan, State: r.State}, width) + "\n")
	}
	var list rows
	for _, s := range r.Plan.Steps {
		list = append(list, stepRow(s, r.State))
	}
	for _, m := range r.Plan.Milestones {
		for _, s := range m.Landing {
			if st := r.State.Steps[s.ID]; st != nil && st.Status != run.Pending {
				list = append(list, stepRow(s, r.State))
			}
		}
	}
	b.WriteString(stepTable(list, width))
	if len(r.Plan.Reviews) > 0 {
		b.WriteString("\n" + strings.TrimSuffix(planReviews(r.Plan, width), "\n"))
	}
	if list := edited(installedFiles(r.Plan, r.State), width); list != "" {
		b.WriteString("\n" + strings.TrimSuffix(list, "\n"))
	}
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
	title := s.Title
	if first, _, _ := strings.Cut(st.Last.Error, "\n"); !st.Last.OK && first != "" {
		title += " — " + first
	}
	return []string{mark(st.Status), one(s.ID), one(title), took}
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

// UnderWay says which run is watched, and where it is.
func UnderWay(r *manage.Run, width Paper) string {
	return wrap(one(underWay(r)), blue.Render("▸")+" ", "  ", width)
}

func underWay(r *manage.Run) string {
	at := ""
	if a := run.Next(r.State); a.Step.ID != "" {
		at = ", at " + a.Step.ID
	}
	return fmt.Sprintf("run %s is under way (process %d, by %s)%s", r.ID, r.Engine, r.By, at)
}
