package console

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/hub/ask"
)

// logShown is how much of a log's end a run's page shows, in bytes.
const logShown = 64 << 10

// runsShown is how many runs a page of the history has.
const runsShown = 50

// Of is a page about one installation.
type Of struct {
	ID  string
	Tab string
	Any any
}

func (v *visit) id() string { return v.r.PathValue("id") }

// about names the installation above a page. Its name on the page is its id.
func (v *visit) about(more ...crumb) []crumb {
	return append([]crumb{{v.id(), to("i", v.id())}}, more...)
}

// shelf is the overview with what the summary counts.
type shelf struct {
	ask.Overview
	Behind, Open, Wants int
	Since               string // what an open page asks with whether it has changed
	Able                int    // that can be upgraded now
	Together            bool   // several upgrades are carried out one after the other
	Token               string
}

// anewEvery is when an overview is shown anew though no run has begun or ended:
// ages and notices change too.
const anewEvery = 15 * time.Second

func (p *Page) overview(v *visit) error {
	pulse, err := v.ask.Pulse(v.r.Context())
	if err != nil {
		return err
	}
	since := fmt.Sprintf("%s.%d", pulse.Mark, p.Now().Unix()/int64(anewEvery.Seconds()))
	if v.r.URL.Query().Get("since") == since {
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	o, err := v.ask.Overview(v.r.Context())
	if err != nil {
		return err
	}
	b, err := v.ask.Batch(v.r.Context())
	if err != nil {
		return err
	}
	s := shelf{Overview: o, Since: since, Token: v.Token(), Together: len(b.Items) > 0 && b.Ended.IsZero()}
	for _, i := range o.Installations {
		if i.Currency == ask.Behind {
			s.Behind++
			if i.Open == nil {
				s.Able++
			}
		}
		if i.Open != nil {
			s.Open++
		}
		if i.Error != "" || len(i.Notices) > 0 || i.Open != nil && i.Open.Going != ask.UnderWay {
			s.Wants++
		}
	}
	return v.showLeaf(http.StatusOK, "overview", leaf{Title: v.t("overview.title"), Live: true, Refresh: 30, Body: s})
}

func (p *Page) installation(v *visit) error {
	i, err := v.find(v.r.Context())
	if err != nil {
		return err
	}
	runs := ask.Runs{}
	if i.Error == "" {
		if runs, err = v.ask.Runs(v.r.Context(), ask.RunsQuery{Installation: v.id(), Limit: 5}); err != nil {
			return err
		}
	}
	body := struct {
		Of
		ask.Installation
		Runs   ask.Runs
		Errand ask.Errand
		Copies []single
		Token  string
	}{Of: Of{ID: v.id(), Tab: "installation"}, Installation: i, Runs: runs, Token: v.Token()}
	if i.Error == "" {
		var names []string
		if len(i.Units) > 1 {
			names, _ = v.ask.Singles(v.r.Context(), v.of()) // what cannot be told is said where it is wanted; the product can be upgraded as a whole
		}
		body.Copies = singles(i.ID, i.Units, names)
		if body.Errand, err = v.ask.Errand(v.r.Context(), v.of()); err != nil {
			return err
		}
	}
	return v.show(http.StatusOK, "installation", i.Product, v.about(), body)
}

// single is a unit, and whether it can be upgraded by itself.
type single struct {
	ask.Unit
	Alone bool
	Link  string // to its own upgrade
}

func singles(id string, units []ask.Unit, names []string) []single {
	var out []single
	for _, u := range units {
		component, _, _ := strings.Cut(u.ID, "@")
		out = append(out, single{u, slices.Contains(names, component), to("i", id, "upgrade") + "?" + url.Values{"only": {u.ID}}.Encode()})
	}
	return out
}

// find gives one installation out of the overview.
func (v *visit) find(ctx context.Context) (ask.Installation, error) {
	o, err := v.ask.Overview(ctx)
	if err != nil {
		return ask.Installation{}, err
	}
	for _, i := range o.Installations {
		if i.ID == v.id() {
			return i, nil
		}
	}
	return ask.Installation{}, &ask.Error{Kind: ask.Unknown, Text: v.t("error.noinstallation", "id", v.id())}
}

func (p *Page) runs(v *visit) error {
	skip, _ := strconv.Atoi(v.r.URL.Query().Get("skip")) // what is no number is the beginning
	skip = max(skip, 0)
	runs, err := v.ask.Runs(v.r.Context(), ask.RunsQuery{Installation: v.id(), Skip: skip, Limit: runsShown})
	if err != nil {
		return err
	}
	body := struct {
		Of
		ask.Runs
		Earlier, Later int
	}{Of{ID: v.id(), Tab: "runs"}, runs, 0, -1}
	if runs.More {
		body.Earlier = skip + runsShown
	}
	if skip > 0 {
		body.Later = max(0, skip-runsShown)
	}
	return v.show(http.StatusOK, "runs", v.t("runs.title"), v.about(crumb{v.t("runs.title"), to("i", v.id(), "runs")}), body)
}

// stretch is the steps of a run or a plan in one part.
type stretch struct {
	Part  ask.Part
	Steps []line
	Total time.Duration
}

// line is one step with the place of its bar, in thousandths of the time.
type line struct {
	ask.Step
	N       int // among those that are carried out; 0: a control step
	X, Wide int
}

// stretches cuts steps by what users see. The bars say where the time of a run
// went; a plan's steps have none.
func stretches(steps []ask.Step, opened, end time.Time) []stretch {
	var out []stretch
	n, whole := 0, end.Sub(opened)
	for _, s := range steps {
		if len(out) == 0 || out[len(out)-1].Part != s.Part {
			out = append(out, stretch{Part: s.Part})
		}
		l := line{Step: s}
		if s.Control == "" {
			n++
			l.N = n
		}
		if whole > 0 && !s.Began.IsZero() {
			until := s.Ended
			if until.Before(s.Began) {
				until = end
			}
			l.X = min(995, int(1000*s.Began.Sub(opened)/whole))
			l.Wide = min(1000-l.X, max(5, int(1000*until.Sub(s.Began)/whole)))
		}
		last := &out[len(out)-1]
		last.Steps, last.Total = append(last.Steps, l), last.Total+s.Took
	}
	return out
}

// story is one run.
type story struct {
	Of
	ask.Run
	Token string
	Parts []stretch
	Now   time.Time
}

func (v *visit) story(r ask.Run) story {
	now := v.page.Now()
	end := r.Closed
	if end.IsZero() {
		end = now
	}
	return story{Of{ID: v.id(), Tab: "runs"}, r, v.Token(), stretches(r.Steps, r.Opened, end), now}
}

func (p *Page) run(v *visit) error {
	q := ask.RunQuery{Installation: v.id(), Run: v.r.PathValue("run")}
	r, err := v.ask.Run(v.r.Context(), q)
	if err != nil {
		return err
	}
	log, err := v.ask.Log(v.r.Context(), ask.LogQuery{Installation: q.Installation, Run: q.Run, From: -logShown})
	if err != nil {
		return err
	}
	body := struct {
		story
		Log ask.Log
	}{v.story(r), log}
	title := v.t("run.title", "product", r.Product, "from", r.From, "to", r.To)
	if r.From == "" {
		title = v.t("run.first", "product", r.Product, "to", r.To)
	}
	l := leaf{Title: title, Crumbs: v.about(crumb{v.t("runs.title"), to("i", v.id(), "runs")}, crumb{r.ID, to("i", v.id(), "runs", r.ID)}), Body: body}
	if l.Live = r.Going != ""; l.Live {
		l.Refresh = 5
	}
	return v.showLeaf(http.StatusOK, "run", l)
}

// log gives the whole log as text.
func (p *Page) log(v *visit) error {
	q := ask.LogQuery{Installation: v.id(), Run: v.r.PathValue("run")}
	first := true
	for {
		part, err := v.ask.Log(v.r.Context(), q)
		if err != nil && first {
			return err
		}
		if first {
			first = false
			v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			v.w.Header().Set("Content-Disposition", fmt.Sprintf("inline; filename=%q", "upkeep-"+q.Run+".log"))
		}
		if err != nil {
			io.WriteString(v.w, "\n"+v.t("log.broken", "why", err)+"\n")
			return nil
		}
		v.soon()
		for _, l := range part.Lines {
			if _, err := io.WriteString(v.w, l+"\n"); err != nil {
				return nil // whoever read it has gone
			}
		}
		if part.Next <= q.From {
			return nil
		}
		q.From = part.Next
	}
}

func (p *Page) resume(v *visit) error {
	q := ask.RunQuery{Installation: v.id(), Run: v.r.PathValue("run")}
	if _, err := v.ask.Resume(v.r.Context(), q); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, to("i", q.Installation, "runs", q.Run), http.StatusSeeOther)
	return nil
}

