package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

// later are the flags of an upgrade that begins at another time.
type later struct {
	at      string
	noTimer bool
}

func (l *later) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.at, "at", "", "`WHEN` it begins by itself: 02:00, 2026-12-01T02:00, or next for the next window")
	cmd.Flags().BoolVar(&l.noTimer, "no-timer", false, "with --at: have no timer of systemd made; something else gives upkeep schedule start at that time")
}

func (l *later) check(w *wish) error {
	switch {
	case l.at == "" && l.noTimer:
		return usage{errors.New("--no-timer is for an upgrade that begins later: say when with --at")}
	case l.at != "" && w.dryRun:
		return usage{errors.New("--at and --dry-run: the plan is shown with --dry-run alone")}
	}
	return nil
}

// schedule keeps the yes for later.
func (a *App) schedule(ctx context.Context, in *manage.Installation, w *wish, p *manage.Prepared, at time.Time) error {
	req, err := w.request(a.person())
	if err != nil {
		return err
	}
	before, err := in.Scheduled()
	if err != nil {
		return err
	}
	s, err := in.Schedule(ctx, p, req, at, a.person(), w.later.noTimer)
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(s)
	}
	if before.Pending() {
		a.print(show.Careful(fmt.Sprintf("it replaces the upgrade to %s that was to begin on %s", show.Clean(before.To), show.Date(before.At))) + "\n")
	}
	a.print(show.Scheduled(s, a.command(), time.Now(), a.width()))
	return nil
}

func (a *App) scheduleCommand() *cobra.Command {
	cmd := group(&cobra.Command{Use: "schedule", Short: "The upgrade that begins later, and when upgrades may begin"})
	cmd.AddCommand(a.scheduleList(), a.scheduleCancel(), a.scheduleStart())
	return cmd
}

func (a *App) scheduleList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "Show when upgrades may begin, and the one that begins by itself", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			s, err := in.Scheduled()
			if err != nil {
				return err
			}
			when, err := in.When(time.Now())
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(struct {
					When      manage.When       `json:"when"`
					Scheduled *manage.Scheduled `json:"scheduled"`
				}{when, s})
			}
			a.print(show.When(when, time.Now(), a.width()))
			if s == nil {
				a.print("\nNo upgrade is scheduled. " + a.command() + " upgrade --at 02:00 schedules one.\n")
				return nil
			}
			a.print("\n" + show.Scheduled(s, a.command(), time.Now(), a.width()))
			return nil
		}}
}

func (a *App) scheduleCancel() *cobra.Command {
	return &cobra.Command{Use: "cancel", Short: "Have the scheduled upgrade not begin; whoever knew of it is told", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			s, err := in.CancelScheduled(cmd.Context(), a.person())
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(map[string]any{"cancelled": s})
			}
			if s == nil {
				a.print(show.Good("no upgrade was scheduled") + "\n")
				return nil
			}
			a.print(show.Good(fmt.Sprintf("the upgrade to %s of %s does not begin", show.Clean(s.To), show.Date(s.At))) + "\n")
			return nil
		}}
}

// scheduleStart is what the timer gives. What came of it stands in status, and
// people are told; a timer's unit fails where it was not started.
func (a *App) scheduleStart() *cobra.Command {
	return &cobra.Command{Use: "start", Short: "Start the scheduled upgrade if its time has come (given by its timer)", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			id, say, err := in.StartScheduled(cmd.Context(), time.Now())
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(map[string]string{"run": id, "said": say})
			}
			if id == "" {
				a.print(show.Clean(say) + "\n")
				return nil
			}
			a.print(show.Good(fmt.Sprintf("run %s has begun: %s resume watches it", id, a.command())) + "\n")
			return nil
		}}
}

func (a *App) notify() *cobra.Command {
	cmd := group(&cobra.Command{Use: "notify", Short: "Who is told of upgrades, and whether that works"})
	cmd.AddCommand(&cobra.Command{Use: "test [ID]", Short: "Tell everybody under notifications, or one of them, that this is a test", Args: args(0, 1, "at most one notification"),
		RunE: func(cmd *cobra.Command, got []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			list, err := in.TryNotifications(cmd.Context(), strings.Join(got, ""))
			if err != nil {
				return err
			}
			if a.format == "json" {
				err = a.json(list)
			} else {
				a.print(show.Deliveries(list, time.Now(), a.width()))
			}
			for _, d := range list {
				if d.Problem != "" && err == nil {
					err = exit(ExitError)
				}
			}
			return err
		}}, &cobra.Command{Use: "list", Short: "Show who is told of what, and what came of it last", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			list, err := in.Deliveries()
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(map[string]any{"notifications": in.Recipients(), "told": list})
			}
			a.print(show.Recipients(in.Recipients(), in.Path, a.width()))
			if len(list) > 0 {
				a.print("\n" + show.Deliveries(list[:min(20, len(list))], time.Now(), a.width()))
			}
			return nil
		}})
	return cmd
}
