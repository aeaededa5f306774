package console

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"upkeep/internal/hub/ask"
)

// waive begins the names of the fields with the reasons of waivers.
const waive = "waive."

// wish is what the fields of the wizard say. They travel from page to page in the
// address, so that going back loses nothing.
func (v *visit) wish(form url.Values) ask.Wish {
	w := ask.Wish{Installation: v.id(), To: strings.TrimSpace(form.Get("to")), OnFailure: form.Get("on-failure"), Only: form["only"], Waivers: map[string]string{}, Outside: strings.TrimSpace(form.Get("outside"))}
	for name := range form {
		if id, ok := strings.CutPrefix(name, waive); ok {
			if why := strings.TrimSpace(form.Get(name)); why != "" {
				w.Waivers[id] = why
			}
		}
	}
	return w
}

// fields are a wish as a form hands it on.
func fields(w ask.Wish) [][2]string {
	var out [][2]string
	if w.To != "" {
		out = append(out, [2]string{"to", w.To})
	}
	if w.OnFailure != "" {
		out = append(out, [2]string{"on-failure", w.OnFailure})
	}
	if w.Outside != "" {
		out = append(out, [2]string{"outside", w.Outside})
	}
	for _, unit := range w.Only {
		out = append(out, [2]string{"only", unit})
	}
	for _, id := range slices.Sorted(maps.Keys(w.Waivers)) {
		out = append(out, [2]string{waive + id, w.Waivers[id]})
	}
	return out
}

// query is a wish as a link hands it on.
func query(w ask.Wish) string {
	q := url.Values{}
	for _, f := range fields(w) {
		q.Add(f[0], f[1])
	}
	return cmp.Or(q.Encode(), "to=")
}

// stage is a page of the wizard.
type stage[T any] struct {
	Of
	Stage  int // 1 readiness, 2 plan
	Wish   ask.Wish
	Fields [][2]string
	Query  string
	Token  string
	Found  T
	Parts  []stretch
}

func newStage[T any](v *visit, n int, w ask.Wish, found T) stage[T] {
	return stage[T]{Of: Of{ID: v.id(), Tab: "upgrade"}, Stage: n, Wish: w, Fields: fields(w), Query: query(w), Token: v.Token(), Found: found}
}

// upgrade shows whether the product is ready.
func (p *Page) upgrade(v *visit) error {
	w := v.wish(v.r.URL.Query())
	r, err := v.ask.Check(v.r.Context(), w)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "upgrade", v.t("upgrade.title"), v.about(crumb{v.t("upgrade.title"), v.r.URL.RequestURI()}), newStage(v, 1, w, r))
}

// plan shows what would be done.
func (p *Page) plan(v *visit) error {
	w := v.wish(v.r.URL.Query())
	pl, err := v.ask.Plan(v.r.Context(), w)
	if err != nil {
		return err
	}
	s := newStage(v, 2, w, pl)
	s.Parts = forecast(pl.Steps)
	return v.show(http.StatusOK, "plan", v.t("plan.title"), v.about(crumb{v.t("upgrade.title"), to("i", v.id(), "upgrade") + "?" + s.Query}, crumb{v.t("plan.title"), v.r.URL.RequestURI()}), s)
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

// start says yes to the plan that was shown.
func (p *Page) start(v *visit) error {
	w := v.wish(v.r.PostForm)
	if at := later(v.r.PostForm); at != "" {
		return p.schedule(v, ask.Later{Yes: ask.Yes{Wish: w, Digest: v.r.PostFormValue("digest")}, At: at})
	}
	s, err := v.ask.Start(v.r.Context(), ask.Yes{Wish: w, Digest: v.r.PostFormValue("digest")})
	if err != nil {
		return err
	}
	http.Redirect(v.w, v.r, to("i", v.id(), "runs", s.Run), http.StatusSeeOther)
	return nil
}
