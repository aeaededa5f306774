package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/report"
	"upkeep/internal/cli/show"
)

func (a *App) drift() *cobra.Command {
	var from, to string
	var build bool
	cmd := &cobra.Command{Use: "drift", Annotations: map[string]string{moreFormats: "html"}, Short: "Show what differs from the vendor's standard: files, database objects, versions; change nothing", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			if err := idle(cmd.Context(), in); err != nil {
				return err
			}
			if build {
				if _, err := in.BuildStandards(cmd.Context(), from, to); err != nil {
					return err
				}
			}
			d, err := in.Drift(cmd.Context(), from, to)
			if err != nil {
				return err
			}
			switch a.format {
			case "json":
				err = a.json(d)
			case "html":
				err = report.DriftHTML(a.Out, *d)
			default:
				a.print(show.Drift(*d, a.width()))
			}
			if err == nil && d.Any() {
				return exit(ExitWarnings)
			}
			return err
		}}
	cmd.Flags().StringVar(&from, "from", "", "`DIR or FILE` of a bundle of the installed release, or of one that it can be upgraded to, where Upkeep has none of its own")
	cmd.Flags().StringVar(&to, "to", "", "`VERSION` of the feed that it can be upgraded to, instead of --from")
	cmd.Flags().BoolVar(&build, "build", false, "first make the standards of databases from the scripts that the release brings, in scratch databases on their servers")
	return cmd
}

// standard writes the vendor's standard of a database.
func (a *App) standard() *cobra.Command {
	var dir, from string
	cmd := &cobra.Command{Use: "standard COMPONENT", Short: "Write the objects of a fresh install's database as the release's standard", Args: args(1, 1, "one component"),
		RunE: func(cmd *cobra.Command, got []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			path, s, err := in.WriteStandard(cmd.Context(), got[0], from, dir)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(map[string]any{"file": path, "kind": s.Kind, "server": s.Server, "objects": len(s.Objects)})
			}
			a.print(show.Good(fmt.Sprintf("%s  %s\n", path, show.Faint(fmt.Sprintf("%d objects of %s %s", len(s.Objects), s.Kind, s.Server)))))
			return nil
		}}
	cmd.Flags().StringVarP(&dir, "output", "o", "", "the source `DIR` of the bundle, in which standard/COMPONENT is made")
	cmd.Flags().StringVar(&from, "from", "", "`DIR or FILE` of the release's bundle, where Upkeep has none of its own")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if dir == "" {
			return usage{errors.New("name the source folder of the bundle with --output")}
		}
		return nil
	}
	return cmd
}
