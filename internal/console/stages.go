package console

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"upkeep/internal/hub/ask"
)

// pages are the templates of the stages that a guide shows.
var pages = map[ask.Stage]string{ask.StageReady: "upgrade", ask.StageSafety: "safety", ask.StageParams: "params", ask.StageChoices: "choices", ask.StageTasks: "tasks"}

// guided shows a stage of the wizard, or leads to the one before it that is not
// settled.
func (p *Page) guided(s ask.Stage) func(*visit) error {
	return func(v *visit) error {
		d := v.wish(v.r.URL.Query())
		g, err := v.ask.Guide(v.r.Context(), d.Wish)
		if err != nil {
			return err
		}
		for _, param := range g.Params {
			if !param.Changed && param.Problem == "" {
				delete(d.Params, param.ID)
			}
		}
		if v.unsettled(g, s, d) {
			return nil
		}
		if s != ask.StageReady && !slices.ContainsFunc(g.Stages, func(o ask.StageState) bool { return o.Stage == s }) {
			v.lead(at(v.id(), newStage(v, s, g.Stages, d, g).following()), d)
			return nil
		}
		st := newStage(v, s, g.Stages, d, g)
		title := v.t(key("stage", s))
		crumbs := v.about(crumb{v.t("upgrade.title"), at(v.id(), ask.StageReady) + "?" + string(st.Query)})
		if s != ask.StageReady {
			crumbs = append(crumbs, crumb{title, v.r.URL.RequestURI()})
		}
		return v.showLeaf(http.StatusOK, pages[s], leaf{Title: title, Crumbs: crumbs, Live: true, Body: st})
	}
}

// unsettled leads to a stage that must be settled before the one that is wanted.
func (v *visit) unsettled(g ask.Guide, wanted ask.Stage, d draft) bool {
	if g.UpToDate && wanted != ask.StageReady && (wanted != ask.StageChoices || len(g.Groups) == 0) {
		v.lead(at(v.id(), ask.StageReady), d)
		return true
	}
	return v.passedOver(g.Stages, wanted, d)
}

func (v *visit) passedOver(stages []ask.StageState, wanted ask.Stage, d draft) bool {
	order := ask.Stages()
	for _, o := range stages {
		if slices.Index(order, o.Stage) >= slices.Index(order, wanted) {
			break
		}
		if o.Open || o.Stage == ask.StageSafety && d.Leave {
			v.lead(at(v.id(), o.Stage), d)
			return true
		}
	}
	return false
}

// lead leads to an address with the wish.
func (v *visit) lead(address string, d draft, more ...string) {
	q := url.Values{}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	extra := ""
	if len(q) > 0 {
		extra = "&" + q.Encode()
	}
	http.Redirect(v.w, v.r, address+"?"+query(d)+extra, http.StatusSeeOther)
}

// Input is a feature as a form asks for it.
type Input struct {
	ask.Feature
	ID, Name                 string
	Radio, Checked, Disabled bool
}

// Set is a group of them. Empty: a choice of none of it is offered.
type Set struct {
	ask.Group
	Name         string
	Empty, Unset bool
	Inputs       []Input
}

// Sets are the groups as a form asks for them.
func (s stage[T]) Sets(groups []ask.Group) []Set {
	var out []Set
	for n, g := range groups {
		set := Set{Group: g, Name: fmt.Sprint(oneOf, n), Empty: g.One}
		asked := slices.ContainsFunc(g.Features, func(f ask.Feature) bool { return f.Alone && f.Asked })
		set.Unset = !asked
		// what only needs something beside it can be chosen together with that
		locked := slices.ContainsFunc(g.Features, func(f ask.Feature) bool { return f.Alone && f.Locked })
		closed := []string{}
		for _, f := range g.Features {
			in := Input{Feature: f, ID: ident("choose", f.Path), Name: "choose", Radio: g.One && f.Alone, Checked: f.Asked || f.Chosen, Disabled: f.Locked || f.Chosen && !f.Asked}
			if in.Radio {
				in.Name = set.Name
				in.Checked = f.Asked || f.Chosen && !asked
				in.Disabled = locked && !f.Asked
				set.Empty = set.Empty && (!f.Chosen || f.Asked)
			}
			if in.Disabled = in.Disabled || !f.Asked && slices.ContainsFunc(closed, func(up string) bool { return strings.HasPrefix(f.Path, up+"/") }); in.Disabled && !f.Chosen {
				closed = append(closed, f.Path)
			}
			set.Inputs = append(set.Inputs, in)
		}
		out = append(out, set)
	}
	return out
}

// Task is the first task that is open; nil: none is.
func (s stage[T]) Task(all []ask.Asked) *ask.Asked {
	for i := range all {
		if all[i].Open {
			return &all[i]
		}
	}
	return nil
}

// YesNo says that an answer is yes or no.
func (s stage[T]) YesNo(a ask.Asked) bool {
	return len(a.Want) > 0 && !slices.ContainsFunc(a.Want, func(w string) bool { return w != "yes" && w != "no" })
}

// Offered are the answers that one click gives.
func (s stage[T]) Offered(a ask.Asked) []string {
	if s.YesNo(a) {
		return []string{"yes", "no"}
	}
	return slices.DeleteFunc(slices.Clone(a.Want), func(w string) bool { return w == "" || strings.ContainsAny(w, " =") })
}

