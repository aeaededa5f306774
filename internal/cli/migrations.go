package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

// migrations shows and corrects what the product's databases know of the
// scripts that migrate them.
func (a *App) migrations() *cobra.Command {
	cmd := group(&cobra.Command{Use: "migrations", Short: "The scripts that migrate the product's databases: which are applied, and what a person says of them"})
	var from string
	list := &cobra.Command{Use: "list", Short: "List the scripts of the installed release, and how the databases have them; change nothing", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listMigrations(cmd, from, false) }}
	validate := &cobra.Command{Use: "validate", Short: "Compare what was applied with the scripts of a release; change nothing", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listMigrations(cmd, from, true) }}
	contract := &cobra.Command{Use: "contract", Short: "Carry out the scripts that have waited after the run, and whose time has come", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			done, err := in.CarryOutContracts(cmd.Context(), a.person(), func(line string) {
				if a.format != "json" {
					a.print(show.Running(line) + "\n")
				}
			})
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(done)
			}
			a.print(show.Contracts(done, a.width()))
			return nil
		}}
	var why string
	say := func(cmd *cobra.Command) {
		cmd.Flags().StringVar(&why, "why", "", "the reason, which is recorded with your name")
	}
	baseline := &cobra.Command{Use: "baseline", Short: "Record that the data have the scripts of a release from before Upkeep; run none", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.recordMigrations(why, func(in *manage.Installation) (*manage.Recorded, error) {
				return in.Baseline(cmd.Context(), from, a.person(), why)
			})
		}}
	repair := &cobra.Command{Use: "repair SCRIPT", Short: "Record that what the data have of a script is as good as the release's; run nothing", Args: args(1, 1, "one script"),
		RunE: func(cmd *cobra.Command, got []string) error {
			return a.recordMigrations(why, func(in *manage.Installation) (*manage.Recorded, error) {
				return in.Repair(cmd.Context(), from, got[0], a.person(), why)
			})
		}}
	for _, c := range []*cobra.Command{list, validate, baseline, repair} {
		c.Flags().StringVar(&from, "from", "", "a release's bundle, in the place of the installed release")
	}
	say(baseline)
	say(repair)
	cmd.AddCommand(list, validate, baseline, repair, contract)
	return cmd
}

func (a *App) listMigrations(cmd *cobra.Command, from string, validate bool) error {
	in, err := a.open()
	if err != nil {
		return err
	}
	m, err := in.Migrations(cmd.Context(), from)
	if err != nil {
		return err
	}
	wrong := len(m.Wrong()) > 0
	switch {
	case a.format == "json":
		err = a.json(m)
	case validate:
		a.print(show.Validated(m, a.command(), a.width()))
	default:
		a.print(show.Migrations(m, a.command(), a.width()))
	}
	if err == nil && validate && wrong {
		return exit(ExitError)
	}
	return err
}

func (a *App) recordMigrations(why string, record func(*manage.Installation) (*manage.Recorded, error)) error {
	if why == "" {
		return usage{errors.New("say why with --why: it is recorded, and whoever looks next needs it")}
	}
	in, err := a.open()
	if err != nil {
		return err
	}
	done, err := record(in)
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(done)
	}
	a.print(show.Recorded(done, a.width()))
	return nil
}
