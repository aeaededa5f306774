package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/report"
	"upkeep/internal/cli/show"
	"upkeep/internal/journal"
	"upkeep/internal/manage"
)

func (a *App) runs() *cobra.Command {
	cmd := &cobra.Command{Use: "runs", Short: "Show the runs of this installation, their steps and logs", Args: args(0, 0, "list, show, log or answers")}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.listRuns(cmd) }
	cmd.AddCommand(
		&cobra.Command{Use: "list", Short: "List the runs, latest first", Args: args(0, 0, "no argument"), RunE: func(cmd *cobra.Command, _ []string) error { return a.listRuns(cmd) }},
		&cobra.Command{Use: "show [RUN]", Annotations: map[string]string{moreFormats: "html"}, Short: "Show one run with its steps; --format html or json writes a report to keep", Args: args(0, 1, "at most one run"), RunE: a.showRun},
		&cobra.Command{Use: "log [RUN]", Short: "Print the log of a run", Args: args(0, 1, "at most one run"), RunE: a.logRun},
		&cobra.Command{Use: "answers [RUN]", Short: "Print what was answered for a run, to be given to another one with --answers; no secrets", Args: args(0, 1, "at most one run"), RunE: a.answersOfRun})
	return cmd
}

func (a *App) listRuns(cmd *cobra.Command) error {
	in, err := a.open()
	if err != nil {
		return err
	}
	rs, err := in.Runs(cmd.Context())
	if err != nil {
		return err
	}
	if a.format == "json" {
		if rs == nil {
			rs = []journal.Run{}
		}
		return a.json(rs)
	}
	a.print(show.Runs(rs, a.width()))
	return nil
}

func (a *App) oneRun(cmd *cobra.Command, got []string) (*manage.Installation, *manage.Run, error) {
	in, err := a.open()
	if err != nil {
		return nil, nil, err
	}
	id := ""
	if len(got) > 0 {
		id = got[0]
	}
	r, err := in.Run(cmd.Context(), id)
	return in, r, err
}

func (a *App) showRun(cmd *cobra.Command, got []string) error {
	in, r, err := a.oneRun(cmd, got)
	if err != nil {
		return err
	}
	o := show.Outcome{ID: r.ID, Plan: r.Plan, State: r.State, Waiting: r.Waiting, Now: time.Now(), Points: in.Points(r), Forecast: in.Forecast(r.ID).Outage}
	switch a.format {
	case "json":
		return a.json(show.OutcomeJSON(o))
	case "html":
		return report.RunHTML(a.Out, in.Doc.ID, o)
	}
	a.print(show.Run(r, a.width()))
	return nil
}

func (a *App) answersOfRun(cmd *cobra.Command, got []string) error {
	_, r, err := a.oneRun(cmd, got)
	if err != nil {
		return err
	}
	answers := manage.AnswersOf(r.Plan)
	if a.format == "json" {
		return a.json(answers)
	}
	title := fmt.Sprintf("Answers of the run %s of %s, for upkeep upgrade or install with --answers FILE.\nSecrets are not in it: say where they lie, as in password: \"file:/etc/upkeep/password\".", r.ID, r.Plan.Subject())
	_, err = a.Out.Write(answers.Compose(title))
	return err
}

func (a *App) logRun(cmd *cobra.Command, got []string) error {
	_, r, err := a.oneRun(cmd, got)
	if err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(r.Dir, "log"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("run %s has no log: its engine never began", r.ID)
	}
	if err != nil {
		return fmt.Errorf("cannot read the log: %w", err)
	}
	defer f.Close()
	return cleanLines(a.Out, f)
}

// cleanLines copies a text line by line: what products print must not move
// the cursor of who reads it.
func cleanLines(out io.Writer, in io.Reader) error {
	r, w := bufio.NewReaderSize(in, 128<<10), bufio.NewWriter(out)
	for {
		part, err := r.ReadSlice('\n')
		line, whole := strings.CutSuffix(string(part), "\n")
		w.WriteString(show.Clean(line))
		if whole {
			w.WriteByte('\n')
		}
		switch {
		case errors.Is(err, io.EOF):
			return w.Flush()
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("cannot read the log: %w", err)
		}
	}
}
