package cli

import (
	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

func (a *App) doctor() *cobra.Command {
	var from string
	cmd := &cobra.Command{Use: "doctor", Short: "Look for what makes the product or an upgrade stuck, and say what helps; change nothing", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			d, err := in.Doctor(cmd.Context(), from)
			if err != nil {
				return err
			}
			if a.format == "json" {
				err = a.json(d)
			} else {
				a.print(show.Diagnosis(d, a.command(), a.width()))
			}
			if err == nil && len(d.Symptoms) > 0 {
				err = exit(found(d))
			}
			return err
		}}
	cmd.Flags().StringVar(&from, "from", "", "`DIR or FILE` of a bundle of the product, where Upkeep has not upgraded it yet")
	return cmd
}

// found gives the exit code: what could not be looked for is a warning.
func found(d manage.Diagnosis) int {
	for _, s := range d.Symptoms {
		if s.Error == "" {
			return ExitBlocked
		}
	}
	return ExitWarnings
}
