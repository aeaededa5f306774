package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/report"
	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

func (a *App) check() *cobra.Command {
	w := &wish{}
	var every interval
	var name string
	var fix, yes bool
	cmd := &cobra.Command{Use: "check", Annotations: map[string]string{moreFormats: "html junit"}, Short: "Check whether the product is ready for an upgrade; change nothing", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case yes && !fix:
				return usage{errors.New("--yes is for --fix: without it check only looks")}
			case fix && a.format != "text":
				return usage{errors.New("--fix asks, and shows what it does: it has no other format than text")}
			case fix && every != 0:
				return usage{errors.New("--fix looks again by itself: leave --watch out")}
			}
			req, err := w.request(a.person())
			if err != nil {
				return err
			}
			look := func(again bool) (manage.Readiness, error) {
				in, err := a.open()
				if err != nil {
					return manage.Readiness{}, err
				}
				name = in.Doc.ID
				if again { // a run is somebody else's by now
					err = idle(cmd.Context(), in)
				} else {
					err = a.settle(cmd.Context(), in)
				}
				if err != nil {
					return manage.Readiness{}, err
				}
				return in.Check(cmd.Context(), req)
			}
			if fix {
				if err := a.mendFindings(cmd.Context(), req, yes); err != nil {
					return err
				}
			}
			var r manage.Readiness
			switch {
			case every == 0:
				if r, err = look(false); err == nil {
					err = a.readiness(report.Report{Installation: name, At: time.Now(), Readiness: r}, w.release())
				}
			case a.format == "html" || a.format == "junit":
				err = usage{fmt.Errorf("cannot watch in the format %s: use text or json", a.format)}
			default:
				r, err = a.lookAgain(cmd.Context(), time.Duration(every), w.release(), look)
			}
			switch {
			case err != nil:
				return err
			case r.Blocked():
				return exit(ExitBlocked)
			case r.Warned():
				return exit(ExitWarnings)
			}
			return nil
		}}
	cmd.Flags().Var(&every, "watch", "look again and again, and show what has changed; ends with Ctrl+C")
	cmd.Flags().Lookup("watch").NoOptDefVal = watchEvery
	cmd.Flags().BoolVar(&fix, "fix", false, "offer what mends the findings, do it, and look again")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "with --fix: say yes beforehand, but for what only a person can choose or do")
	w.flags(cmd)
	return cmd
}

// mendFindings goes through the findings that the vendor has a fix for.
func (a *App) mendFindings(ctx context.Context, req manage.Request, yes bool) error {
	in, err := a.open()
	if err != nil {
		return err
	}
	if err := a.settle(ctx, in); err != nil {
		return err
	}
	v, err := in.CheckFix(ctx, req)
	if err != nil || len(v.Symptoms) == 0 {
		return err
	}
	_, err = a.goThrough(ctx, v, yes)
	return err
}

// readiness prints a report in the format that was asked for.
func (a *App) readiness(r report.Report, from string) error {
	switch a.format {
	case "json":
		return a.json(r.Readiness)
	case "html":
		return report.HTML(a.Out, r)
	case "junit":
		return report.JUnit(a.Out, r)
	}
	a.print(show.Readiness(r.Readiness, a.command(), from, a.width()))
	return nil
}
