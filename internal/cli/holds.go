package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

func (a *App) holds() *cobra.Command {
	cmd := group(&cobra.Command{Use: "holds", Short: "What is still held after the run that changed it, since when and until when"})
	sub := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, got []string) error {
		if len(got) > 0 {
			return sub(cmd, got)
		}
		in, err := a.open()
		if err != nil {
			return err
		}
		list, err := in.Holds(cmd.Context())
		if err != nil {
			return err
		}
		if a.format == "json" {
			return a.json(append([]manage.Hold{}, list...))
		}
		a.print(show.Holds(list, a.command(), a.width()))
		return nil
	}
	cmd.AddCommand(a.endHold())
	return cmd
}

func (a *App) endHold() *cobra.Command {
	var due, keep bool
	cmd := &cobra.Command{Use: "end [HOLD]", Short: "Give what is held the value back that it had", Args: args(0, 1, "one hold, or --due"),
		RunE: func(cmd *cobra.Command, got []string) error {
			if (len(got) == 1) == due {
				return usage{errors.New("name one hold, or say --due for all whose end has come\nsee upkeep holds end --help")}
			}
			if due && keep {
				return usage{errors.New("--keep is for one hold: name it")}
			}
			in, err := a.open()
			if err != nil {
				return err
			}
			if due {
				return a.endDue(cmd.Context(), in)
			}
			h, err := in.EndHold(cmd.Context(), got[0], keep, a.person())
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(map[string]any{"ended": []manage.Hold{h}, "kept": keep})
			}
			a.print(show.HoldEnded(h, keep, a.width()))
			return nil
		}}
	cmd.Flags().BoolVar(&due, "due", false, "end all whose end has come, as a timer does")
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the value as it is now, for good, and only take the hold out of the register")
	return cmd
}

// endDue ends what is due, and says what could not be ended.
func (a *App) endDue(ctx context.Context, in *manage.Installation) error {
	done, failed, err := in.EndDue(ctx, a.person())
	if err != nil {
		return err
	}
	if a.format == "json" {
		doc := map[string]any{"ended": append([]manage.Hold{}, done...)}
		var texts []string
		for _, e := range failed {
			texts = append(texts, e.Error())
		}
		if len(texts) > 0 {
			doc["failed"] = texts
		}
		err = a.json(doc)
	} else {
		for _, h := range done {
			a.print(show.HoldEnded(h, false, a.width()))
		}
		if len(done)+len(failed) == 0 {
			a.print(show.Good("no hold is past its end") + "\n")
		}
	}
	for _, e := range failed {
		a.report(e)
	}
	if err == nil && len(failed) > 0 {
		err = exit(ExitError)
	}
	return err
}