// say keeps an answer, or that a task is done.
func (p *Page) say(v *visit) error {
	d := v.posted(ask.StageTasks)
	if _, err := v.ask.Say(v.r.Context(), ask.Saying{Wish: d.Wish, ID: v.r.PostFormValue("task"), Text: cmp.Or(v.r.PostFormValue("choice"), v.r.PostFormValue("text"))}); err != nil {
		return err
	}
	v.lead(at(v.id(), ask.StageTasks), d)
	return nil
}

// review shows the scripts, one of them with its lines.
func (p *Page) review(v *visit) error {
	d := v.wish(v.r.URL.Query())
	r, err := v.ask.Review(v.r.Context(), ask.ScriptQuery{Wish: d.Wish, Script: v.r.URL.Query().Get("script")})
	if err != nil {
		return err
	}
	g, err := v.ask.Guide(v.r.Context(), d.Wish)
	if err != nil {
		return err
	}
	if v.unsettled(g, ask.StageReview, d) {
		return nil
	}
	if len(r.Scripts) == 0 {
		v.lead(at(v.id(), ask.StagePlan), d)
		return nil
	}
	st := newStage(v, ask.StageReview, g.Stages, d, r)
	title := v.t(key("stage", ask.StageReview))
	return v.showLeaf(http.StatusOK, "review", leaf{Title: title, Body: struct {
		stage[ask.Review]
		Open, Edit bool
	}{st, g.Undecided > 0, v.r.URL.Query().Get("edit") != ""},
		Crumbs: v.about(crumb{v.t("upgrade.title"), at(v.id(), ask.StageReady) + "?" + string(st.Query)}, crumb{title, v.r.URL.RequestURI()})})
}

// judge decides what becomes of a script.
func (p *Page) judge(v *visit) error {
	d := v.posted(ask.StageReview)
	form := v.r.PostFormValue
	verdict := ask.Verdict{Wish: d.Wish, Script: form("script"), SHA256: form("sha256"), Judgement: ask.Judgement(form("judgement")), Note: form("note")}
	if verdict.Judgement == ask.Edit {
		verdict.Content = form("content")
	}
	if _, err := v.ask.Judge(v.r.Context(), verdict); err != nil {
		return err
	}
	v.lead(at(v.id(), ask.StageReview), d)
	return nil
}

// fixes shows what mends a finding.
func (p *Page) fixes(v *visit) error {
	d := v.wish(v.r.URL.Query())
	f, err := v.ask.Fixes(v.r.Context(), ask.FixQuery{Wish: d.Wish, Finding: v.r.URL.Query().Get("finding")})
	if err != nil {
		return err
	}
	if f.Gone {
		v.lead(at(v.id(), ask.StageReady), d)
		return nil
	}
	return v.showFixes(d, f, nil)
}

// mended is a finding with what mends it, and what came of it.
type mended struct {
	ask.Fixes
	Done *ask.Mended
}

func (v *visit) showFixes(d draft, f ask.Fixes, done *ask.Mended) error {
	st := newStage(v, "", nil, d, mended{f, done})
	return v.showLeaf(http.StatusOK, "fixes", leaf{Title: v.t("fixes.title"), Body: st,
		Crumbs: v.about(crumb{v.t("upgrade.title"), at(v.id(), ask.StageReady) + "?" + string(st.Query)})})
}

// mend has a fix carried out.
func (p *Page) mend(v *visit) error {
	d := v.posted(ask.StageReady)
	q := ask.FixQuery{Wish: d.Wish, Finding: v.r.PostFormValue("finding")}
	m, err := v.ask.Mend(v.r.Context(), ask.Mending{FixQuery: q, Text: v.r.PostFormValue("fix")})
	if err != nil {
		return err
	}
	if m.Gone && m.Error == "" {
		v.lead(at(v.id(), ask.StageReady), d)
		return nil
	}
	f, err := v.ask.Fixes(v.r.Context(), q)
	if err != nil {
		return err
	}
	return v.showFixes(d, f, &m)
}

// fetch has releases fetched.
func (p *Page) fetch(v *visit) error {
	d := v.posted(ask.StageReady)
	if _, err := v.ask.Fetch(v.r.Context(), d.Wish); err != nil {
		return err
	}
	v.lead(to("i", v.id(), "fetch"), d)
	return nil
}

// fetching shows how far that is, and leads on when it is done.
func (p *Page) fetching(v *visit) error {
	d := v.wish(v.r.URL.Query())
	f, err := v.ask.Fetching(v.r.Context(), ask.Of{Installation: v.id()})
	if err != nil {
		return err
	}
	st := newStage(v, "", nil, d, f)
	if f.Known && !f.Going && f.Error == "" {
		next := at(v.id(), ask.StagePlan) + "?" + string(st.Query)
		if v.r.Header.Get("HX-Request") != "" { // a part of the page has asked, and all of it goes on
			v.w.Header().Set("HX-Redirect", next)
			return nil
		}
		http.Redirect(v.w, v.r, next, http.StatusSeeOther)
		return nil
	}
	l := leaf{Title: v.t("fetch.title"), Live: f.Going, Body: st, Crumbs: v.about(crumb{v.t("upgrade.title"), at(v.id(), ask.StageReady) + "?" + string(st.Query)})}
	if f.Going {
		l.Refresh = 2
	}
	return v.showLeaf(http.StatusOK, "fetch", l)
}

// web gives an address of the web out of a reference that a vendor gives; empty:
// it is none.
func web(reference string) string {
	u, err := url.Parse(strings.TrimSpace(reference))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return u.String()
}
