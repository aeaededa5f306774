package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/live"
	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// wish is what the flags of plan and upgrade say.
type wish struct {
	req    manage.Request
	waive  []string
	answer []string
	set    []string
	file   string // of answers
	plan   string
	yes    bool
	dryRun bool
	leads  bool                   // into a review, where one is wanted
	guard  func(*plan.Plan) error // has a last word before the yes; may be nil
	later  later
}

// which are the flags that say which release is meant.
func (w *wish) which(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.req.From, "from", "", "`DIR or FILE` of the release's bundle, or a folder of bundles; without it the installation's feed")
	cmd.Flags().StringVar(&w.req.To, "to", "", "`VERSION` wanted; the latest at hand, or in the feed, otherwise")
}

func (w *wish) flags(cmd *cobra.Command) {
	w.commonFlags(cmd)
	cmd.Flags().StringArrayVar(&w.req.Only, "only", nil, "`COMPONENT or COMPONENT@INSTANCE` to upgrade, where its vendor lets it stand alone; may be given several times")
	cmd.Flags().StringVar(&w.req.Fixes, "fixes", "", "all-latest or pick: which fixes are passed before a release that asks for some; what is required is passed anyway (default what the vendor offers first)")
	cmd.Flags().StringArrayVar(&w.req.Picks, "pick", nil, "`VERSION` of a fix to be passed, beside what is required; may be given several times")
	cmd.Flags().StringVar(&w.req.OnFailure, "on-failure", "", "origin or stay: where a failure of a later hop leads (default origin)")
	cmd.Flags().StringVar(&w.req.Rehearse, "rehearse", "", "data: try the migrations on a copy of the data before anything is closed")
	cmd.Flags().StringArrayVar(&w.answer, "answer", nil, "`QUESTION=value`: what no program can read; kept, with who and when, for a day and for one run")
	cmd.Flags().StringArrayVar(&w.set, "set", nil, "`NAME=VALUE` of a parameter that may change in an upgrade")
	cmd.Flags().StringVar(&w.req.Outside, "outside-window", "", "`WHY` it begins whatever the windows and freezes of the installation say; kept in plan and report")
	cmd.Flags().BoolVar(&w.req.Prove, "prove", false, "on the way back compare all data in full, touched or not")
}

// release repeats which release is meant.
func (w *wish) release() string {
	switch {
	case w.req.From != "":
		return " --from " + show.Quote(w.req.From)
	case w.req.To != "":
		return " --to " + show.Quote(w.req.To)
	}
	return ""
}

// again repeats what was asked for beside the release.
func (w *wish) again() string {
	text := ""
	for _, o := range w.set {
		text += " --set " + show.Quote(o)
	}
	if w.req.Trigger != plan.TriggerCommand {
		text += " --trigger " + show.Quote(w.req.Trigger)
	}
	if w.file != "" {
		text += " --answers " + show.Quote(w.file)
	}
	for _, o := range w.req.Choose {
		text += " --choose " + show.Quote(o)
	}
	for _, o := range w.req.Only {
		text += " --only " + show.Quote(o)
	}
	if w.req.Unsigned != "" {
		text += " --unsigned " + show.Quote(w.req.Unsigned)
	}
	if w.req.Rehearse != "" {
		text += " --rehearse " + show.Quote(w.req.Rehearse)
	}
	if w.req.Outside != "" {
		text += " --outside-window " + show.Quote(w.req.Outside)
	}
	if w.req.Fixes != "" {
		text += " --fixes " + show.Quote(w.req.Fixes)
	}
	for _, o := range w.req.Picks {
		text += " --pick " + show.Quote(o)
	}
	return text
}

// commonFlags are those that install has too.
func (w *wish) commonFlags(cmd *cobra.Command) {
	w.which(cmd)
	cmd.Flags().StringVar(&w.req.Unsigned, "unsigned", "", "`WHY` a bundle is installed that the installation's feed does not name; kept in plan and report")
	cmd.Flags().StringArrayVar(&w.waive, "waive", nil, "`CHECK=why`: accept a failing check that the vendor lets you accept")
	cmd.Flags().StringVar(&w.file, "answers", "", "`FILE` of answers, as upkeep runs answers writes it; what else is said counts first")
	cmd.Flags().StringArrayVar(&w.req.Choose, "choose", nil, "`FEATURE` to add to what is installed; upkeep features lists them; may be given several times")
	cmd.Flags().StringVar(&w.req.Trigger, "trigger", plan.TriggerCommand, "`NAME` of what starts the run, one that the product declares")
}

