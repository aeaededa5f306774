package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
)

func (a *App) review() *cobra.Command {
	w := &wish{}
	cmd := &cobra.Command{Use: "review", Short: "Look at each script of a release before it meets a customised database, and decide", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, req, err := a.reviewing(cmd.Context(), w)
			if err != nil {
				return err
			}
			r, err := in.Review(cmd.Context(), req)
			if err != nil {
				return err
			}
			if !a.asks() || len(r.Scripts) == 0 {
				return a.listed(r, w)
			}
			done, err := a.oneByOne(cmd.Context(), in, req, r, w)
			if err == nil && !done {
				return exit(ExitDeclined)
			}
			return err
		}}
	var note, file string
	decide := func(use, short string, verdict plan.Verdict) *cobra.Command {
		c := &cobra.Command{Use: use, Short: short, Args: args(1, 1, "one script"),
			RunE: func(cmd *cobra.Command, got []string) error {
				d := manage.ReviewDecision{Script: got[0], Verdict: verdict, Note: note}
				if verdict == plan.Edited {
					text, err := os.ReadFile(file)
					if err != nil {
						return fmt.Errorf("cannot read the edited script: %w", err)
					}
					d.Content = text
				}
				return a.decideScript(cmd.Context(), w, d)
			}}
		c.Flags().StringVar(&note, "note", "", "what is worth keeping of it, for the record")
		return c
	}
	edit := decide("edit SCRIPT", "Put the site's own content in a script's place", plan.Edited)
	edit.Flags().StringVar(&file, "file", "", "`FILE` with the edited script")
	edit.PreRunE = func(*cobra.Command, []string) error {
		if file == "" {
			return usage{errors.New("name the edited script with --file FILE")}
		}
		return nil
	}
	list := &cobra.Command{Use: "list", Short: "Show the scripts, what they mention of what is customised, and what was decided", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, req, err := a.reviewing(cmd.Context(), w)
			if err != nil {
				return err
			}
			r, err := in.Review(cmd.Context(), req)
			if err != nil {
				return err
			}
			return a.listed(r, w)
		}}
	script := &cobra.Command{Use: "show SCRIPT", Short: "Show one script with its lines, and the objects that it mentions", Args: args(1, 1, "one script"),
		RunE: func(cmd *cobra.Command, got []string) error {
			in, req, err := a.reviewing(cmd.Context(), w)
			if err != nil {
				return err
			}
			r, err := in.Review(cmd.Context(), req)
			if err != nil {
				return err
			}
			n, err := r.Find(got[0])
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(r.Scripts[n])
			}
			a.print(show.ReviewScript(r, n, a.width()))
			return nil
		}}
	reset := &cobra.Command{Use: "reset [SCRIPT]", Short: "Forget what was decided of one script, or of all", Args: args(0, 1, "at most one script"),
		RunE: func(cmd *cobra.Command, got []string) error {
			name := strings.Join(got, "")
			in, req, err := a.reviewing(cmd.Context(), w)
			if err != nil {
				return err
			}
			n, err := in.ResetReview(cmd.Context(), req, name)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(map[string]int{"forgotten": n})
			}
			a.print(show.Good(fmt.Sprintf("forgotten: %d\n", n)))
			return nil
		}}
	cmd.AddCommand(list, script, decide("approve SCRIPT", "Have a script carried out as the vendor wrote it", plan.Approved), edit,
		decide("done SCRIPT", "Have a script not carried out, and recorded as applied: its effect was brought about by hand", plan.DoneBy), reset)
	cmd.PersistentFlags().StringVar(&w.req.From, "from", "", "`DIR or FILE` of the release's bundle, or a folder of bundles")
	cmd.PersistentFlags().StringVar(&w.req.To, "to", "", "`VERSION` wanted; the latest at hand otherwise")
	return cmd
}

// reviewing opens the installation for a review.
func (a *App) reviewing(ctx context.Context, w *wish) (*manage.Installation, manage.Request, error) {
	in, err := a.open()
	if err != nil {
		return nil, manage.Request{}, err
	}
	if err := idle(ctx, in); err != nil {
		return nil, manage.Request{}, err
	}
	w.req.Trigger = plan.TriggerCommand
	req, err := w.request(a.person())
	return in, req, err
}

// listed shows the scripts; while some are open the answer is that of a blocker.
func (a *App) listed(r *manage.Review, w *wish) error {
	if a.format == "json" {
		if err := a.json(r); err != nil {
			return err
		}
	} else {
		a.print(show.Review(r, a.command(), release(w), a.width()))
	}
	if len(r.Open()) > 0 {
		return exit(ExitBlocked)
	}
	return nil
}

