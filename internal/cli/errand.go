package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"upkeep/internal/manage"
)

// errand does what a face has asked for and does not wait for. What it is comes
// by the standard input, what becomes of it stands in the state folder.
func (a *App) errand() *cobra.Command {
	return &cobra.Command{Use: "errand", Short: "Do a piece of work outside of a run (started by the hub)", Hidden: true, Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			var e manage.Errand
			if err := json.NewDecoder(a.In).Decode(&e); err != nil {
				return fmt.Errorf("cannot read what is to be done: %w", err)
			}
			return in.DoErrand(cmd.Context(), e)
		}}
}
