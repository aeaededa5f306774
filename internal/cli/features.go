package cli

import (
	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/feature"
)

// features lists what can be chosen.
func (a *App) features() *cobra.Command {
	w := &wish{}
	cmd := &cobra.Command{Use: "features", Short: "List what can be added to the product, and what is chosen; change nothing", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			release, list, refused, err := in.Features(cmd.Context(), w.req)
			if err != nil {
				return err
			}
			switch {
			case a.format == "json":
				if list == nil {
					list = []feature.State{}
				}
				err = a.json(map[string]any{"release": release, "features": list, "refused": refused})
			case len(list) == 0:
				a.print(in.Doc.Product + " " + release + " has nothing to choose.\n")
			default:
				a.print(show.Features(release, list, refused, a.command(), w.release(), a.width()))
			}
			if err == nil && len(refused) > 0 {
				return exit(ExitBlocked)
			}
			return err
		}}
	w.which(cmd)
	cmd.Flags().StringArrayVar(&w.req.Choose, "choose", nil, "`FEATURE` to be tried beside what is installed; may be given several times")
	return cmd
}