// decide makes the decision that a run waits for, or cancels it.
func (p *Page) decide(v *visit) error {
	q := ask.RunQuery{Installation: v.id(), Run: v.r.PathValue("run")}
	d := ask.Decision{RunQuery: q, Step: v.r.PostFormValue("step"), Choice: ask.Choice(v.r.PostFormValue("choice")), Why: v.r.PostFormValue("why")}
	if _, err := v.ask.Decide(v.r.Context(), d); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, to("i", q.Installation, "runs", q.Run), http.StatusSeeOther)
	return nil
}

// done says that a task is done.
func (p *Page) done(v *visit) error {
	q := ask.RunQuery{Installation: v.id(), Run: v.r.PathValue("run")}
	if _, err := v.ask.Done(v.r.Context(), ask.Word{RunQuery: q, Step: v.r.PostFormValue("step")}); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, to("i", q.Installation, "runs", q.Run), http.StatusSeeOther)
	return nil
}

func (p *Page) points(v *visit) error {
	points, err := v.ask.Points(v.r.Context(), ask.Of{Installation: v.id()})
	if err != nil {
		return err
	}
	e, err := v.ask.Errand(v.r.Context(), v.of())
	if err != nil {
		return err
	}
	body := struct {
		Of
		ask.Points
		Errand ask.Errand
		Token  string
	}{Of{ID: v.id(), Tab: "points"}, points, e, v.Token()}
	return v.showLeaf(http.StatusOK, "points", working(leaf{Title: v.t("points.title"), Crumbs: v.about(crumb{v.t("points.title"), to("i", v.id(), "points")}), Body: body}, e))
}

// looked is a page that first says what it would look at, since that takes a
// while.
type looked[T any] struct {
	Of
	Found  *T
	Errand ask.Errand
	Token  string
}

func look[T any](v *visit, tab string, f func(context.Context, ask.Of) (T, error)) error {
	body := looked[T]{Of: Of{ID: v.id(), Tab: tab}, Token: v.Token()}
	var err error
	if body.Errand, err = v.ask.Errand(v.r.Context(), v.of()); err != nil {
		return err
	}
	if v.r.URL.Query().Get("look") != "" {
		found, err := f(v.r.Context(), ask.Of{Installation: v.id()})
		if err != nil {
			return err
		}
		body.Found = &found
	}
	title := v.t(tab + ".title")
	return v.showLeaf(http.StatusOK, tab, working(leaf{Title: title, Crumbs: v.about(crumb{title, to("i", v.id(), tab)}), Body: body}, body.Errand))
}

func (p *Page) drift(v *visit) error { return look(v, "drift", v.ask.Drift) }

func (p *Page) doctor(v *visit) error { return look(v, "doctor", v.ask.Doctor) }
