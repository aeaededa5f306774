package cli

import (
	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
)

func (a *App) check() *cobra.Command {
	w := &wish{}
	cmd := &cobra.Command{Use: "check", Short: "Check whether the product is ready for an upgrade; change nothing", Args: args(0, 0, "no argument"),
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
			if a.format == "json" {
				if err := a.json(r); err != nil {
					return err
				}
			} else {
				a.print(show.Readiness(r, a.command(), quote(w.req.From), a.width()))
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
