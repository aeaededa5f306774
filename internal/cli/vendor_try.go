package cli

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

// trial is how vendor test was called.
type trial struct {
	set     []string
	prepare string
	here    bool
	only    string
}

func (a *App) vendorTest() *cobra.Command {
	var o trial
	cmd := &cobra.Command{Use: "test DIR", Short: "Try every way between the releases of a product, forward and back, in scratch places", Args: args(1, 1, "a folder with the bundles of all releases"),
		Long: `Try every way between the releases of a product: installs the release that a way
begins with in a scratch place, upgrades it as an administrator would, takes the
upgrade back, compares with what was before, and says which way breaks and where.

Parameters get values that fit a scratch place: folders in it, a free port, this
account (nobody for root), made up secrets. Others are said with --set; there
${dir} is the scratch place and ${port} a free port.

A product that a release cannot install where nothing is, or that needs a database
of its own, is laid out by a program of yours: --prepare. It finds in its
environment UPKEEP_TEST_DIR, an empty folder, UPKEEP_TEST_VERSION, the release to
lay out, UPKEEP_TEST_PORT, a free port, and UPKEEP_TEST_DOCUMENT, where it must
write the installation document; in that the state and all folders lie in
UPKEEP_TEST_DIR. Upkeep starts the services then.`,
		RunE: func(cmd *cobra.Command, got []string) error { return a.tryAll(cmd.Context(), got[0], o) }}
	cmd.Flags().StringArrayVar(&o.set, "set", nil, "`NAME=VALUE` of a parameter; may be given several times")
	cmd.Flags().StringVar(&o.prepare, "prepare", "", "`PROGRAM` that lays out the release a way begins with, in place of upkeep install")
	cmd.Flags().BoolVar(&o.here, "here", false, "this computer is only for tests: the product may use its packages, services, databases and folders")
	cmd.Flags().StringVar(&o.only, "to", "", "only the ways to this `VERSION`")
	return cmd
}

func (a *App) tryAll(ctx context.Context, from string, o trial) error {
	set, err := given(o.set)
	if err != nil {
		return err
	}
	t, err := manage.PlanTrial(ctx, from, o.prepare != "")
	if err != nil {
		return err
	}
	defer t.Close()
	if len(t.Touches) > 0 && !o.here {
		return &manage.RefusedError{What: t.Product + " cannot be tried in a scratch place", Reasons: append(t.Touches,
			"on a computer that is only for such tests, say --here")}
	}
	report := show.TrialDoc{Product: t.Product, Ways: []show.TrialWay{}}
	for i, w := range t.Ways {
		if o.only != "" && w.To != o.only && w.To != "" {
			continue
		}
		began := time.Now()
		r := show.TrialWay{TrialWay: w}
		a.try(ctx, t, i, w, o.prepare, set, &r)
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		r.Seconds = time.Since(began).Round(time.Second / 10).Seconds()
		report.Ways = append(report.Ways, r)
		if a.format != "json" {
			a.print(show.Tried(r, a.width()))
		}
	}
	if a.format == "json" {
		err = a.json(report)
	} else {
		a.print(show.TrialEnd(report, a.width()))
	}
	if err == nil && report.Broken() > 0 {
		err = exit(ExitError)
	}
	return err
}

// try tries one way in a place of its own, and notes where it breaks.
func (a *App) try(ctx context.Context, t *manage.Trial, n int, w manage.TrialWay, prepare string, set map[string]string, r *show.TrialWay) {
	if w.To == "" {
		r.Broke, r.Why = "routes", "no later release can be reached from it"
		return
	}
	ports := freePort
	if prepare != "" {
		ports = nil
	}
	p, err := t.Place(n, w.From, set, ports)
	if err != nil {
		r.Broke, r.Why = "place", err.Error()
		return
	}
	defer func() {
		if err := t.Clear(context.WithoutCancel(ctx), p, a.Exe, w.From, w.To); err != nil && r.Broke == "" {
			r.Broke, r.Why = "end", err.Error()
		}
	}()
	broke := func(where string, code int, out string) bool {
		if code != ExitDone {
			r.Broke, r.Why = where, lastLines(out)
		}
		return code != ExitDone
	}
	if prepare != "" {
		port, err := freePort()
		if err == nil {
			err = t.Prepare(ctx, p, prepare, w.From, a.Exe, port)
		}
		if err != nil {
			r.Broke, r.Why = "prepare "+w.From, err.Error()
			return
		}
	} else {
		install := []string{"install", "--installation", p.Document, "--state", p.State, "--from", t.From, "--to", w.From, "--yes"}
		for _, s := range p.Set {
			install = append(install, "--set", s)
		}
		if out, code := a.quietly(ctx, install...); broke("install "+w.From, code, out) {
			return
		}
	}
	before, err := t.Is(ctx, p, w.From, a.Exe)
	if err != nil {
		r.Broke, r.Why = "look at "+w.From, err.Error()
		return
	}
	if out, code := a.quietly(ctx, "upgrade", "--installation", p.Document, "--from", t.From, "--to", w.To, "--yes"); broke("upgrade to "+w.To, code, out) {
		return
	}
	if out, code := a.quietly(ctx, "back", "--installation", p.Document, "--yes"); broke("back to "+w.From, code, out) {
		return
	}
	after, err := t.Is(ctx, p, w.From, a.Exe)
	if err == nil {
		if d := before.Differences(after); len(d) > 0 {
			err = fmt.Errorf("it is not as it was: %s", strings.Join(d, "; "))
		}
	}
	if err != nil {
		r.Broke, r.Why = "back to "+w.From, err.Error()
	}
}

// quietly gives a command as a person would, and keeps what it says.
func (a *App) quietly(ctx context.Context, args ...string) (string, int) {
	var out bytes.Buffer
	sub := &App{In: strings.NewReader(""), Out: &out, Err: &out, Getenv: a.Getenv, Exe: a.Exe}
	code := sub.Run(ctx, args)
	return out.String(), code
}

// lastLines are the last ones that say something: what broke.
func lastLines(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		if s := strings.TrimRight(line, " \r\n"); s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out[max(0, len(out)-12):], "\n")
}
