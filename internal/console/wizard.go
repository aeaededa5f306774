package console

import (
	"cmp"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"upkeep/internal/hub/ask"
)

// Beginnings of the names of fields: the reasons of waivers, the values of
// parameters, and of what is one of several.
const (
	waive = "waive."
	set   = "set."
	oneOf = "choose."
)

// leave is what the field safety says where the restore point is to be left out.
const leave = "leave"

// draft is a wish as the fields of the wizard say it. They travel from page to
// page in the address, so that going back loses nothing; nothing of it is secret.
type draft struct {
	ask.Wish
	Leave bool // the restore point is left out, and nobody has said why
}

// wish reads the fields.
func (v *visit) wish(form url.Values) draft {
	d := draft{Wish: ask.Wish{Installation: v.id(), To: strings.TrimSpace(form.Get("to")), OnFailure: form.Get("on-failure"), Only: form["only"], Outside: strings.TrimSpace(form.Get("outside")), Waivers: map[string]string{}, Params: map[string]string{},
		Rehearse: form.Get("rehearse") != "", Prove: form.Get("prove") != ""}}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		value := strings.TrimSpace(form.Get(name))
		if id, ok := strings.CutPrefix(name, waive); ok && value != "" {
			d.Waivers[id] = value
		}
		if id, ok := strings.CutPrefix(name, set); ok {
			d.Params[id] = value
		}
		if name == "choose" || strings.HasPrefix(name, oneOf) {
			for _, f := range form[name] {
				if f != "" && !slices.Contains(d.Choose, f) {
					d.Choose = append(d.Choose, f)
				}
			}
		}
	}
	switch form.Get("safety") {
	case "":
	case leave:
		d.Leave = d.Waivers["backup"] == ""
	default:
		delete(d.Waivers, "backup")
	}
	return d
}

// fields are a wish as a form hands it on.
func fields(d draft) [][2]string {
	var out [][2]string
	add := func(given bool, name, value string) {
		if given {
			out = append(out, [2]string{name, value})
		}
	}
	add(d.To != "", "to", d.To)
	add(d.OnFailure != "", "on-failure", d.OnFailure)
	add(d.Rehearse, "rehearse", "yes")
	add(d.Prove, "prove", "yes")
	add(d.Leave, "safety", leave)
	for _, id := range slices.Sorted(maps.Keys(d.Waivers)) {
		add(true, waive+id, d.Waivers[id])
	}
	add(d.Outside != "", "outside", d.Outside)
	for _, unit := range d.Only {
		add(true, "only", unit)
	}
	for _, id := range slices.Sorted(maps.Keys(d.Params)) {
		add(true, set+id, d.Params[id])
	}
	for _, f := range d.Choose {
		add(true, "choose", f)
	}
	return out
}

// query is a wish as a link hands it on.
func query(d draft) string {
	q := url.Values{}
	for _, f := range fields(d) {
		q.Add(f[0], f[1])
	}
	return cmp.Or(q.Encode(), "to=")
}

// asks says whether a stage has a field itself.
func asks(s ask.Stage, field string) bool {
	switch s {
	case ask.StageReady:
		return slices.Contains([]string{"to", "rehearse", "prove"}, field) || strings.HasPrefix(field, waive) && field != waive+"backup"
	case ask.StageSafety:
		return slices.Contains([]string{"on-failure", "safety", waive + "backup"}, field)
	case ask.StageParams:
		return strings.HasPrefix(field, set)
	case ask.StageChoices:
		return field == "choose"
	}
	return false
}

// stage is a page of the wizard.
type stage[T any] struct {
	Of
	Stage  ask.Stage
	Stages []ask.StageState
	Wish   draft
	Fields [][2]string // of the other stages
	Query  template.URL
	Token  string
	Found  T
	Parts  []stretch
}

func newStage[T any](v *visit, s ask.Stage, stages []ask.StageState, d draft, found T) stage[T] {
	return stage[T]{Of: Of{ID: v.id(), Tab: "upgrade"}, Stage: s, Stages: stages, Wish: d, Query: template.URL(query(d)), Token: v.Token(), Found: found,
		Fields: slices.DeleteFunc(fields(d), func(f [2]string) bool { return asks(s, f[0]) })}
}

