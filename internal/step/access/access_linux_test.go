package access_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/access"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

type folder = childtest.Folder

// page is the mode of a product with a page that is parked while it is off.
func page(w folder) plan.AccessParams {
	return plan.AccessParams{Mode: "maintenance", Marker: w.Path("app_offline.htm"), Parked: w.Path("app_offline.bak"),
		Aliases: []string{w.Path("app_offline.html")}, Reason: "Back at <noon>", Page: &plan.Told{Product: "shop", Doing: "upgrade", To: "2.0"}}
}

func marker(w folder) plan.AccessParams {
	return plan.AccessParams{Mode: "maintenance", Marker: w.Path(".maintenance")}
}

// owned is the same of a product that runs as another account; only root can
// give the marker to it.
func owned(w folder) plan.AccessParams {
	p := marker(w)
	p.Owner = "nobody"
	return p
}

// shown is the same with a probe that a write is refused.
func shown(w folder) plan.AccessParams {
	p := marker(w)
	p.Refused = &plan.Probe{Source: "exists", Args: []string{p.Marker}}
	return p
}

// switched is a mode by commands, each of which fails where it has been carried
// out already.
func switched(w folder) plan.AccessParams {
	return plan.AccessParams{Mode: "read-only", State: &plan.Probe{Source: "exists", Args: []string{w.Path("mode")}},
		Enter: []string{"/bin/mkdir", w.Path("mode")}, Leave: []string{"/bin/rmdir", w.Path("mode")}}
}

func write(names ...string) func(t *testing.T, w folder) {
	return func(t *testing.T, w folder) {
		for _, n := range names {
			w.Write(t, n, "as the site wrote it in "+n)
		}
	}
}

func on(t *testing.T, w folder) { must(t, os.Mkdir(w.Path("mode"), 0o755)) }

func TestEntering(t *testing.T) {
	for _, c := range []struct {
		name   string
		params func(folder) plan.AccessParams
		given  func(*testing.T, folder)
		before step.State
		mixed  map[string]func(*testing.T, folder)
	}{
		{"marker", marker, write(), "", map[string]func(*testing.T, folder){
			"half written": func(t *testing.T, w folder) { w.Write(t, ".upkeep-tmp-0011223344556677", "Mainten") },
		}},
		{"marker, a write must be refused", shown, write(), "", nil},
		{"marker of an account", owned, write(), "", nil},
		{"marker on before", marker, write(".maintenance"), step.New, nil},
		{"page", page, write(), "", nil},
		{"page, parked", page, write("app_offline.bak"), "", nil},
		{"page on before under an alias", page, write("app_offline.html"), step.New, nil},
		{"page on before under both names", page, write("app_offline.htm", "app_offline.bak"), step.New, nil},
		{"commands", switched, write(), "", nil},
		{"commands, on before", switched, on, step.New, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			steptest.Run(t, steptest.Subject[folder]{
				New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, folder) {
					w := folder(t.TempDir())
					c.given(t, w)
					return access.New(childtest.Runner(t, k), childtest.Probes(t), nil), childtest.Step(t, plan.Step{Verb: "access"}, c.params(w)), w
				},
				Before: c.before, Mixed: c.mixed,
			})
		})
	}
}

// begin prepares an access step.
func begin(t *testing.T, p plan.AccessParams, recall step.Memo) (*access.Handler, plan.Step, step.Env, step.Memo) {
	t.Helper()
	s := childtest.Step(t, plan.Step{Verb: "access"}, p)
	env, _ := childtest.Env(t, s, step.Forward)
	env.Recall = func(string) (step.Memo, error) { return recall, nil }
	h := access.New(childtest.Runner(t, nil), childtest.Probes(t), nil)
	m, err := h.Prepare(t.Context(), env, s)
	must(t, err)
	return h, s, env, m
}

// enter carries out an access step and gives its memo.
func enter(t *testing.T, p plan.AccessParams) step.Memo {
	t.Helper()
	h, s, env, m := begin(t, p, nil)
	must(t, h.Do(t.Context(), env, s, m))
	return m
}

type ending struct {
	name   string
	params func(folder) plan.AccessParams
	given  func(*testing.T, folder)
	want   string // the names that are there afterwards
	before step.State
}

func endings() []ending {
	return []ending{
		{"marker", marker, write(), "", ""},
		{"marker on before", marker, write(".maintenance"), ".maintenance", step.New},
		{"page", page, write(), "app_offline.bak", ""},
		{"page, parked", page, write("app_offline.bak"), "app_offline.bak", ""},
		{"page on before", page, write("app_offline.htm", "app_offline.bak"), "app_offline.bak app_offline.htm", step.New},
		{"commands", switched, write(), "", ""},
		{"commands, on before", switched, on, "mode", step.New},
	}
}

func TestEnding(t *testing.T) {
	for _, c := range endings() {
		t.Run(c.name, func(t *testing.T) {
			memos := map[folder]step.Memo{}
			steptest.Run(t, steptest.Subject[folder]{
				New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, folder) {
					w := folder(t.TempDir())
					c.given(t, w)
					p := c.params(w)
					memos[w] = enter(t, p)
					p.Reopen = "enter"
					return access.New(childtest.Runner(t, k), childtest.Probes(t), nil), childtest.Step(t, plan.Step{Verb: "access"}, p), w
				},
				Before: c.before,
				Env: func(_ *testing.T, w folder, e *step.Env) {
					e.Recall = func(string) (step.Memo, error) { return memos[w], nil }
				},
			})
		})
	}
}

