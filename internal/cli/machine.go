package cli

import (
	"context"
	"errors"
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
	var every, look string
	var withHub, noHub bool
	var o hubOptions
	hubFlags := o.flags()
	cmd := &cobra.Command{Use: "setup-host", Short: "Have this computer carry on by itself with an upgrade that a reboot or a power cut interrupts", Args: args(0, 0, "no argument"),
		Long: `setup-host installs two units of systemd. The first keeps users out, before the
network is up, of products in the middle of an upgrade; the second carries the
upgrade on when the machine has started, and starts its engine anew should it be
killed. It may be given again at any time, as after a new upkeep was installed.
With --backup it also has restore points of an installation made by a timer, and
with --feed a timer looks for its releases. With --hub a third unit serves the
page (upkeep hub), with --listen and the other flags of hub.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := forRoot("setup-host"); err != nil {
				return err
			}
			m := manage.NewMachine(a.Exe)
			switch given, _ := flagsGiven(hubFlags); {
			case withHub && noHub, noHub && len(given) > 0:
				return usage{errors.New("--no-hub takes the page away, and goes with no other flag of the page")}
			case !withHub && len(given) > 0:
				return usage{errors.New(given[0] + " is about the page: give --hub with it")}
			case (withHub || noHub) && every+look != "":
				return usage{errors.New("give the page and the timers in two commands: a timer is one installation's")}
			case withHub && strings.HasSuffix(o.listen, ":0"):
				return usage{errors.New("--listen with port 0 is another address after each start: name one that stays")}
			case noHub:
				return a.endHub(cmd.Context(), m)
			}
			wrote, err := m.Setup(cmd.Context())
			if err != nil {
				return err
			}
			if withHub {
				return a.setupHub(cmd.Context(), m, o, hubFlags, cmd.Flags().Changed("installation"), wrote)
			}
			if every != "" || look != "" {
				return a.timers(cmd.Context(), m, every, look, wrote)
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
	cmd.Flags().StringVar(&look, "feed", "", "have somebody look for releases `EVERY` so often: hourly, daily, weekly or a span such as 20m; never takes the timer away")
	cmd.Flags().BoolVar(&withHub, "hub", false, "have the page served, at its start and always; with the flags of upkeep hub")
	cmd.Flags().BoolVar(&noHub, "no-hub", false, "serve it no longer, and take its unit away")
	cmd.Flags().AddFlagSet(hubFlags)
	return cmd
}

// timers sets or ends the timers of the installation that the command is about.
func (a *App) timers(ctx context.Context, m *manage.Machine, every, look string, wrote []string) error {
	in, err := a.open()
	if err != nil {
		return err
	}
	if look != "" && look != "never" {
		if err := in.CanLook(ctx); err != nil {
			return err
		}
	}
	var gone, said []string
	for _, t := range []struct {
		every, ends, runs string
		set               func(ctx context.Context, id, document, every string) ([]string, error)
		end               func(ctx context.Context, id string) ([]string, error)
	}{
		{every, "no timer makes restore points of %s", "a restore point of %s is made %s; what fails stands in upkeep status; upkeep setup-host --backup never takes that away", m.SetTimer, m.EndTimer},
		{look, "no timer looks for releases of %s", "somebody looks for releases of %s (%s), at times that chance puts off a little; what is seen stands in upkeep status; upkeep setup-host --feed never takes that away", m.SetFeedTimer, m.EndFeedTimer},
	} {
		switch t.every {
		case "":
			continue
		case "never":
			less, err := t.end(ctx, in.Doc.ID)
			if err != nil {
				return err
			}
			gone, said = append(gone, less...), append(said, fmt.Sprintf(t.ends, in.Doc.ID))
		default:
			more, err := t.set(ctx, in.Doc.ID, in.Path, t.every)
			if err != nil {
				return err
			}
			wrote, said = append(wrote, more...), append(said, fmt.Sprintf(t.runs, in.Doc.ID, t.every))
		}
	}
	if a.format == "json" {
		return a.json(map[string][]string{"wrote": append([]string{}, wrote...), "gone": append([]string{}, gone...)})
	}
	for _, f := range append(wrote, gone...) {
		a.print("  " + f + "\n")
	}
	for _, s := range said {
		a.print(show.Good(s) + "\n")
	}
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