func (w *wish) request(person string) (manage.Request, error) {
	if w.req.Unsigned != "" && strings.TrimSpace(w.req.Unsigned) == "" {
		return w.req, usage{fmt.Errorf("--unsigned wants a reason")}
	}
	if w.req.Outside != "" && strings.TrimSpace(w.req.Outside) == "" {
		return w.req, usage{fmt.Errorf("--outside-window wants a reason")}
	}
	if w.req.OnFailure != "" && w.req.OnFailure != "origin" && w.req.OnFailure != "stay" {
		return w.req, usage{fmt.Errorf("--on-failure is origin or stay, not %q", w.req.OnFailure)}
	}
	if w.req.Rehearse != "" && w.req.Rehearse != "data" {
		return w.req, usage{fmt.Errorf("--rehearse is data, not %q", w.req.Rehearse)}
	}
	if w.req.Fixes != "" && w.req.Fixes != manifest.AllLatest && w.req.Fixes != manifest.Pick {
		return w.req, usage{fmt.Errorf("--fixes is all-latest or pick, not %q", w.req.Fixes)}
	}
	if w.req.Fixes == manifest.AllLatest && len(w.req.Picks) > 0 {
		return w.req, usage{fmt.Errorf("--fixes all-latest takes the latest, and --pick others: give one of them")}
	}
	if w.req.Trigger == plan.TriggerBack {
		return w.req, usage{fmt.Errorf("--trigger %s is not for upgrades: upkeep back takes one back", w.req.Trigger)}
	}
	given, err := given(w.set)
	if err != nil {
		return w.req, err
	}
	w.req.Params.Given = given
	w.req.Waivers = map[string]string{}
	for _, text := range w.waive {
		id, why, ok := strings.Cut(text, "=")
		if !ok || strings.TrimSpace(why) == "" {
			return w.req, usage{fmt.Errorf("--waive wants CHECK=why, with a reason, not %q", text)}
		}
		if other, twice := w.req.Waivers[id]; twice && other != person+": "+why {
			return w.req, usage{fmt.Errorf("--waive %s is given twice, with different reasons: give it once", id)}
		}
		w.req.Waivers[id] = person + ": " + why
	}
	if w.file != "" {
		if w.req.File, err = manage.ReadAnswers(w.file); err != nil {
			return w.req, err
		}
	}
	w.req.By = person
	for _, text := range w.answer {
		id, value, ok := strings.Cut(text, "=")
		if !ok || strings.TrimSpace(value) == "" {
			return w.req, usage{fmt.Errorf("--answer wants QUESTION=value, not %q", text)}
		}
		if w.req.Answers == nil {
			w.req.Answers = map[string]string{}
		}
		w.req.Answers[id] = value
	}
	return w.req, nil
}

func (a *App) plan() *cobra.Command {
	w := &wish{}
	cmd := &cobra.Command{Use: "plan", Short: "Show what an upgrade would do, step by step; change nothing", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			if err := a.settle(cmd.Context(), in); err != nil {
				return err
			}
			p, err := a.prepare(cmd.Context(), in, w)
			if err != nil {
				return err
			}
			defer p.Close()
			if !p.UpToDate {
				if err := manage.SavePlan(p.Plan); err != nil {
					fmt.Fprintf(a.Err, "upkeep: the plan could not be kept for --plan: %v\n", err)
				}
			}
			if a.format == "json" {
				return a.json(show.PlanJSON(p.Plan, p.Forecast, p.UpToDate, p.Installed))
			}
			if p.UpToDate {
				a.print(show.UpToDate(in.Doc.Product, p.Installed, p.Notes...))
				return nil
			}
			a.print(show.Plan(p.Plan, p.Forecast, a.width()))
			if open := p.Plan.Open(); len(open) > 0 {
				a.print(show.Unready(open, a.command(), w.release(), a.width()))
				return nil
			}
			a.print(fmt.Sprintf("To carry out exactly this plan: %s upgrade%s%s --plan %s\n", a.command(), w.release(), w.again(), p.Plan.ID()))
			return nil
		}}
	w.flags(cmd)
	return cmd
}

