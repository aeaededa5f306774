package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

func (a *App) selfUpgrade() *cobra.Command {
	var req manage.SelfRequest
	var yes, check, back bool
	cmd := &cobra.Command{Use: "self-upgrade", Short: "Upgrade Upkeep itself, or put the one before in place again", Args: args(0, 0, "no argument"),
		Long: `self-upgrade puts a newer Upkeep in the place of this one, while no run is open.
The new one is asked first who it is, and whether it can read the journal of
every installation of this computer; the one before is kept beside it, and comes
back by itself if the new one does not work in its place.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m := manage.NewMachine(a.Exe)
			if back {
				if check || req != (manage.SelfRequest{}) {
					return usage{errors.New("--back takes none of --from, --to and --check")}
				}
				return a.selfBack(cmd.Context(), m, yes)
			}
			return a.selfForward(cmd.Context(), m, req, check, yes)
		}}
	cmd.Flags().StringVar(&req.From, "from", "", "`DIR or FILE` of the bundle of Upkeep, or a folder of bundles (default as /etc/upkeep/upkeep.yaml says)")
	cmd.Flags().StringVar(&req.To, "to", "", "`VERSION` wanted; the latest at hand otherwise")
	cmd.Flags().BoolVar(&check, "check", false, "only say whether there is a newer one")
	cmd.Flags().BoolVar(&back, "back", false, "put the Upkeep in place that the last self-upgrade has kept")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "say yes beforehand")
	return cmd
}

func (a *App) selfForward(ctx context.Context, m *manage.Machine, req manage.SelfRequest, check, yes bool) error {
	req.Check = check
	u, err := m.PrepareSelf(ctx, req)
	if err != nil {
		return err
	}
	defer u.Close()
	if u.UpToDate || check {
		if a.format == "json" {
			return a.json(u)
		}
		a.print(show.OwnUpgrade(u, a.width()))
		return nil
	}
	if a.format == "text" {
		a.print(show.OwnUpgrade(u, a.width()))
	}
	if !yes {
		ok, err := a.ask(fmt.Sprintf("Upgrade Upkeep from %s to %s? [y/N] ", u.Now, u.To))
		if err != nil {
			return err
		}
		if !ok {
			a.say("Nothing was changed.\n")
			return exit(ExitDeclined)
		}
	}
	notes, err := m.UpgradeSelf(ctx, u)
	a.careful(notes)
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(map[string]string{"version": u.To, "before": u.Now, "kept": u.Kept})
	}
	a.print(show.Good(fmt.Sprintf("Upkeep is %s; upkeep self-upgrade --back puts %s in place again", u.To, u.Now)) + "\n")
	return nil
}

func (a *App) selfBack(ctx context.Context, m *manage.Machine, yes bool) error {
	if !yes {
		ok, err := a.ask("Put the Upkeep in place again that the last self-upgrade has kept? [y/N] ")
		if err != nil {
			return err
		}
		if !ok {
			a.say("Nothing was changed.\n")
			return exit(ExitDeclined)
		}
	}
	to, notes, err := m.SelfBack(ctx)
	a.careful(notes)
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(map[string]string{"version": to, "before": manage.Version()})
	}
	a.print(show.Back(fmt.Sprintf("Upkeep is %s again", to)) + "\n")
	return nil
}

// careful says what is to be known beside the answer.
func (a *App) careful(notes []string) {
	for _, n := range notes {
		a.say(show.Careful(show.CleanLines(n)) + "\n")
	}
}

// selfCheck is what the Upkeep before asks.
func (a *App) selfCheck() *cobra.Command {
	return &cobra.Command{Use: "self-check [STATE...]", Short: "Say whether this program can go on with the states of installations (self-upgrade asks)", Hidden: true,
		RunE: func(cmd *cobra.Command, states []string) error {
			c, err := manage.NewMachine(a.Exe).SelfCheck(cmd.Context(), states)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(c)
			}
			a.print(show.Good(fmt.Sprintf("Upkeep %s can read %d journals", c.Version, c.Journals)) + "\n")
			a.careful(c.Problems)
			return nil
		}}
}
