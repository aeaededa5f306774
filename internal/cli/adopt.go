package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

func (a *App) adopt() *cobra.Command {
	s := &setup{}
	var product string
	cmd := &cobra.Command{Use: "adopt", Short: "Take over a product that is installed already; change nothing of it",
		Long: `Finds a product that is installed already, writes its installation document and
records what is there: versions, services, every file with its sum. The product is
only looked at. What cannot be known is listed as assumed. Given again, it records
what is there now, and says what has changed.`,
		Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := a.newInstallation(s, product)
			if err != nil {
				return err
			}
			line := a.command() + " adopt --product " + show.Quote(product)
			if product == "" {
				return usage{fmt.Errorf("say which product: --product, with its document, a release's bundle, or a folder of bundles")}
			}
			r, err := manage.Adopt(cmd.Context(), n)
			if err != nil {
				return missing(err, line)
			}
			if a.format == "json" {
				return a.json(r)
			}
			a.print(show.Adoption(r, s.dryRun, a.command(), a.width()))
			return nil
		}}
	cmd.Flags().StringVar(&product, "product", "", "`FILE or DIR`: the product's document, a release's bundle, or a folder of bundles")
	s.flags(cmd)
	return cmd
}

func (a *App) remove() *cobra.Command {
	var points, yes, dry bool
	cmd := &cobra.Command{Use: "remove", Short: "Forget an installation; the product goes on as it is", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			if err := a.settle(cmd.Context(), in); err != nil {
				return err
			}
			r, err := in.PlanRemove(cmd.Context(), points)
			if err != nil {
				return err
			}
			if a.format == "text" {
				a.print(show.Removal(r, a.width()))
			}
			if dry {
				if a.format == "json" {
					return a.json(r)
				}
				return nil
			}
			if !yes {
				ok, err := a.ask(fmt.Sprintf("Forget %s? [y/N] ", r.Installation))
				if err != nil {
					return err
				}
				if !ok {
					a.say("Nothing was changed.\n")
					return exit(ExitDeclined)
				}
			}
			if err := in.Remove(cmd.Context(), r); err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(r)
			}
			a.print(show.Good(fmt.Sprintf("Upkeep does not know %s any more; upkeep adopt takes it over again", r.Installation)) + "\n")
			return nil
		}}
	cmd.Flags().BoolVar(&points, "with-restore-points", false, "remove the restore points too")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "say yes beforehand")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would be removed and end")
	return cmd
}
