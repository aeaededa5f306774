package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
)

// asks says whether somebody sits at the keyboard and sees what is asked.
func (a *App) asks() bool {
	f, ok := a.In.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && a.tty() && a.format == "text"
}

// interview asks for the answers that only a person can give, where somebody
// is there to be asked. It says whether there are new ones.
func (a *App) interview(w *wish, people []plan.Asked) (bool, error) {
	in := a.lines()
	heard := false
	for _, q := range people {
		if q.Kind != plan.AskedAnswer || !q.Open() {
			continue
		}
		a.print(show.AskFor(q, a.width()))
		line, err := in.ReadString('\n')
		if err != nil && line == "" {
			return heard, nil // nobody is there any more
		}
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if w.req.Answers == nil {
			w.req.Answers = map[string]string{}
		}
		w.req.Answers[q.ID], heard = line, true
	}
	return heard, nil
}

// prepare makes the plan; what only people can answer is asked first, once.
func (a *App) prepare(ctx context.Context, in *manage.Installation, w *wish) (*manage.Prepared, error) {
	p, err := a.prepareOnce(ctx, in, w)
	var open *plan.Refusal
	if errors.As(err, &open) && len(plan.Unreviewed(open.Reviews)) > 0 {
		if err = a.toReview(ctx, in, w, open); err != nil {
			return p, err
		}
		p.Close()
		p, err = a.prepareOnce(ctx, in, w)
	}
	if !a.asks() {
		return p, err
	}
	var people []plan.Asked
	var refusal *plan.Refusal
	switch {
	case errors.As(err, &refusal):
		people = refusal.People
	case err == nil && p.Plan != nil:
		people = p.Plan.People
	}
	heard, ierr := a.interview(w, people)
	if ierr != nil || !heard {
		return p, errors.Join(err, ierr)
	}
	p.Close()
	return a.prepareOnce(ctx, in, w)
}

func (a *App) prepareOnce(ctx context.Context, in *manage.Installation, w *wish) (*manage.Prepared, error) {
	req, err := w.request(a.person())
	if err != nil {
		return nil, err
	}
	return in.Prepare(ctx, req)
}

// unready shows what people have to see to before the run can open.
func (a *App) unready(w *wish, p *plan.Plan) error {
	open := p.Open()
	if len(open) == 0 {
		return nil
	}
	if a.format == "json" {
		if err := a.json(map[string]any{"open": open}); err != nil {
			return err
		}
		return exit(ExitBlocked)
	}
	a.print(show.Unready(open, a.command(), w.release(), a.width()))
	return exit(ExitBlocked)
}

// before says that a task is done which comes before the run.
func (a *App) before(ctx context.Context, in *manage.Installation, w *wish, id string, word plan.Word) error {
	if w.req.From == "" && w.req.To == "" {
		return fmt.Errorf("%w; for a task before a run say which release it is for, with --from or --to", &manage.NoRunError{Want: "do a task of"})
	}
	req, err := w.request(a.person())
	if err != nil {
		return err
	}
	if err := in.DoneBefore(ctx, req, id, word); err != nil {
		return err
	}
	a.say(show.Good(fmt.Sprintf("recorded: %s is done, says %s", id, word.By)) + "\n")
	all, err := in.Asked(ctx, req)
	if err != nil || a.format == "json" {
		return err
	}
	a.print(show.People(all, a.command(), w.release(), a.width()))
	return nil
}