func TestWhatIsLeftAfterTheEnd(t *testing.T) {
	for _, c := range endings() {
		t.Run(c.name, func(t *testing.T) {
			w := folder(t.TempDir())
			c.given(t, w)
			p := c.params(w)
			memo := enter(t, p)
			p.Reopen = "enter"
			h, s, env, m := begin(t, p, memo)
			must(t, h.Do(t.Context(), env, s, m))
			if got := names(t, w); got != c.want {
				t.Errorf("there is %q, want %q", got, c.want)
			}
		})
	}
}

// A step that was never carried out is not ended.
func TestNothingEnteredNothingEnded(t *testing.T) {
	w := folder(t.TempDir())
	write(".maintenance")(t, w)
	p := marker(w)
	p.Reopen = "enter"
	h, s, env, m := begin(t, p, nil)
	must(t, h.Do(t.Context(), env, s, m))
	if got := names(t, w); got != ".maintenance" {
		t.Errorf("there is %q", got)
	}
}

func names(t *testing.T, w folder) string {
	t.Helper()
	list, err := os.ReadDir(string(w))
	must(t, err)
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

// The customer's checklist: a page of an earlier attempt is there, under either
// name. It counts as on; ending it parks it, or removes it where one is parked
// already, and doing that again changes nothing.
func TestParkedPage_S3_44_S3_45_S3_46(t *testing.T) {
	for _, c := range []struct{ name, given, want string }{
		{"S3-45 not parked: renamed", "app_offline.htm", "app_offline.bak"},
		{"S3-44 under its other name", "app_offline.html", "app_offline.bak"},
		{"S3-46 parked already: deleted", "app_offline.htm app_offline.bak", "app_offline.bak"},
		{"S3-44 under both", "app_offline.htm app_offline.html", "app_offline.bak"},
		{"nothing to do", "app_offline.bak", "app_offline.bak"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := folder(t.TempDir())
			write(strings.Fields(c.given)...)(t, w)
			p := page(w)
			p.Reopen = "enter"
			h, s, env, m := begin(t, p, step.Memo(`{"on":false}`)) // this run found it off
			for range 2 {
				must(t, h.Do(t.Context(), env, s, m))
				if got := names(t, w); got != c.want {
					t.Errorf("there is %q, want %q", got, c.want)
				}
			}
		})
	}
}

func TestNewPageIsFitToBeShown(t *testing.T) {
	for reason, want := range map[string][]string{
		"Back at <noon>": {"<p>Back at &lt;noon&gt;. Your data is kept.</p>"},
		"":               {"shop is being upgraded to 2.0. Your data is kept.", `<section lang="fr">`, "shop passe à la version 2.0.", "Expected end: 20", "Fin prévue"},
	} {
		w := folder(t.TempDir())
		p := page(w)
		p.Reason = reason
		s := childtest.Step(t, plan.Step{Verb: "access"}, p)
		env, _ := childtest.Env(t, s, step.Forward)
		h := access.New(childtest.Runner(t, nil), childtest.Probes(t), nil).Expecting(func(string) time.Duration { return time.Hour })
		m, err := h.Prepare(t.Context(), env, s)
		must(t, err)
		must(t, h.Do(t.Context(), env, s, m))
		b, err := os.ReadFile(w.Path("app_offline.htm"))
		must(t, err)
		for _, want := range want {
			if !strings.Contains(string(b), want) {
				t.Errorf("there is no %q in\n%s", want, b)
			}
		}
	}
}

func TestMarkerSaysWhatTheProductReads(t *testing.T) {
	w := folder(t.TempDir())
	p := marker(w)
	p.Content = "<?php $upgrading = time();"
	enter(t, p)
	if b, err := os.ReadFile(p.Marker); err != nil || string(b) != "<?php $upgrading = time();\n" {
		t.Errorf("the marker is %q, %v", b, err)
	}
}

func TestWritesThatAreNotRefused(t *testing.T) {
	w := folder(t.TempDir())
	p := marker(w)
	p.Refused = &plan.Probe{Source: "exists", Args: []string{w.Path("refused")}}
	h, s, env, m := begin(t, p, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := h.Do(ctx, env, s, m); err == nil || !strings.Contains(err.Error(), "a write is not refused") {
		t.Errorf("Do gives %v", err)
	}
	obs, err := h.Observe(t.Context(), env, s, m)
	if err != nil || obs.State != step.Mixed {
		t.Errorf("Observe gives %+v, %v", obs, err)
	}
	w.Write(t, "refused", "")
	must(t, h.Do(t.Context(), env, s, m))
}

func TestCommandWithoutItsEffect(t *testing.T) {
	w := folder(t.TempDir())
	p := switched(w)
	p.Enter = []string{"/bin/true"}
	h, s, env, m := begin(t, p, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := h.Do(ctx, env, s, m); err == nil || !strings.Contains(err.Error(), "read-only mode is off") {
		t.Errorf("Do gives %v", err)
	}
}

func TestMarkerBelongsToTheProduct(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a marker is given to another account")
	}
	w := folder(t.TempDir())
	p := marker(w)
	p.Owner = "nobody"
	enter(t, p)
	info, err := childtest.FS(nil).Lstat(p.Marker)
	must(t, err)
	if info.UID == 0 {
		t.Error("the marker belongs to root")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