// release repeats which release is meant.
func release(w *wish) string {
	text := ""
	if w.req.From != "" {
		text = " --from " + show.Quote(w.req.From)
	}
	if w.req.To != "" {
		text += " --to " + show.Quote(w.req.To)
	}
	return text
}

func (a *App) decideScript(ctx context.Context, w *wish, d manage.ReviewDecision) error {
	in, req, err := a.reviewing(ctx, w)
	if err != nil {
		return err
	}
	r, n, err := in.DecideScript(ctx, req, d)
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(r.Scripts[n])
	}
	a.print(show.Decided(&r.Scripts[n], a.width()))
	a.print(show.ReviewNext(r, a.command(), release(w), a.width()))
	return nil
}

// toReview leads from a refused upgrade into the review, where somebody is there;
// otherwise the refusal says what to type. No error: all is decided.
func (a *App) toReview(ctx context.Context, in *manage.Installation, w *wish, refusal *plan.Refusal) error {
	refusal.Next = a.command() + " review" + release(w)
	if !a.asks() || !w.leads || refusal.Beside() {
		return refusal
	}
	req, err := w.request(a.person())
	if err != nil {
		return err
	}
	r, err := in.Review(ctx, req)
	if err != nil {
		return err
	}
	done, err := a.oneByOne(ctx, in, req, r, w)
	if err == nil && !done {
		a.say("Nothing was changed.\n")
		return exit(ExitDeclined)
	}
	return err
}

// oneByOne shows each script that is open and asks for a decision, which is kept
// at once. It says whether all are decided.
func (a *App) oneByOne(ctx context.Context, in *manage.Installation, req manage.Request, r *manage.Review, w *wish) (bool, error) {
	a.print(show.ReviewHead(r, a.width()))
	for {
		open := r.Open()
		if len(open) == 0 {
			a.print(show.ReviewNext(r, a.command(), release(w), a.width()))
			return true, nil
		}
		n, err := r.Find(open[0].Unit + ":" + open[0].Script)
		if err != nil {
			return false, err
		}
		a.print("\n" + show.ReviewScript(r, n, a.width()))
		d, stop, err := a.verdict(ctx, r.Scripts[n])
		if err != nil || stop {
			if err == nil {
				a.print("\n" + show.ReviewNext(r, a.command(), release(w), a.width()))
			}
			return false, err
		}
		now, n, err := in.DecideScript(ctx, req, d)
		var refused *manage.RefusedError
		if errors.As(err, &refused) { // asked again
			a.print(show.Refused(refused, a.width()))
			if r, err = in.Review(ctx, req); err != nil {
				return false, err
			}
			continue
		}
		if err != nil {
			return false, err
		}
		r = now
		a.print(show.Decided(&r.Scripts[n], a.width()))
	}
}

// verdict asks for a decision until there is one. Nobody there any more: stop.
func (a *App) verdict(ctx context.Context, s manage.ReviewScript) (d manage.ReviewDecision, stop bool, err error) {
	d.Script, d.SHA256 = s.Unit+":"+s.Script, s.SHA256
	for {
		a.print(show.ReviewQuestion())
		line, err := a.lines().ReadString('\n')
		if err != nil && line == "" {
			a.say("\n")
			return d, true, nil
		}
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "a", "approve":
			d.Verdict = plan.Approved
			return d, false, nil
		case "d", "done":
			a.print(show.Bold("  What was done in its place: "))
			note, err := a.lines().ReadString('\n')
			if err != nil && note == "" {
				a.say("\n")
				return d, true, nil
			}
			d.Verdict, d.Note = plan.DoneBy, strings.TrimSpace(note)
			return d, false, nil
		case "e", "edit":
			d.Verdict = plan.Edited
			if d.Content, err = a.edited(ctx, s.Text); err != nil {
				a.print(show.Careful(show.CleanLines(err.Error())) + "\n")
				continue
			}
			return d, false, nil
		case "s", "stop", "q", "quit":
			return d, true, nil
		}
	}
}

// edited has the person's editor change a text.
func (a *App) edited(ctx context.Context, text string) ([]byte, error) {
	words := strings.Fields(a.Getenv("VISUAL"))
	if len(words) == 0 {
		words = strings.Fields(a.Getenv("EDITOR"))
	}
	if len(words) == 0 {
		return nil, errors.New("no editor is known: set EDITOR, or say upkeep review edit SCRIPT --file FILE")
	}
	return manage.Editing("script.sql", []byte(text), func(path string) error {
		cmd := exec.CommandContext(ctx, words[0], append(words[1:], path)...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = a.In, a.Out, a.Err
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("the editor %s: %w; nothing was decided", words[0], err)
		}
		return nil
	})
}
