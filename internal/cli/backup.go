package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/live"
	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

func (a *App) backup() *cobra.Command {
	cmd := group(&cobra.Command{Use: "backup", Short: "Make, list, verify and restore restore points"})
	cmd.AddCommand(a.createPoint(), a.listPoints(), a.verifyPoint(), a.restorePoint(), a.removePoint())
	return cmd
}

// meter shows how far it is: beside the answer, where that is for machines.
func (a *App) meter() *live.Meter {
	out := a.Out
	if a.format == "json" {
		out = a.Err
	}
	m := &live.Meter{Out: a.writer(out), Language: a.language, Now: time.Now}
	if a.tty() && a.format != "json" {
		m.Width = a.columns
	}
	return m
}

func (a *App) createPoint() *cobra.Command {
	var c manage.Create
	cmd := &cobra.Command{Use: "create", Short: "Make a restore point of the product as it runs", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			if c.Timer {
				return a.timedPoint(cmd.Context(), in, c)
			}
			if err := a.settle(cmd.Context(), in); err != nil {
				return err
			}
			return a.makePoint(cmd.Context(), in, c)
		}}
	cmd.Flags().StringVar(&c.From, "from", "", "`DIR or FILE` of a bundle of the product, where Upkeep has not upgraded it yet")
	cmd.Flags().StringVar(&c.Note, "note", "", "a note that stays with it")
	cmd.Flags().BoolVar(&c.Timer, "timer", false, "a timer asks: end calmly where a run is open, and count as what the retention removes")
	return cmd
}

func (a *App) makePoint(ctx context.Context, in *manage.Installation, c manage.Create) error {
	m := a.meter()
	c.Progress = m.Told
	made, err := in.CreatePoint(ctx, c)
	m.End()
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(made)
	}
	a.print(show.Created(made, a.command(), a.width()))
	return nil
}

// timedPoint is backup create where nobody looks. It does not get in the way of
// what is under way; what fails is kept for status and doctor.
func (a *App) timedPoint(ctx context.Context, in *manage.Installation, c manage.Create) error {
	why, err := in.Occupied(ctx)
	if err != nil {
		return errors.Join(err, in.NoteTimer(err))
	}
	if why != "" {
		a.say("no restore point now: " + why + "\n")
		return nil
	}
	err = a.makePoint(ctx, in, c)
	if busy := (*manage.BusyError)(nil); errors.As(err, &busy) { // it has begun just now
		a.say("no restore point now: " + err.Error() + "\n")
		return nil
	}
	return errors.Join(err, in.NoteTimer(err))
}

func (a *App) listPoints() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the restore points, oldest first", Args: args(0, 0, "no argument"), RunE: func(cmd *cobra.Command, _ []string) error {
		in, err := a.open()
		if err != nil {
			return err
		}
		list, err := in.ListPoints(cmd.Context())
		if err != nil {
			return err
		}
		if a.format == "json" {
			return a.json(list)
		}
		if len(list) == 0 {
			a.print("There is no restore point yet.\n")
			return nil
		}
		a.print(show.Points(time.Now(), a.width(), list...))
		return nil
	}}
}

func (a *App) verifyPoint() *cobra.Command {
	var all bool
	cmd := &cobra.Command{Use: "verify [POINT]", Short: "Read a restore point whole and compare it with its sums; the newest without a name", Args: args(0, 1, "one restore point at most"), RunE: func(cmd *cobra.Command, got []string) error {
		in, err := a.open()
		if err != nil {
			return err
		}
		if all && len(got) > 0 {
			return usage{errors.New("name a restore point, or say --all")}
		}
		ids := got
		if len(ids) == 0 {
			list, err := in.ListPoints(cmd.Context())
			if err != nil {
				return err
			}
			for _, p := range list {
				ids = append(ids, p.ID)
			}
			if len(ids) == 0 {
				return errors.New("there is no restore point yet: upkeep backup create makes one")
			}
			if !all {
				ids = ids[len(ids)-1:]
			}
		}
		var errs []error
		whole := []*manage.Listed{}
		for _, id := range ids {
			m := a.meter()
			p, err := in.VerifyPoint(cmd.Context(), id, m.Told)
			m.End()
			if err != nil {
				errs = append(errs, err)
				continue
			}
			whole = append(whole, p)
			if a.format != "json" {
				a.print(show.Good("restore point "+id+" is whole") + "\n")
			}
		}
		if a.format == "json" {
			errs = append(errs, a.json(whole))
		}
		return errors.Join(errs...)
	}}
	cmd.Flags().BoolVar(&all, "all", false, "all of them, one after the other")
	return cmd
}

