package hostile

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"testing"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/files"
	"upkeep/internal/packages"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/service"
	"upkeep/internal/site"
	"upkeep/internal/step"
	"upkeep/internal/step/access"
	stepbackup "upkeep/internal/step/backup"
	"upkeep/internal/step/cleanup"
	"upkeep/internal/step/create"
	"upkeep/internal/step/drain"
	"upkeep/internal/step/hold"
	"upkeep/internal/step/hooks"
	"upkeep/internal/step/install"
	"upkeep/internal/step/migrate"
	"upkeep/internal/step/notify"
	steppackages "upkeep/internal/step/packages"
	"upkeep/internal/step/params"
	"upkeep/internal/step/precopy"
	"upkeep/internal/step/prove"
	"upkeep/internal/step/reboot"
	"upkeep/internal/step/record"
	steprun "upkeep/internal/step/run"
	"upkeep/internal/step/run/child"
	stepservice "upkeep/internal/step/service"
	"upkeep/internal/step/stage"
)

type (
	points  struct{ backup.Engine }
	bundles struct{}
	kept    struct{ *blank }
)

func (points) Kind() string { return "archive" }
func (points) Find(context.Context, string) (backup.Point, error) {
	return backup.Point{}, backup.ErrNotFound
}
func (points) List(context.Context) ([]backup.Point, error) { return nil, nil }
func (points) Verify(context.Context, string) error         { return backup.ErrNotFound }
func (points) Tree(context.Context, string, string) (files.Tree, error) {
	return files.Tree{}, backup.ErrNotFound
}
func (points) Remove(context.Context, string) error               { return nil }
func (points) Sweep(context.Context, ...string) ([]string, error) { return nil, nil }
func (points) Finish(context.Context, backup.Request) (backup.Point, error) {
	return backup.Point{}, errNothing
}
func (points) Prepare(context.Context, backup.Request) error { return errNothing }
func (points) RestoreFiles(context.Context, string, string, backup.Target) (backup.Restored, error) {
	return backup.Restored{}, errNothing
}
func (points) RestoreDatabase(context.Context, string, string, database.Database) error {
	return errNothing
}

func (bundles) Payload(context.Context, string, string, string) (io.ReadCloser, files.Tree, error) {
	return nil, files.Tree{}, errNothing
}
func (bundles) Open(context.Context, string, string) ([]byte, error) { return nil, errNothing }
func (bundles) Site(context.Context, string, string) ([]byte, error) { return nil, errNothing }

func (kept) List(context.Context, string, *plan.Repository) ([]site.Kept, error) { return nil, nil }
func (k kept) Remove(context.Context, string, *plan.Repository, string) error    { return k.change() }
func (kept) Sweep(context.Context, string, *plan.Repository) error               { return nil }

// verbs gives the handlers on a blank computer, those that have a memo.
func verbs(b *blank) map[string]step.Handler {
	runner := child.Runner{Commands: commands{b}, FS: b}
	probes := probe.New(probe.Deps{Files: b, Transport: silent{}, Dial: dial, Commands: looks{}, Timeout: 10 * time.Millisecond})
	control := stepservice.Control{Managers: func(string, plan.Service) (service.Manager, error) { return services{b}, nil }, Probes: probes}
	engines := func(string, *plan.Repository) backup.Engine { return points{} }
	open := func(context.Context, plan.Database, string) (database.Database, error) { return nil, errNothing }
	managers := func(string, packages.Exec) (packages.Manager, error) { return nil, errNothing }
	account := func(string) (files.Ownership, error) { return files.Ownership{}, nil }
	backups := stepbackup.New(b, engines, open)
	return map[string]step.Handler{
		"access": access.New(runner, probes, gates{b}), "backup": backups, "clean-up": cleanup.New(b, kept{b}), "create": create.New(b, account, true),
		"drain": drain.New(runner, probes), "fetch": steppackages.NewFetch(runner, managers, bundles{}), "guard": steppackages.NewGuard(runner, managers, "/nowhere"),
		"hold": hold.New(runner, control), "hooks": hooks.New(runner, probes), "install": install.New(b), "migrate": migrate.New(runner, probes, bundles{}, open),
		"notify": notify.New(runner, probes), "packages": steppackages.NewInstall(runner, managers), "params": params.New(b), "precopy": precopy.New(b, engines, open),
		"prove": prove.New(probes), "reboot": reboot.New(computer{b}), "record": record.New(runner, probes), "restart": stepservice.NewRestart(control, runner.Records()),
		"restore": stepbackup.NewAnchor(backups), "return": stepbackup.NewReturn(backups), "run": steprun.New(runner, probes),
		"stage": stage.New(b, bundles{}, account, true), "start": stepservice.NewStart(control), "stop": stepservice.NewStop(control),
	}
}

