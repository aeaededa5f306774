package packages

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/backup/archive"
	"upkeep/internal/database"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	stepbackup "upkeep/internal/step/backup"
	"upkeep/internal/step/steptest"
)

func TestFetchContract(t *testing.T) {
	lab.Slow(t)
	fetching(t, false)
}

// TestFetchFarContract: what a package manager downloads is not synced by it.
func TestFetchFarContract(t *testing.T) {
	lab.Slow(t)
	fetching(t, true)
}

func fetching(t *testing.T, far bool) {
	const complete, partial = "packages/r1-h1-shop", "packages/.upkeep-r1-h1-shop"
	half := func(t *testing.T, w *world) {
		must(t, os.MkdirAll(filepath.Join(w.state, partial, "x"), 0o700))
	}
	steptest.Run(t, steptest.Subject[*world]{Moments: 4,
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
			w := newWorld(t)
			if w.far = far; far {
				w.killer, w.change[0].Source = k, "machine"
			}
			return NewFetch(w.runner(k.FS()), w.managers, w), w.step("h1.fetch.shop", "fetch", w.params()), w
		},
		Mixed: map[string]func(*testing.T, *world){
			"half unpacked": half,
			"half of it beside the whole": func(t *testing.T, w *world) {
				k := w.killer // this is no moment of the verb
				w.killer = nil
				w.fetched()
				w.killer = k
				half(t, w)
			},
		},
		Between: func(t *testing.T, w *world) {
			// the restore point is made of this list
			list, err := os.ReadFile(filepath.Join(w.state, complete, Footprint))
			if err != nil || !strings.Contains(string(list), `"usr/share/shop/"`) {
				t.Errorf("what the packages touch: %v\n%s", err, list)
			}
		},
	})
}

func TestGuardContract(t *testing.T) {
	for name, site := range map[string]string{"a machine without a policy": "", "a site with a policy of its own": "#!/bin/sh\nexit 0\n"} {
		t.Run(name, func(t *testing.T) {
			steptest.Run(t, steptest.Subject[*guarding]{
				New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *guarding) {
					w := newGuarding(t, site)
					return w.handler(k), w.step(plan.GuardParams{Units: []string{"a.service", "b.timer", "masked.service", "own.service"}}), w
				},
				Reborn: func(_ *testing.T, w *guarding, k *steptest.Killer) step.Handler { return w.handler(k) },
				Mixed: map[string]func(*testing.T, *guarding){
					"half masked": func(t *testing.T, w *guarding) {
						must(t, os.Symlink("/dev/null", filepath.Join(w.root, unitsDir, "a.service")))
					},
				},
			})
		})
		t.Run("its end, "+name, func(t *testing.T) {
			steptest.Run(t, steptest.Subject[*guarding]{
				New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *guarding) {
					w := newGuarding(t, site)
					h, s := w.handler(nil), w.step(plan.GuardParams{Units: []string{"a.service", "b.timer"}})
					var err error
					w.memo, err = h.Prepare(t.Context(), step.Env{}, s)
					must(t, err)
					must(t, h.Do(t.Context(), step.Env{Run: "r1", OpID: "r1/g/do"}, s, w.memo))
					return w.handler(k), w.step(plan.GuardParams{Release: "guard"}), w
				},
				Env: func(_ *testing.T, w *guarding, e *step.Env) {
					e.Recall = func(string) (step.Memo, error) { return w.memo, nil }
				},
				Reborn: func(_ *testing.T, w *guarding, k *steptest.Killer) step.Handler { return w.handler(k) },
			})
		})
	}
}

// guarding is a machine that systemd runs.
type guarding struct {
	*world
	memo step.Memo
}

func newGuarding(t *testing.T, policy string) *guarding {
	top := steptest.Dir(t)
	w := &guarding{world: &world{t: t, root: top}}
	for _, dir := range []string{unitsDir, permanent, filepath.Dir(policyFile)} {
		must(t, os.MkdirAll(filepath.Join(top, dir), 0o755))
	}
	must(t, os.Symlink("/dev/null", filepath.Join(top, unitsDir, "masked.service")))
	must(t, os.WriteFile(filepath.Join(top, permanent, "own.service"), []byte("[Service]\n"), 0o644))
	if policy != "" {
		must(t, os.WriteFile(filepath.Join(top, policyFile), []byte(policy), 0o700))
	}
	return w
}

func (w *guarding) Fingerprint() string { return steptest.Describe(w.root) }