func (a *App) restorePoint() *cobra.Command {
	var r manage.Restore
	var yes, dry bool
	var to string
	cmd := &cobra.Command{Use: "restore POINT", Short: "Put a restore point back in place, or into a folder", Args: args(1, 1, "one restore point"), RunE: func(cmd *cobra.Command, got []string) error {
		in, err := a.open()
		if err != nil {
			return err
		}
		r.Point = got[0]
		switch {
		case to != "" && (r.Mixed || r.From != "" || dry):
			return usage{errors.New("--to touches nothing of the product: leave --mixed, --from and --dry-run out")}
		case to != "":
			return a.copyPoint(cmd.Context(), in, r, to)
		case dry:
			look, err := in.LookRestore(cmd.Context(), r)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(look)
			}
			a.print(show.Outlook(look, a.width()))
			return nil
		}
		if err := a.settleRun(cmd.Context(), in); err != nil {
			return err
		}
		if err := in.CheckRestore(cmd.Context(), r); err != nil {
			return err
		}
		if err := a.agreeRestore(in, r, yes); err != nil {
			return err
		}
		m := a.meter()
		r.Progress = m.Told
		err = in.RestorePoint(cmd.Context(), r, func(text string) { m.Say(show.Running(text)) })
		m.End()
		if err != nil {
			return err
		}
		if a.format == "json" {
			return a.json(map[string]any{"restored": r.Point, "only": append([]string{}, r.Only...)})
		}
		a.print(show.Good(fmt.Sprintf("%s is back at restore point %s", cmp.Or(strings.Join(r.Only, ", "), in.Doc.Product), r.Point)) + "\n")
		return nil
	}}
	cmd.Flags().StringVar(&r.From, "from", "", "`DIR or FILE` of a bundle of the product, where Upkeep has not upgraded it yet")
	cmd.Flags().StringArrayVar(&r.Only, "only", nil, "a `COMPONENT` of it; may be given several times")
	cmd.Flags().BoolVar(&r.Mixed, "mixed", false, "also where code and data will be of different versions")
	cmd.Flags().StringVar(&to, "to", "", "`DIR` that it is put into instead: nothing of the product is touched")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would change and end")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "say yes beforehand")
	return cmd
}

// agreeRestore asks; where code and data will not be of one version, for the word.
func (a *App) agreeRestore(in *manage.Installation, r manage.Restore, yes bool) error {
	what := cmp.Or(strings.Join(r.Only, ", "), in.Doc.Product)
	if yes {
		return nil
	}
	question, word := fmt.Sprintf("Put %s back to restore point %s? What users did since is lost. [y/N] ", what, r.Point), ""
	if r.Mixed {
		question, word = fmt.Sprintf("Put %s back to restore point %s, whatever version the rest is of? What users did since is lost, and the product may not work. Type mixed: ", what, r.Point), "mixed"
	}
	a.say(show.Bold(question))
	line, err := a.lines().ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	if word == "" && a.isYes(line) || word != "" && answer == word {
		return nil
	}
	if line == "" {
		a.say("\n")
	}
	a.say("Nothing was changed.\n")
	return exit(ExitDeclined)
}

func (a *App) copyPoint(ctx context.Context, in *manage.Installation, r manage.Restore, to string) error {
	dir, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	m := a.meter()
	r.Progress = m.Told
	paths, err := in.CopyPoint(ctx, r, dir, func(text string) { m.Say(show.Running(text)) })
	m.End()
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(map[string]any{"point": r.Point, "paths": paths})
	}
	a.print(show.Good("restore point "+r.Point+" lies in "+dir+"; nothing of the product was touched") + "\n")
	for _, p := range paths {
		a.print("  " + show.Clean(p) + "\n")
	}
	return nil
}

func (a *App) removePoint() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{Use: "remove POINT", Short: "Remove a restore point that nothing needs", Args: args(1, 1, "one restore point"), RunE: func(cmd *cobra.Command, got []string) error {
		in, err := a.open()
		if err != nil {
			return err
		}
		if err := a.settle(cmd.Context(), in); err != nil {
			return err
		}
		if !yes {
			ok, err := a.ask(fmt.Sprintf("Remove restore point %s? It is gone then. [y/N] ", got[0]))
			if err != nil {
				return err
			}
			if !ok {
				a.say("Nothing was changed.\n")
				return exit(ExitDeclined)
			}
		}
		if err := in.RemovePoint(cmd.Context(), got[0]); err != nil {
			return err
		}
		if a.format == "json" {
			return a.json(map[string]string{"removed": got[0]})
		}
		a.print(show.Good("restore point "+got[0]+" is removed") + "\n")
		return nil
	}}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "say yes beforehand")
	return cmd
}
