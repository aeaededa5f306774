package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
)

func (a *App) backup() *cobra.Command {
	cmd := group(&cobra.Command{Use: "backup", Short: "Make, list, verify and restore restore points"})
	var from, note string
	create := &cobra.Command{Use: "create", Short: "Make a restore point of the product as it runs", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			if err := a.settle(cmd.Context(), in); err != nil {
				return err
			}
			p, err := in.CreatePoint(cmd.Context(), from, note, nil)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(p)
			}
			a.print(show.Good("restore point "+p.ID+" is complete, and was read back") + "\n" + show.Points(a.width(), p))
			return nil
		}}
	create.Flags().StringVar(&from, "from", "", "`DIR or FILE` of a bundle of the product, where Upkeep has not upgraded it yet")
	create.Flags().StringVar(&note, "note", "", "a note that stays with it")
	cmd.AddCommand(create, a.listPoints(), a.verifyPoint(), a.restorePoint())
	return cmd
}

func (a *App) listPoints() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the restore points, oldest first", Args: args(0, 0, "no argument"), RunE: func(cmd *cobra.Command, _ []string) error {
		in, err := a.open()
		if err != nil {
			return err
		}
		list, err := in.ListPoints(cmd.Context())
		if err != nil {
			return err
		}
		if a.format == "json" {
			return a.json(list)
		}
		if len(list) == 0 {
			a.print("There is no restore point yet.\n")
			return nil
		}
		a.print(show.Points(a.width(), list...))
		return nil
	}}
}

func (a *App) verifyPoint() *cobra.Command {
	return &cobra.Command{Use: "verify POINT", Short: "Read a restore point whole and compare it with its sums", Args: args(1, 1, "one restore point"), RunE: func(cmd *cobra.Command, got []string) error {
		in, err := a.open()
		if err != nil {
			return err
		}
		if err := in.VerifyPoint(cmd.Context(), got[0]); err != nil {
			return err
		}
		a.print(show.Good("restore point "+got[0]+" is whole") + "\n")
		return nil
	}}
}

func (a *App) restorePoint() *cobra.Command {
	var from string
	var yes bool
	cmd := &cobra.Command{Use: "restore POINT", Short: "Put a restore point back in place", Args: args(1, 1, "one restore point"), RunE: func(cmd *cobra.Command, got []string) error {
		in, err := a.open()
		if err != nil {
			return err
		}
		if err := a.settleRun(cmd.Context(), in); err != nil {
			return err
		}
		if !yes {
			ok, err := a.ask(fmt.Sprintf("Put %s back to restore point %s? What users did since is lost. [y/N] ", in.Doc.Product, got[0]))
			if err != nil {
				return err
			}
			if !ok {
				a.say("Nothing was changed.\n")
				return exit(ExitDeclined)
			}
		}
		err = in.RestorePoint(cmd.Context(), got[0], from, func(text string) { a.say(show.Running(text) + "\n") })
		if err != nil {
			return err
		}
		a.print(show.Good(fmt.Sprintf("%s is back at restore point %s", in.Doc.Product, got[0])) + "\n")
		return nil
	}}
	cmd.Flags().StringVar(&from, "from", "", "`DIR or FILE` of a bundle of the product, where Upkeep has not upgraded it yet")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "say yes beforehand")
	return cmd
}
