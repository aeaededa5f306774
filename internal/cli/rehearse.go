package cli

import (
	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/step"
)

// rehearse tries the migrations of an upgrade on copies of the data.
func (a *App) rehearse() *cobra.Command {
	w := &wish{}
	cmd := &cobra.Command{Use: "rehearse", Short: "Try the migrations of an upgrade on a copy of the data; change nothing", Args: args(0, 0, "no argument"),
		Long: `Copy the product's databases into scratch databases beside them, carry the
migrations of the upgrade out there, and say what would fail and how long each
takes. Users work on meanwhile. Nothing is left.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			req, err := w.request(a.person())
			if err != nil {
				return err
			}
			in, err := a.open()
			if err != nil {
				return err
			}
			if err := a.settle(cmd.Context(), in); err != nil {
				return err
			}
			last := ""
			r, err := in.Rehearse(cmd.Context(), req, func(p step.Progress) {
				if p.Line != last && p.Line != "" && a.format != "json" {
					last = p.Line
					a.print(show.Running(show.Clean(p.Line)) + "\n")
				}
			})
			if err != nil {
				return err
			}
			if a.format == "json" {
				err = a.json(r)
			} else {
				a.print(show.Rehearsal(r, a.width()))
			}
			if err == nil && r.Result.Failed() != nil {
				err = exit(ExitBlocked)
			}
			return err
		}}
	w.flags(cmd)
	return cmd
}
