package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/live"
	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
	"upkeep/internal/step"
)

func (a *App) setupHost() *cobra.Command {
	var every string
	cmd := &cobra.Command{Use: "setup-host", Short: "Have this computer carry on by itself with an upgrade that a reboot or a power cut interrupts", Args: args(0, 0, "no argument"),
		Long: `setup-host installs two units of systemd. The first keeps users out, before the
network is up, of products in the middle of an upgrade; the second carries the
upgrade on when the machine has started, and starts its engine anew should it be
killed. It may be given again at any time, as after a new upkeep was installed.
With --backup it also has restore points of an installation made by a timer.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := forRoot("setup-host"); err != nil {
				return err
			}
			m := manage.NewMachine(a.Exe)
			wrote, err := m.Setup(cmd.Context())
			if err != nil {
				return err
			}
			if every != "" {
				return a.backupTimer(cmd.Context(), m, every, wrote)
			}
			if a.format == "json" {
				return a.json(map[string][]string{"wrote": append([]string{}, wrote...)})
			}
			if len(wrote) == 0 {
				a.print(show.Good("this computer is set up already") + "\n")
				return nil
			}
			for _, f := range wrote {
				a.print("  " + f + "\n")
			}
			a.print(show.Good("an upgrade that is interrupted goes on by itself when this computer has started; upkeep remove-host takes that away") + "\n")
			return nil
		}}
	cmd.Flags().StringVar(&every, "backup", "", "have a restore point made `WHEN`: "+strings.Join(manage.BackupTimes(), ", ")+"; never takes the timer away")
	return cmd
}

// backupTimer sets or ends the timer of the installation that the command is
// about.
func (a *App) backupTimer(ctx context.Context, m *manage.Machine, every string, wrote []string) error {
	in, err := a.open()
	if err != nil {
		return err
	}
	gone := []string{}
	if every == "never" {
		gone, err = m.EndTimer(ctx, in.Doc.ID)
	} else {
		var more []string
		more, err = m.SetTimer(ctx, in.Doc.ID, in.Path, every)
		wrote = append(wrote, more...)
	}
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(map[string][]string{"wrote": append([]string{}, wrote...), "gone": append([]string{}, gone...)})
	}
	for _, f := range append(wrote, gone...) {
		a.print("  " + f + "\n")
	}
	if every == "never" {
		a.print(show.Good("no timer makes restore points of "+in.Doc.ID) + "\n")
		return nil
	}
	a.print(show.Good("a restore point of "+in.Doc.ID+" is made "+every+"; what fails stands in upkeep status; upkeep setup-host --backup never takes that away") + "\n")
	return nil
}

func (a *App) removeHost() *cobra.Command {
	return &cobra.Command{Use: "remove-host", Short: "Take away what setup-host installed", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := forRoot("remove-host"); err != nil {
				return err
			}
			r, err := manage.NewMachine(a.Exe).Remove(cmd.Context())
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(map[string][]string{"gone": append([]string{}, r.Gone...), "left": append([]string{}, r.Left...)})
			}
			if len(r.Gone) == 0 {
				a.print(show.Good("there was nothing to take away") + "\n")
			}
			for _, f := range r.Gone {
				a.print("  " + f + "\n")
			}
			if len(r.Gone) > 0 {
				a.print(show.Good("taken away") + "\n")
			}
			for _, l := range r.Left {
				a.print("  left: " + l + "\n")
			}
			return nil
		}}
}

func forRoot(command string) error {
	if os.Geteuid() == 0 {
		return nil
	}
	return &step.UserError{Msg: command + " changes this computer, and only root may", Now: "sudo upkeep " + command}
}

// recover is what the units of setup-host run.
func (a *App) recover() *cobra.Command {
	var gate bool
	cmd := &cobra.Command{Use: "recover", Short: "Carry on with interrupted runs (started by the units of setup-host)", Hidden: true, Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			m := manage.NewMachine(a.Exe)
			if gate {
				return m.Gate(cmd.Context(), a.Out)
			}
			return m.Recover(cmd.Context(), a.Out, func(ctx context.Context, in *manage.Installation, id string) (*manage.Run, error) {
				first, err := in.Run(ctx, id)
				if err != nil {
					return nil, err
				}
				t := live.NewTrack(first.Plan, in.Forecast(id).Steps, first.Opened)
				t.Seek(first.State)
				r, err := live.Plain(ctx, a.writer(a.Out), in, id, in.Latest(id), t)
				if err == nil && r != nil && r.State.Closed != nil {
					fmt.Fprintf(a.Out, "run %s took %s\n", id, show.Duration(time.Since(r.Opened).Round(time.Second)))
				}
				return r, err
			})
		}}
	cmd.Flags().BoolVar(&gate, "gate", false, "only keep users out, until an engine does")
	return cmd
}
