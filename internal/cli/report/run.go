package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"upkeep/internal/cli/show"
	"upkeep/internal/run"
)

//go:embed run.html
var runPage string

// RunHTML writes a run as one page: how it ended, why it went back, where its time
// went.
func RunHTML(w io.Writer, installation string, o show.Outcome) error {
	t, err := template.New("run").Funcs(template.FuncMap{"clean": show.Clean, "dur": show.Duration, "lines": show.CleanLines}).Parse(runPage)
	if err != nil {
		return fmt.Errorf("cannot read the template of the report: %w", err)
	}
	d := show.OutcomeJSON(o)
	titles := map[string]string{}
	for _, s := range o.Plan.Steps {
		titles[s.ID] = s.Title
	}
	class, verdict := "warning", "The run is open."
	switch {
	case d.Waiting != "":
		verdict = "The run waits for a decision at " + titles[d.Waiting] + "."
	case d.Result == run.ResultNew && len(d.Work) > 0:
		verdict = fmt.Sprintf("On %s; %d steps remain for a person.", d.Version, len(d.Work))
	case d.Result == run.ResultNew:
		class, verdict = "ok", "On "+d.Version+", verified."
	case d.Result == run.ResultMilestone:
		verdict = "Stays on " + d.Version + ", verified and open."
	case d.Result != "" && d.From == "":
		verdict = "Not installed: what was made is taken away again."
	case d.Result != "":
		verdict = "Back on " + d.Version + "."
	}
	if err := t.Execute(w, map[string]any{"D": d, "Titles": titles, "Installation": installation, "Product": o.Plan.Subject(), "Class": class, "Verdict": verdict,
		"Opened": o.State.OpenedAt.UTC().Format("2006-01-02 15:04 UTC"), "At": o.Now.UTC().Format("2006-01-02 15:04 UTC"), "ISO": o.Now.UTC().Format(time.RFC3339)}); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}
