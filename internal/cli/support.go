package cli

import (
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
)

func (a *App) support() *cobra.Command {
	var from, out string
	cmd := &cobra.Command{Use: "support-bundle", Short: "Write what is known of the installation, without secrets, into one file for whoever helps", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			if out == "" {
				out = "upkeep-support-" + in.Doc.ID + "-" + time.Now().Format("20060102-150405") + ".tar.zst"
			}
			b, err := in.WriteSupport(cmd.Context(), out, from)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(b)
			}
			a.print(show.SupportBundle(b, a.width()))
			return nil
		}}
	cmd.Flags().StringVarP(&out, "output", "o", "", "`FILE` to write; the default is one in this folder")
	cmd.Flags().StringVar(&from, "from", "", "`DIR or FILE` of a bundle of the product, where Upkeep has not upgraded it yet")
	return cmd
}
