package cli

import (
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/report"
	"upkeep/internal/cli/show"
)

func (a *App) check() *cobra.Command {
	w := &wish{}
	cmd := &cobra.Command{Use: "check", Annotations: map[string]string{moreFormats: "html junit"}, Short: "Check whether the product is ready for an upgrade; change nothing", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			if err := a.settle(cmd.Context(), in); err != nil {
				return err
			}
			req, err := w.request(a.person())
			if err != nil {
				return err
			}
			r, err := in.Check(cmd.Context(), req)
			if err != nil {
				return err
			}
			kept := report.Report{Installation: in.Doc.ID, At: time.Now(), Readiness: r}
			switch a.format {
			case "json":
				err = a.json(r)
			case "html":
				err = report.HTML(a.Out, kept)
			case "junit":
				err = report.JUnit(a.Out, kept)
			default:
				a.print(show.Readiness(r, a.command(), quote(w.req.From), a.width()))
			}
			if err != nil {
				return err
			}
			switch {
			case r.Blocked():
				return exit(ExitBlocked)
			case r.Warned():
				return exit(ExitWarnings)
			}
			return nil
		}}
	w.flags(cmd)
	return cmd
}