func (w *guarding) handler(k *steptest.Killer) *Guard {
	fsys := durable.OS()
	if w.killer = k; k != nil {
		fsys = k.FS()
	}
	return NewGuard(w.runner(fsys), w.managers, w.root)
}

func (w *guarding) step(p plan.GuardParams) plan.Step { return w.world.step("guard", "guard", p) }

// whole is the verb together with the restore point that takes it back.
type whole struct {
	*Install
	backup *stepbackup.Handler
	w      *world
}

func (h whole) point() plan.Step {
	return h.w.step("backup", "backup", plan.BackupParams{Key: "origin", Version: "1.0", Dir: h.w.state + "/points", Covers: []string{"x"}, Files: []plan.FileSource{
		{Component: "shop", Path: h.w.root, Exclude: []string{"/var/lib/dpkg/lock*", "/var/lib/dpkg/triggers/Lock"}, Lists: []string{h.w.state + "/packages/r1-h1-shop/footprint.json"}}}})
}

// Prepare makes the restore point, too, as the plan does before.
func (h whole) Prepare(ctx context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	return h.Install.Prepare(ctx, env, s)
}

func (h whole) Undo(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	if err := h.Install.Undo(ctx, env, s, m); err != nil {
		return err
	}
	raw, _ := json.Marshal(map[string]any{"id": "r1-origin", "dir": true})
	env.Touched = func(string) bool { return true }
	return h.backup.Undo(ctx, env, h.point(), raw)
}

func TestInstallContract(t *testing.T) {
	lab.Slow(t)
	noDatabases := func(context.Context, plan.Database, string) (database.Database, error) {
		return nil, errors.New("there are none")
	}
	steptest.Run(t, steptest.Subject[*world]{Moments: 3,
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
			w := newWorld(t)
			w.fetched()
			w.killer = k
			engine := archive.New(archive.Config{Dir: w.state + "/points", FS: durable.OS()})
			h := whole{NewInstall(w.runner(k.FS()), w.managers), stepbackup.New(durable.OS(), func(string, *plan.Repository) backup.Engine { return engine }, noDatabases), w}
			m, err := h.backup.Prepare(t.Context(), w.env(step.Forward), h.point())
			must(t, err)
			must(t, h.backup.Do(t.Context(), w.env(step.Forward), h.point(), m))
			return h, w.step("h1.install.shop", "packages", w.params()), w
		},
		Mixed: map[string]func(*testing.T, *world){
			"half configured": func(t *testing.T, w *world) {
				at := filepath.Join(w.root, "var/lib/dpkg/status")
				text, err := os.ReadFile(at)
				must(t, err)
				must(t, os.WriteFile(at, []byte(strings.Replace(string(text), "install ok installed", "install ok half-configured", 1)), 0o644))
			},
		},
	})
}

// TestInstallReadsBack: a manager that says that all went well proves nothing.
func TestInstallReadsBack(t *testing.T) {
	w := newWorld(t)
	w.fetched()
	p := w.params()
	p.Changes = append(p.Changes, plan.PackageChange{Name: "ghost", To: "1", Source: "machine"})
	h := NewInstall(w.runner(durable.OS()), w.managers)
	err := h.Do(t.Context(), w.env(step.Forward), w.step("h1.install.shop", "packages", p), step.Memo("{}"))
	if err == nil || !strings.Contains(err.Error(), "says that all went well, but") || w.has() != "1.1 installed" {
		t.Errorf("a package that did not come: %v; installed is %s", err, w.has())
	}
}

// TestInstallNotPlanned: what somebody else has changed is not installed over.
func TestInstallNotPlanned(t *testing.T) {
	w := newWorld(t)
	w.change[0].From = "0.9"
	h := NewInstall(w.runner(durable.OS()), w.managers)
	if _, err := h.Prepare(t.Context(), w.env(step.Forward), w.step("h1.install.shop", "packages", w.params())); err == nil || !strings.Contains(err.Error(), "shop is 1.0 now, and the plan was made for 0.9") {
		t.Errorf("a version that is not that of the plan: %v", err)
	}
}

// TestFetchWrongPackages: only what the plan names is installed.
func TestFetchWrongPackages(t *testing.T) {
	w := newWorld(t)
	w.change[0].To = "1.2"
	h := NewFetch(w.runner(durable.OS()), w.managers, w)
	err := h.Do(t.Context(), w.env(step.Forward), w.step("h1.fetch.shop", "fetch", w.params()), step.Memo("{}"))
	if err == nil || !strings.Contains(err.Error(), "of shop 1.2 there are 0 files") {
		t.Errorf("a bundle without the planned package: %v", err)
	}
}
