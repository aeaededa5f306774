package console

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"

	"upkeep/internal/hub/ask"
)

// screens are the pages beside the wizard.
func (p *Page) screens(mux *http.ServeMux) {
	for pattern, f := range map[string]func(*visit) error{
		"POST /refresh":                 p.refreshAll,
		"GET /together":                 p.together,
		"POST /together":                p.startAll,
		"GET /together/last":            p.batch,
		"POST /i/{id}/refresh":          p.refresh,
		"GET /i/{id}/errand":            p.errand,
		"POST /i/{id}/points/create":    p.send(ask.ErrandCreate, "points"),
		"POST /i/{id}/points/verify":    p.send(ask.ErrandVerify, "points"),
		"POST /i/{id}/points/restore":   p.send(ask.ErrandRestore, "points"),
		"POST /i/{id}/doctor/mend":      p.send(ask.ErrandMend, "doctor"),
		"GET /i/{id}/points/{point}":    p.restore,
		"GET /i/{id}/back":              p.back,
		"POST /i/{id}/back":             p.takeBack,
		"GET /i/{id}/settings":          p.settings,
		"GET /i/{id}/support":           p.support,
		"POST /i/{id}/support":          p.supportFile,
		"GET /i/{id}/runs/{run}/report": p.reportRun,
		"GET /i/{id}/drift/report":      p.reportDrift,
	} {
		mux.HandleFunc(pattern, p.in(f))
	}
}

func (v *visit) of() ask.Of { return ask.Of{Installation: v.id()} }

// goTo sends the browser on after something was done.
func (v *visit) goTo(parts ...string) error {
	http.Redirect(v.w, v.r, to(parts...), http.StatusSeeOther)
	return nil
}

// refreshAll looks for the releases of every installation that is shown.
func (p *Page) refreshAll(v *visit) error {
	o, err := v.ask.Overview(v.r.Context())
	if err != nil {
		return err
	}
	failed := make([]error, len(o.Installations))
	var wg sync.WaitGroup
	for i, in := range o.Installations {
		if in.Error == "" {
			// one that has no feed says so; what could not be reached stands in the overview
			wg.Go(func() { _, failed[i] = v.ask.Refresh(v.r.Context(), ask.Of{Installation: in.ID}) })
		}
	}
	wg.Wait()
	for _, err := range failed {
		if k := ask.KindOf(err); err != nil && k != ask.Refused {
			return err
		}
	}
	http.Redirect(v.w, v.r, "/", http.StatusSeeOther)
	return nil
}

func (p *Page) refresh(v *visit) error {
	if _, err := v.ask.Refresh(v.r.Context(), v.of()); err != nil {
		return err
	}
	if v.r.PostFormValue("at") == "settings" {
		return v.goTo("i", v.id(), "settings")
	}
	return v.goTo("i", v.id())
}

// send has work done, and shows the page where it can be watched.
func (p *Page) send(kind ask.ErrandKind, at string) func(*visit) error {
	return func(v *visit) error {
		f := v.r.PostForm
		e := ask.Errand{Installation: v.id(), Kind: kind, Point: f.Get("point"), Only: f["only"], Sum: f.Get("sum"), Note: strings.TrimSpace(f.Get("note")), Symptom: f.Get("symptom")}
		if _, err := v.ask.Send(v.r.Context(), e); err != nil {
			return err
		}
		return v.goTo("i", v.id(), at)
	}
}

// errand is the work alone. A page that shows it and has script asks for it here
// again and again, and is loaded anew when it is over.
func (p *Page) errand(v *visit) error {
	e, err := v.ask.Errand(v.r.Context(), v.of())
	if err != nil {
		return err
	}
	if !e.Going && v.r.Header.Get("HX-Request") != "" {
		v.w.Header().Set("HX-Refresh", "true")
	}
	title := v.t("errand.title")
	return v.showLeaf(http.StatusOK, "errand", working(leaf{Title: title, Crumbs: v.about(crumb{title, to("i", v.id(), "errand")}), Body: struct {
		Of
		Errand ask.Errand
	}{Of{ID: v.id()}, e}}, e))
}

// working has a page move while work is under way.
func working(l leaf, e ask.Errand) leaf {
	if e.Going {
		l.Live, l.Refresh = true, 3
	}
	return l
}

// restore shows what putting a restore point back would do.
func (p *Page) restore(v *visit) error {
	q := v.r.URL.Query()
	body := struct {
		Of
		Point string
		Token string
		Only  []string
		Found *ask.Outlook
	}{Of{ID: v.id(), Tab: "points"}, v.r.PathValue("point"), v.Token(), q["only"], nil}
	if q.Get("look") != "" {
		o, err := v.ask.Outlook(v.r.Context(), ask.PointQuery{Installation: v.id(), Point: body.Point, Only: body.Only})
		if err != nil {
			return err
		}
		if body.Found = &o; len(body.Only) == 0 {
			body.Only = o.Parts
		}
	}
	title := v.t("restore.title")
	return v.show(http.StatusOK, "restore", title, v.about(crumb{v.t("points.title"), to("i", v.id(), "points")}, crumb{body.Point, to("i", v.id(), "points", body.Point)}), body)
}

