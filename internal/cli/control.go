package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
	"upkeep/internal/run"
)

func (a *App) resume() *cobra.Command {
	return &cobra.Command{Use: "resume", Short: "Go on with the open run, or watch it", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			r, err := in.OpenRun(cmd.Context())
			if err != nil {
				return err
			}
			if r == nil {
				if err := in.Tidy(cmd.Context()); err != nil {
					return err
				}
				a.say("There is no open run: nothing to resume.\n")
				if a.format == "json" {
					return a.json(nil)
				}
				return nil
			}
			if r.Waiting != nil {
				return a.end(in, r, in.Forecast(r.ID).Outage)
			}
			if r.Engine != 0 && r.Task() == nil && !a.tty() { // lines come only when something happens
				a.say(show.UnderWay(r, a.width()))
			}
			at := in.Latest(r.ID)
			if err := in.Launch(cmd.Context(), r.ID); err != nil {
				return err
			}
			return a.watch(cmd.Context(), in, r.ID, at)
		}}
}

// decided records a decision and watches what comes of it.
func (a *App) decided(cmd *cobra.Command, d run.Decided) error {
	in, err := a.open()
	if err != nil {
		return err
	}
	d.By = a.person()
	open, err := in.OpenRun(cmd.Context())
	if err != nil {
		return err
	}
	if open == nil {
		return &manage.NoRunError{Want: cmd.Name()}
	}
	at := in.Latest(open.ID)
	r, err := in.Decide(cmd.Context(), d)
	if err != nil {
		return err
	}
	if err := in.Launch(cmd.Context(), r.ID); err != nil {
		return err
	}
	return a.watch(cmd.Context(), in, r.ID, at)
}

func (a *App) back() *cobra.Command {
	w := &backWish{}
	cmd := &cobra.Command{Use: "back", Aliases: []string{"rollback"}, Short: "Go back: files, services and data as they were before the open run, or before the last one", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			r, err := in.OpenRun(cmd.Context())
			if err != nil {
				return err
			}
			if r == nil {
				return a.takeBack(cmd.Context(), in, w)
			}
			if !w.yes {
				ok, err := a.ask(fmt.Sprintf("Take run %s back, so that %s is on %s exactly as before? [y/N] ", r.ID, r.Plan.Product, r.From))
				if err != nil {
					return err
				}
				if !ok {
					a.say("Nothing was changed.\n")
					return exit(ExitDeclined)
				}
			}
			return a.decided(cmd, run.Decided{Choice: run.ChooseBack, To: w.to, Why: w.why})
		}}
	cmd.Flags().BoolVarP(&w.yes, "yes", "y", false, "say yes beforehand")
	cmd.Flags().StringVar(&w.why, "why", "taken back by hand", "the reason, for the record")
	cmd.Flags().IntVar(&w.to, "to-milestone", 0, "stay at the `NUMBER`-th verified version on the way, instead of the origin")
	cmd.Flags().BoolVar(&w.dryRun, "dry-run", false, "when no run is open: show the plan and end")
	return cmd
}

// backWish is what the flags of back say.
type backWish struct {
	yes, dryRun bool
	why         string
	to          int
}

// takeBack undoes an upgrade whose run is over, by a run of its own. Its yes
// names what users lose by it.
func (a *App) takeBack(ctx context.Context, in *manage.Installation, w *backWish) error {
	if err := a.settle(ctx, in); err != nil {
		return err
	}
	a.say(show.Running("looking for the way back, and verifying its restore point, all of it") + "\n\n")
	p, err := in.PrepareReturn(ctx)
	if err != nil {
		return err
	}
	if a.format == "text" {
		a.print(show.Plan(p.Plan, p.Forecast, a.width()))
	}
	if w.dryRun {
		if a.format == "json" {
			return a.json(show.PlanJSON(p.Plan, p.Forecast, false, p.Installed))
		}
		return nil
	}
	if !w.yes {
		ok, err := a.ask(fmt.Sprintf("Go back from %s to %s, and discard what users did in the %s since run %s ended? [y/N] ",
			p.Plan.From, p.Plan.To, show.Duration(time.Since(p.Closed).Round(time.Second)), p.Run))
		if err != nil {
			return err
		}
		if !ok {
			a.say("Nothing was changed.\n")
			return exit(ExitDeclined)
		}
	}
	id, err := in.Start(ctx, p.Prepared, a.person())
	if err != nil {
		return err
	}
	return a.watch(ctx, in, id, 0)
}

func (a *App) cancel() *cobra.Command {
	var why string
	cmd := &cobra.Command{Use: "cancel", Short: "End the open run and undo what it did; refused after the barrier", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.decided(cmd, run.Decided{Choice: run.ChooseBack, Why: why})
		}}
	cmd.Flags().StringVar(&why, "why", "cancelled", "the reason, for the record")
	return cmd
}

func (a *App) decide() *cobra.Command {
	var why string
	cmd := &cobra.Command{Use: "decide RUN retry|skip|accept|back", Short: "Make the decision that a run waits for", Args: args(2, 2, "a run and a choice"),
		RunE: func(cmd *cobra.Command, got []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			r, err := in.OpenRun(cmd.Context())
			if err != nil {
				return err
			}
			if r == nil {
				return &manage.NoRunError{Want: "decide"}
			}
			if got[0] != r.ID && !strings.HasSuffix(r.ID, got[0]) {
				return fmt.Errorf("the open run is %s, not %s", r.ID, got[0])
			}
			d := run.Decided{Choice: run.Choice(got[1]), Why: why}
			if r.Waiting != nil {
				d.Step = r.Waiting.Step.ID
			}
			return a.decided(cmd, d)
		}}
	cmd.Flags().StringVar(&why, "why", "", "the reason, for the record")
	return cmd
}

func (a *App) status() *cobra.Command {
	all := false
	cmd := &cobra.Command{Use: "status", Short: "Show where the installation is", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all {
				return a.statusAll(cmd.Context())
			}
			in, err := a.open()
			if err != nil {
				return err
			}
			s, err := in.Status(cmd.Context())
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(show.StatusJSON(s, time.Now()))
			}
			a.print(show.Status(s, a.command(), time.Now(), a.width()))
			return nil
		}}
	cmd.Flags().BoolVar(&all, "all", false, "list every installation on this computer")
	return cmd
}

// statusAll lists every installation; one that cannot be read makes it an
// error, behind the list.
func (a *App) statusAll(ctx context.Context) error {
	list, err := manage.List(ctx, manage.Folders(), a.Exe)
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(show.KnownJSON(list, time.Now()))
	}
	a.print(show.Known(list, a.width()))
	for _, k := range list {
		if k.Err != nil {
			return exit(ExitError)
		}
	}
	return nil
}
