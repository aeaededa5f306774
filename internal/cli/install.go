package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

func (a *App) install() *cobra.Command {
	w, s := &wish{}, &setup{}
	cmd := &cobra.Command{Use: "install [PRODUCT]", Short: "Install a product that is not there yet, or leave nothing behind",
		Long: `Installs a release where nothing is installed yet: asks for the parameters, shows
the plan, writes the installation document and carries the plan out, as upgrade
does. If it fails, or you cancel, all that was made is taken away again.

The release comes from a bundle (--from), from the feed that the installation
document names, or where there is none yet, from that at --feed.`,
		Args: args(0, 1, "at most one product"),
		RunE: func(cmd *cobra.Command, got []string) error {
			if len(got) > 0 {
				s.product = got[0]
			}
			return a.doInstall(cmd.Context(), w, s)
		}}
	w.commonFlags(cmd)
	s.flags(cmd)
	cmd.Flags().StringVar(&s.feed, "feed", "", "`URL or DIR` of the product's feed, for the installation document")
	cmd.Flags().StringVar(&s.feedRoot, "feed-root", "", "`FILE` of the feed's root, as its vendor gives it; it is named in the installation document")
	cmd.Flags().StringVar(&w.plan, "plan", "", "`DIGEST or FILE` of the plan that was shown: refuse if it would be another one now")
	cmd.Flags().BoolVarP(&s.yes, "yes", "y", false, "say yes to the plan beforehand; nothing is asked")
	return cmd
}

func (a *App) doInstall(ctx context.Context, w *wish, s *setup) error {
	req, err := w.request(a.person())
	if err != nil {
		return err
	}
	n, err := a.newInstallation(s, s.product)
	if err != nil {
		return err
	}
	f, err := manage.PrepareInstall(ctx, n, req, func(in *manage.Installation) error { return a.settle(ctx, in) })
	if err != nil {
		return missing(err, a.command()+" install"+s.what(req.From))
	}
	defer f.Close()
	if f.UpToDate {
		if a.format == "json" {
			return a.json(show.PlanJSON(nil, f.Forecast, true, f.Installed))
		}
		a.print(show.UpToDate(f.In.Doc.Product, f.Installed))
		return nil
	}
	if w.plan != "" {
		if err := manage.SameAs(f.Plan, w.plan); err != nil {
			return err
		}
	}
	if a.format == "text" {
		a.print(show.Plan(f.Plan, f.Forecast, a.width()))
	}
	if s.dryRun {
		if err := manage.SavePlan(f.Plan); err != nil {
			fmt.Fprintf(a.Err, "upkeep: the plan could not be kept for --plan: %v\n", err)
		}
		if a.format == "json" {
			return a.json(show.PlanJSON(f.Plan, f.Forecast, false, ""))
		}
		return nil
	}
	if !s.yes {
		ok, err := a.ask(fmt.Sprintf("Install %s %s by this plan (%s), and write %s? [y/N] ", f.Plan.Product, f.Plan.To, f.Plan.ID(), f.In.Path))
		if err != nil {
			return err
		}
		if !ok {
			a.say("Nothing was changed.\n")
			return exit(ExitDeclined)
		}
	}
	told, end := a.fetching()
	got, err := f.Fetch(ctx, told)
	end()
	if err != nil {
		return err
	}
	a.fetched(got.Files, got.Bytes, got.Notes)
	id, err := f.Start(ctx, a.person())
	if err != nil {
		return err
	}
	f.Close()
	if a.installation == "" {
		a.installation = f.In.Path
	}
	return a.watch(ctx, f.In, id, 0)
}