// back shows the way back from the last upgrade.
func (p *Page) back(v *visit) error {
	body := struct {
		Of
		Token string
		Found *ask.Return
		Parts []stretch
	}{Of: Of{ID: v.id(), Tab: "runs"}, Token: v.Token()}
	if v.r.URL.Query().Get("look") != "" {
		r, err := v.ask.Return(v.r.Context(), v.of())
		if err != nil {
			return err
		}
		body.Found, body.Parts = &r, forecast(r.Steps)
	}
	title := v.t("back.title")
	return v.show(http.StatusOK, "back", title, v.about(crumb{title, to("i", v.id(), "back")}), body)
}

func (p *Page) takeBack(v *visit) error {
	s, err := v.ask.TakeBack(v.r.Context(), ask.Yes{Wish: ask.Wish{Installation: v.id()}, Digest: v.r.PostFormValue("digest")})
	if err != nil {
		return err
	}
	return v.goTo("i", v.id(), "runs", s.Run)
}

// planned is what one of several upgrades would do, or why it would not.
type planned struct {
	ID      string
	Plan    ask.Plan
	Why     string
	Reasons []string
}

// Ready says that it can be started.
func (p planned) Ready() bool { return p.Why == "" && !p.Plan.UpToDate && len(p.Plan.People) == 0 }

// together shows the plans of several upgrades.
func (p *Page) together(v *visit) error {
	ids := v.r.URL.Query()["i"]
	if v.r.URL.Query().Get("all") != "" {
		o, err := v.ask.Overview(v.r.Context())
		if err != nil {
			return err
		}
		for _, i := range o.Installations {
			if i.Currency == ask.Behind && i.Open == nil {
				ids = append(ids, i.ID)
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	body := struct {
		Token string
		Plans []planned
		Ready int
	}{Token: v.Token(), Plans: make([]planned, len(ids))}
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() {
			one := planned{ID: id}
			var err error
			if one.Plan, err = v.ask.Plan(v.r.Context(), ask.Wish{Installation: id}); err != nil {
				one.Why = err.Error()
				var e *ask.Error
				if errors.As(err, &e) {
					one.Reasons = e.Reasons
				}
			}
			body.Plans[i] = one
		})
	}
	wg.Wait()
	for _, one := range body.Plans {
		if one.Ready() {
			body.Ready++
		}
	}
	title := v.t("together.title")
	return v.show(http.StatusOK, "together", title, []crumb{{title, v.r.URL.RequestURI()}}, body)
}

// startAll says yes to the plans that were shown.
func (p *Page) startAll(v *visit) error {
	q := ask.Together{Stop: v.r.PostFormValue("stop") != ""}
	for _, id := range v.r.PostForm["i"] {
		q.Yeses = append(q.Yeses, ask.Yes{Wish: ask.Wish{Installation: id}, Digest: v.r.PostFormValue("digest." + id)})
	}
	if _, err := v.ask.StartAll(v.r.Context(), q); err != nil {
		return err
	}
	return v.goTo("together", "last")
}

func (p *Page) batch(v *visit) error {
	b, err := v.ask.Batch(v.r.Context())
	if err != nil {
		return err
	}
	title := v.t("batch.title")
	l := leaf{Title: title, Crumbs: []crumb{{title, to("together", "last")}}, Body: b}
	if len(b.Items) > 0 && b.Ended.IsZero() {
		l.Live, l.Refresh = true, 3
	}
	return v.showLeaf(http.StatusOK, "batch", l)
}

func (p *Page) settings(v *visit) error {
	s, err := v.ask.Settings(v.r.Context(), v.of())
	if err != nil {
		return err
	}
	title := v.t("settings.title")
	return v.show(http.StatusOK, "settings", title, v.about(crumb{title, to("i", v.id(), "settings")}), struct {
		Of
		ask.Settings
		Token string
	}{Of{ID: v.id(), Tab: "settings"}, s, v.Token()})
}

// support says what the file for whoever helps holds.
func (p *Page) support(v *visit) error {
	title := v.t("support.title")
	return v.show(http.StatusOK, "support", title, v.about(crumb{title, to("i", v.id(), "support")}), struct {
		Of
		Token string
	}{Of{ID: v.id(), Tab: "doctor"}, v.Token()})
}

func (p *Page) supportFile(v *visit) error {
	f, err := v.ask.Support(v.r.Context(), v.of())
	if err != nil {
		return err
	}
	v.keepFile(f)
	return nil
}

func (p *Page) reportRun(v *visit) error {
	return v.report(ask.ReportQuery{Installation: v.id(), Kind: ask.ReportRun, Run: v.r.PathValue("run")})
}

func (p *Page) reportDrift(v *visit) error {
	return v.report(ask.ReportQuery{Installation: v.id(), Kind: ask.ReportDrift})
}

func (v *visit) report(q ask.ReportQuery) error {
	q.Format = v.r.URL.Query().Get("format")
	f, err := v.ask.Report(v.r.Context(), q)
	if err != nil {
		return err
	}
	v.keepFile(f)
	return nil
}

// keepFile sends a file to be kept: the browser does not open it here.
func (v *visit) keepFile(f ask.File) {
	h := v.w.Header()
	h.Set("Content-Type", f.Type)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	h.Set("Content-Length", fmt.Sprint(len(f.Data)))
	_, _ = v.w.Write(f.Data) // whoever asked has gone, otherwise
}