// parameters are those of a small step of each verb, as a plan has them.
func parameters() map[string]any {
	probe := plan.Probe{Source: "file", Args: []string{"/nowhere/x"}}
	svc := plan.Service{ID: "app", Names: []string{"app"}}
	set := plan.Setting{ID: "cron", Read: probe, Write: []string{"set", "${value}"}}
	saved := plan.BackupParams{Key: "origin", Version: "1", Dir: "/nowhere/points", Files: []plan.FileSource{{Component: "app", Path: "/nowhere/app"}}}
	command := plan.RunParams{Args: []string{"/nowhere/do"}, Undo: &plan.RunParams{Args: []string{"/nowhere/undo"}}}
	return map[string]any{
		"access": plan.AccessParams{Mode: "maintenance", Marker: "/nowhere/down"}, "backup": saved, "restore": saved, "precopy": saved,
		"return":   plan.ReturnParams{Run: "r0", Point: "r0-origin", BackupParams: saved},
		"clean-up": plan.CleanUpParams{Trees: []string{"/nowhere/old"}, RestoreDir: "/nowhere/points", BundleDir: "/nowhere/bundles"},
		"create":   plan.CreateParams{Places: []plan.NewPlace{{Path: "/nowhere/app", Kind: plan.PlaceFolder}}},
		"drain":    plan.DrainParams{Probe: probe, Every: time.Millisecond}, "hold": plan.HoldParams{Setting: &set, To: "off", Until: "verify"},
		"hooks":   plan.HooksParams{Dir: "/nowhere/hooks", By: "site", Phase: "install", Undo: &command},
		"install": plan.InstallParams{Component: "app", At: "/nowhere/app", Staging: "/nowhere/.up/new", Old: "/nowhere/.up/old", Keep: []string{"etc"}},
		"migrate": plan.MigrateParams{Component: "data", Scripts: []plan.Script{{Name: "a.sql"}}, DB: &plan.Database{Kind: "sqlite", Path: "/nowhere/db"}},
		"notify":  plan.NotifyParams{Who: "all", Run: []string{"/nowhere/mail"}}, "params": plan.ParamsParams{Path: "/nowhere/site.yaml", Text: "new"},
		"record": plan.RecordParams{Settings: []plan.Setting{set}}, "run": command, "restart": plan.ServiceParams{Service: svc},
		"start": plan.ServiceParams{Service: svc}, "stop": plan.ServiceParams{Service: svc, Inhibit: true},
		"stage": plan.StageParams{Component: "app", At: "/nowhere/app", Staging: "/nowhere/.up/new"},
	}
}

// FuzzMemo: whatever a memo and the files beside it (records of children, notes
// of trees) say, looking changes nothing and nothing panics or
// hangs. By one that cannot be read, nothing is taken back.
func FuzzMemo(f *testing.F) {
	var names []string
	for name := range verbs(&blank{}) {
		names = append(names, name)
	}
	slices.Sort(names)
	for i := range names {
		for _, memo := range []string{`{}`, `null`, ``, `{"was":{"running":true}}`, `{"moves":[{}],"dirs":[{}],"copies":[{}]}`, `{"entered":{"entered":null}}`,
			`{"made":[{"path":"/nowhere/app"}],"had":{"/":["a"]}}`, `{"id":"../x","dir":false}`, `[1]`, `{"setting":{"value":"x"},"service":null}`} {
			f.Add(byte(i), []byte(memo), []byte("x"))
		}
		for _, file := range []string{`{}`, `null`, `{"dev":1,"ino":1}`, `{"code":-1,"ended":true,"args":null}`, "upkeep-sums 1\n"} {
			f.Add(byte(i), []byte(`{}`), []byte(file))
		}
	}
	all := parameters()
	f.Fuzz(func(t *testing.T, verb byte, memo, file []byte) {
		name := names[int(verb)%len(names)]
		raw, err := json.Marshal(all[name])
		if err != nil {
			t.Fatal(err)
		}
		s := plan.Step{ID: "h1." + name, Verb: name, Node: "here", Class: plan.Reversible, Undo: "action", Deadline: time.Minute, Params: raw}
		for i, dir := range []step.Direction{step.Forward, step.Back, step.Forward, step.Back} {
			b := &blank{there: i > 1, content: file}
			h := verbs(b)[name]
			env := step.Env{Run: "r", OpID: "r/" + s.ID + "/" + string(dir), Direction: dir, Dir: "/nowhere/run", State: "/nowhere/state", Log: io.Discard,
				Touched: func(string) bool { return true }, Progress: func(step.Progress) {}, Recall: func(string) (step.Memo, error) { return memo, nil }}
			within(t, name+": observe", func(ctx context.Context) error { _, err := h.Observe(ctx, env, s, memo); return err })
			if b.changes > 0 {
				t.Fatalf("%s: looking at what is there has changed %d things", name, b.changes)
			}
			_ = within(t, name+": undo", func(ctx context.Context) error { return h.Undo(ctx, env, s, memo) })
			if !json.Valid(memo) && b.changes > 0 && !memoless(name) {
				t.Fatalf("%s: by a memo that is none, %d things are taken back", name, b.changes)
			}
		}
	})
}

// memoless are the verbs whose way back stands in their parameters alone.
func memoless(verb string) bool {
	return slices.Contains([]string{"run", "hooks", "drain", "notify", "migrate"}, verb)
}

func within(t *testing.T, what string, f func(context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := f(ctx)
	if took := time.Since(began); took > 10*time.Second {
		t.Fatalf("%s took %s", what, took)
	}
	return err
}