func (a *App) upgrade() *cobra.Command {
	w := &wish{}
	cmd := &cobra.Command{Use: "upgrade", Short: "Upgrade the product, or have it exactly as it was", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := w.later.check(w); err != nil {
				return err
			}
			return a.doUpgrade(cmd.Context(), w)
		}}
	w.flags(cmd)
	w.later.flags(cmd)
	cmd.Flags().StringVar(&w.plan, "plan", "", "`DIGEST or FILE` of the plan that was shown: refuse if it would be another one now")
	cmd.Flags().BoolVarP(&w.yes, "yes", "y", false, "say yes to the plan beforehand")
	cmd.Flags().BoolVar(&w.dryRun, "dry-run", false, "show the plan and end")
	return cmd
}

func (a *App) doUpgrade(ctx context.Context, w *wish) error {
	in, err := a.open()
	if err != nil {
		return err
	}
	if err := a.settle(ctx, in); err != nil {
		return err
	}
	if err := a.selfFirst(ctx, w); err != nil {
		return err
	}
	w.req.Tool = a.toolFirst(w)
	w.leads = !w.yes && !w.dryRun && w.plan == ""
	if w.leads && a.format == "text" {
		w.req.Params.Ask = a.asker()
	}
	p, err := a.prepare(ctx, in, w)
	if fetched, ferr := a.needed(ctx, in, err); fetched {
		p, err = a.prepare(ctx, in, w)
	} else {
		err = ferr
	}
	if err != nil {
		return err
	}
	defer p.Close()
	if p.UpToDate {
		if a.format == "json" {
			return a.json(show.PlanJSON(nil, p.Forecast, true, p.Installed))
		}
		a.print(show.UpToDate(in.Doc.Product, p.Installed, p.Notes...))
		return nil
	}
	if w.plan != "" {
		if err := manage.SameAs(p.Plan, w.plan); err != nil {
			return err
		}
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
	if w.guard != nil {
		if err := w.guard(p.Plan); err != nil {
			return err
		}
	}
	if err := a.unready(w, p.Plan); err != nil {
		return err
	}
	at, question := time.Now(), ""
	if w.later.at != "" {
		if at, err = in.Moment(w.later.at, p, at); err != nil {
			return err
		}
		question = " on " + show.Date(at)
		if err := in.MayBeScheduled(p, at, time.Now()); err != nil {
			return err
		}
		if !w.later.noTimer {
			if err := in.Timer(); err != nil {
				return err
			}
		}
	} else if err := in.MayBegin(p, at); err != nil {
		return err
	}
	if !w.yes {
		ok, err := a.ask(fmt.Sprintf("Upgrade %s from %s to %s by this plan (%s)%s? [y/N] ", p.Plan.Subject(), p.Plan.From, p.Plan.To, p.Plan.ID(), question))
		if err != nil {
			return err
		}
		if !ok {
			a.say("Nothing was changed.\n")
			return exit(ExitDeclined)
		}
	}
	if p, err = a.fetchFor(ctx, in, w, p); err != nil {
		return err
	}
	defer p.Close()
	if w.later.at != "" {
		return a.schedule(ctx, in, w, p, at)
	}
	id, err := in.Start(ctx, p, a.person())
	if err != nil {
		return err
	}
	p.Close() // the run has a copy of its own; this terminal may be killed
	return a.watch(ctx, in, id, 0)
}

// ask asks a question of yes and no. Without a terminal there is nobody to
// ask, and no answer is no yes.
func (a *App) ask(question string) (bool, error) {
	a.say(show.Bold(question))
	line, err := a.lines().ReadString('\n')
	if err != nil && line == "" {
		a.say("\n")
		return false, nil
	}
	if a.isYes(line) {
		return true, nil
	}
	return false, nil
}

// watch shows a run until it ends or the person has seen enough, and then
// the one screen at the end.
func (a *App) watch(ctx context.Context, in *manage.Installation, id string, from int64) error {
	r, err := a.follow(ctx, in, id, from)
	if err != nil {
		return err
	}
	return a.end(in, r, in.Forecast(id).Outage)
}

// follow shows a run until it ends, waits, or the person has seen enough.
func (a *App) follow(ctx context.Context, in *manage.Installation, id string, from int64) (*manage.Run, error) {
	first, err := in.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	f := in.Forecast(id)
	t := live.NewTrack(first.Plan, f.Steps, first.Opened)
	t.Seek(first.State)
	t.Width, t.Language, t.Command = a.columns(), a.language, a.command()
	if task := first.Task(); task != nil && from > 0 && first.Engine != 0 {
		a.say(show.OpenTask(task, in.Lacks(ctx, first), a.command(), time.Now(), a.width()))
	}
	var r *manage.Run
	out := a.writer(a.Out)
	switch {
	case a.format == "json":
		r, err = in.Attach(ctx, id, from, func(manage.Event) {})
	case a.tty():
		r, err = live.Screen(ctx, out, a.columns, in, id, from, t)
	default:
		r, err = live.Plain(ctx, out, in, id, from, t)
	}
	if errors.Is(err, live.ErrDetached) || err != nil && ctx.Err() != nil {
		a.say(show.Detached(id, a.command(), a.width()))
		return nil, exit(ExitDone)
	}
	if err == nil && r.State.Closed != nil { // an engine that was killed right after it has closed its run has not tidied up
		if err := in.Tidy(ctx); err != nil {
			a.say(fmt.Sprintf("The run is closed, but something of it is left in %s: %v\n", in.State, err))
		}
	}
	return r, err
}

// end shows how a run stands, and gives the exit code for it.
func (a *App) end(in *manage.Installation, r *manage.Run, forecast time.Duration) error {
	o := show.Outcome{ID: r.ID, Plan: r.Plan, State: r.State, Waiting: r.Waiting, Forecast: forecast, Command: a.command(), Now: time.Now(), Points: in.Points(r)}
	if a.format == "json" {
		if err := a.json(show.OutcomeJSON(o)); err != nil {
			return err
		}
	} else {
		a.print("\n" + show.Result(o, a.width()))
	}
	return code(r)
}

func code(r *manage.Run) error {
	switch {
	case r.Waiting != nil:
		return exit(ExitWaiting)
	case r.State.Closed == nil:
		return nil
	case r.State.Closed.Result == run.ResultOld:
		return exit(ExitOld)
	case r.State.Closed.Result == run.ResultMilestone:
		return exit(ExitMilestone)
	case len(r.State.Closed.Work) > 0:
		return exit(ExitWork)
	}
	return nil
}

// settle makes sure that no run is open before a command that needs a quiet
// installation: an interrupted one is carried on first, one that waits or is
// under way is shown. The command goes on when the interrupted run ended on
// its new version; otherwise what it was given for may have changed.
func (a *App) settle(ctx context.Context, in *manage.Installation) error {
	if err := a.settleRun(ctx, in); err != nil {
		return err
	}
	half, err := in.Restoring()
	if err == nil && half != nil {
		err = half
	}
	return err
}

// settleRun is settle for the command that ends a restore.
func (a *App) settleRun(ctx context.Context, in *manage.Installation) error {
	r, err := in.OpenRun(ctx)
	if err != nil || r == nil {
		return err
	}
	switch {
	case r.Engine != 0:
		return &manage.BusyError{Run: r.ID, PID: r.Engine, By: r.StartedBy()}
	case r.Waiting != nil:
		return a.end(in, r, in.Forecast(r.ID).Outage)
	}
	a.say(show.Careful(fmt.Sprintf("run %s was interrupted; it is carried on first", r.ID)) + "\n")
	at := in.Latest(r.ID)
	if err := in.Launch(ctx, r.ID); err != nil {
		return err
	}
	r, err = a.follow(ctx, in, r.ID, at)
	if err != nil {
		return err
	}
	if err := code(r); err != nil {
		return a.end(in, r, in.Forecast(r.ID).Outage)
	}
	a.say(show.Good(fmt.Sprintf("run %s is over: %s is on %s", r.ID, r.Plan.Product, r.State.Closed.Version)) + "\n\n")
	return nil
}
