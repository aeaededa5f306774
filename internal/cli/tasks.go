package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

func (a *App) done() *cobra.Command {
	var said run.Said
	w := &wish{}
	cmd := &cobra.Command{Use: "done STEP", Short: "Say that a person's task is done; it is refused where it reads otherwise", Args: args(1, 1, "the task's step"),
		RunE: func(cmd *cobra.Command, got []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			if said.By, err = a.signed(said.By); err != nil {
				return err
			}
			open, err := in.OpenRun(cmd.Context())
			if err != nil {
				return err
			}
			if open == nil {
				return a.before(cmd.Context(), in, w, got[0], plan.Word{By: said.By, Note: said.Note})
			}
			at := in.Latest(open.ID)
			r, err := in.Done(cmd.Context(), got[0], said)
			if err != nil {
				return err
			}
			a.say(show.Good(fmt.Sprintf("recorded: %s is done, says %s", got[0], said.By)) + "\n")
			if r.Engine != 0 {
				return nil // whoever watches sees how it goes on
			}
			if err := in.Launch(cmd.Context(), r.ID); err != nil {
				return err
			}
			return a.watch(cmd.Context(), in, r.ID, at)
		}}
	w.which(cmd)
	cmd.Flags().StringVar(&said.By, "by", "", "`NAME` of who did it, if somebody else than who types this")
	cmd.Flags().StringVar(&said.Note, "note", "", "what is worth keeping of it, for the record")
	return cmd
}

// signed is who says something: a name that was given stands beside the
// account that gave it.
func (a *App) signed(name string) (string, error) {
	me := a.person()
	switch show.Clean(name) {
	case "", me:
		return me, nil
	case name:
		return fmt.Sprintf("%s (typed by %s)", name, me), nil
	}
	return "", usage{fmt.Errorf("--by wants a plain name, not %q", name)}
}

func (a *App) tasks() *cobra.Command {
	w := &wish{}
	cmd := &cobra.Command{Use: "tasks", Short: "Show what people are asked to do, in the open run or before one", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			r, err := in.OpenRun(cmd.Context())
			if err != nil {
				return err
			}
			if r == nil && (w.req.From != "" || w.req.To != "") {
				return a.tasksBefore(cmd.Context(), in, w)
			}
			var list []show.Task
			if r != nil {
				list = show.Tasks(r, in.Lacks(cmd.Context(), r))
			}
			if a.format == "json" {
				return a.json(list)
			}
			a.print(show.TaskList(list, a.command(), time.Now(), a.width()))
			return nil
		}}
	w.which(cmd)
	return cmd
}

// tasksBefore shows what people do before a run opens.
func (a *App) tasksBefore(ctx context.Context, in *manage.Installation, w *wish) error {
	req, err := w.request(a.person())
	if err != nil {
		return err
	}
	all, err := in.Asked(ctx, req)
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(all)
	}
	if len(all) == 0 {
		a.print(show.TaskList(nil, a.command(), time.Now(), a.width()))
		return nil
	}
	a.print(show.People(all, a.command(), w.release(), a.width()))
	return nil
}
