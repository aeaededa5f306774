package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

func (a *App) doctor() *cobra.Command {
	var from string
	var fix, yes bool
	cmd := &cobra.Command{Use: "doctor", Short: "Look for what makes the product or an upgrade stuck, and say what helps; with --fix, do it", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if yes && !fix {
				return usage{errors.New("--yes is for --fix: without it the doctor only looks")}
			}
			if fix && a.format != "text" {
				return usage{errors.New("--fix asks, and shows what it does: it has no other format than text")}
			}
			in, err := a.open()
			if err != nil {
				return err
			}
			v, err := in.Visit(cmd.Context(), from)
			if err != nil {
				return err
			}
			d := v.Diagnosis
			if fix && d.UnderWay == "" {
				return a.mend(cmd.Context(), v, yes)
			}
			if a.format == "json" {
				err = a.json(d)
			} else {
				a.print(show.Diagnosis(d, a.command(), a.width()))
			}
			if err == nil && len(d.Symptoms) > 0 {
				err = exit(found(d.Symptoms))
			}
			return err
		}}
	cmd.Flags().StringVar(&from, "from", "", "`DIR or FILE` of a bundle of the product, where Upkeep has not upgraded it yet")
	cmd.Flags().BoolVar(&fix, "fix", false, "offer what helps, do it, and look again")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "with --fix: say yes beforehand, but for what only a person can choose or do")
	return cmd
}

// found gives the exit code: what could not be looked for is a warning.
func found(all []manage.Symptom) int {
	for _, s := range all {
		if s.Error == "" {
			return ExitBlocked
		}
	}
	return ExitWarnings
}