// at is the address of a stage.
func at(id string, s ask.Stage) string {
	switch s {
	case ask.StageReady:
		return to("i", id, "upgrade")
	case ask.StagePlan:
		return to("i", id, "plan")
	}
	return to("i", id, "upgrade", string(s))
}

// Here, Back and Next are the addresses of this stage and those beside it.
func (s stage[T]) Here() string { return at(s.ID, s.Stage) }

// Back is empty at the first stage.
func (s stage[T]) Back() string {
	back := ""
	for _, o := range s.Stages {
		if o.Stage == s.Stage {
			break
		}
		back = at(s.ID, o.Stage)
	}
	return back
}

// Next is the plan where nothing else comes.
func (s stage[T]) Next() string { return at(s.ID, s.following()) }

// Last says that the plan comes next.
func (s stage[T]) Last() bool { return s.following() == ask.StagePlan }

func (s stage[T]) following() ask.Stage {
	order := ask.Stages()
	here := slices.Index(order, s.Stage)
	for _, o := range s.Stages {
		if slices.Index(order, o.Stage) > here {
			return o.Stage
		}
	}
	return ask.StagePlan
}

// Passed says that a stage lies behind.
func (s stage[T]) Passed(o ask.Stage) bool {
	order := ask.Stages()
	return slices.Index(order, o) < slices.Index(order, s.Stage)
}

// To is the address of a stage with the wish.
func (s stage[T]) To(o ask.Stage) string { return at(s.ID, o) + "?" + string(s.Query) }

// plan shows what would be done.
func (p *Page) plan(v *visit) error {
	d := v.wish(v.r.URL.Query())
	pl, err := v.ask.Plan(v.r.Context(), d.Wish)
	if ask.KindOf(err) == ask.Refused {
		// a stage that is not settled says more than a refusal
		if g, gerr := v.ask.Guide(v.r.Context(), d.Wish); gerr == nil && v.unsettled(g, ask.StagePlan, d) {
			return nil
		}
	}
	if err != nil {
		return err
	}
	s := newStage(v, ask.StagePlan, pl.Stages, d, pl)
	if v.passedOver(s.Stages, ask.StagePlan, d) {
		return nil
	}
	s.Parts = forecast(pl.Steps)
	return v.showLeaf(http.StatusOK, "plan", leaf{Title: v.t("plan.title"), Body: s,
		Crumbs: v.about(crumb{v.t("upgrade.title"), to("i", v.id(), "upgrade") + "?" + string(s.Query)}, crumb{v.t("plan.title"), v.r.URL.RequestURI()})})
}

// forecast cuts the steps of a plan by what users see, with the time that each
// part is to take.
func forecast(steps []ask.Step) []stretch {
	var out []stretch
	for _, st := range stretches(steps, time.Time{}, time.Time{}) {
		for _, l := range st.Steps {
			st.Total += l.Forecast
		}
		out = append(out, st)
	}
	return out
}

// posted reads a form of a stage; what is refused leads back there, as it is now.
func (v *visit) posted(s ask.Stage) draft {
	d := v.wish(v.r.PostForm)
	v.again = at(v.id(), s) + "?" + query(d)
	return d
}

// start says yes to the plan that was shown.
func (p *Page) start(v *visit) error {
	d := v.posted(ask.StagePlan)
	if at := later(v.r.PostForm); at != "" {
		return p.schedule(v, ask.Later{Yes: ask.Yes{Wish: d.Wish, Digest: v.r.PostFormValue("digest")}, At: at})
	}
	s, err := v.ask.Start(v.r.Context(), ask.Yes{Wish: d.Wish, Digest: v.r.PostFormValue("digest")})
	if err != nil {
		return err
	}
	http.Redirect(v.w, v.r, to("i", v.id(), "runs", s.Run), http.StatusSeeOther)
	return nil
}
