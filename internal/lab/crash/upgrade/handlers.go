package upgrade

import (
	"context"
	"io"
	"io/fs"
	"path/filepath"

	"upkeep/internal/backup"
	"upkeep/internal/backup/archive"
	"upkeep/internal/bundle"
	"upkeep/internal/database"
	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/run"
	"upkeep/internal/service"
	"upkeep/internal/step"
	"upkeep/internal/step/access"
	"upkeep/internal/step/back"
	stepbackup "upkeep/internal/step/backup"
	"upkeep/internal/step/check"
	"upkeep/internal/step/cleanup"
	"upkeep/internal/step/create"
	"upkeep/internal/step/drain"
	"upkeep/internal/step/hold"
	"upkeep/internal/step/hooks"
	"upkeep/internal/step/install"
	"upkeep/internal/step/migrate"
	"upkeep/internal/step/notify"
	"upkeep/internal/step/params"
	"upkeep/internal/step/precopy"
	"upkeep/internal/step/prove"
	"upkeep/internal/step/record"
	steprun "upkeep/internal/step/run"
	"upkeep/internal/step/run/child"
	stepservice "upkeep/internal/step/service"
	"upkeep/internal/step/stage"
	"upkeep/internal/step/tell"
	"upkeep/internal/step/verify"
)

// elsewhere are the verbs that this harness leaves to others, and where their
// crashes are tried.
var elsewhere = map[string]string{
	"fetch":     "internal/step/packages",
	"guard":     "internal/step/packages",
	"packages":  "internal/step/packages",
	"reboot":    "internal/step/reboot",
	"restore":   "internal/step/backup", // where a product is read-only while it is backed up
	"tell":      "internal/step/tell",
	"milestone": "internal/run", // the engine's own: an entry, and nothing else
	"barrier":   "internal/run",
}

// handlers are the real verbs, wired to the world.
func (p *process) handlers(fsys durable.FS) map[string]step.Handler {
	w := p.w
	programs := commands{p}
	runner := child.Runner{Commands: programs, FS: fsys}
	services := manager{service.Inhibits{FS: fsys, Dir: filepath.Join(w.p.State, "services")}, p}
	databases := func(context.Context, plan.Database, string) (database.Database, error) {
		panic("the ledger has no database") // a plan that opens one is another product's
	}
	probes := probe.New(probe.Deps{Files: fsys, Services: services, Commands: programs})
	control := stepservice.Control{Managers: func(string, plan.Service) (service.Manager, error) { return services, nil }, Probes: probes}
	bundles := store{fsys, filepath.Join(w.p.State, "bundles")}
	made := map[string]*archive.Archive{}
	engines := func(dir string) backup.Engine {
		if made[dir] == nil {
			made[dir] = archive.New(archive.Config{Dir: dir, FS: fsys})
		}
		return made[dir]
	}
	backups := stepbackup.New(fsys, engines, databases)
	runs, scripts := steprun.New(runner, probes), hooks.New(runner, probes)
	owner := func(string) (files.Ownership, error) { return files.Ownership{UID: 7, GID: 7}, nil }
	return map[string]step.Handler{
		"back":     back.New(map[string]step.Handler{"run": runs, "hooks": scripts}),
		"access":   access.New(runner, probes, kernel{p}),
		"backup":   backups,
		"check":    check.New(probes),
		"clean-up": cleanup.New(fsys, points{engines}),
		"create":   create.New(fsys, owner, true),
		"drain":    drain.New(runner, probes),
		"hold":     hold.New(runner, control),
		"hooks":    scripts,
		"install":  install.New(fsys),
		"migrate":  migrate.New(runner, probes, bundles, databases),
		"notify":   notify.New(runner, probes),
		"params":   params.New(fsys),
		"precopy":  precopy.New(fsys, engines, databases),
		"prove":    prove.New(probes),
		"record":   record.New(runner, probes),
		"restart":  stepservice.NewRestart(control, runner.Records()),
		"restore":  stepbackup.NewAnchor(backups),
		"return":   stepbackup.NewReturn(backups),
		"run":      runs,
		"stage":    stage.New(fsys, bundles, owner, true),
		"start":    stepservice.NewStart(control),
		"stop":     stepservice.NewStop(control),
		"tell":     tell.New(probes),
		"verify":   verify.New(probes),
	}
}

// store opens the copies of bundles that a run keeps.
type store struct {
	fs  durable.FS
	dir string
}

func (s store) Payload(ctx context.Context, digest, payload, sums string) (io.ReadCloser, files.Tree, error) {
	b, err := bundle.Open(ctx, s.fs, filepath.Join(s.dir, digest), bundle.Options{})
	if err != nil {
		return nil, files.Tree{}, err
	}
	f, err := b.FS().Open(sums)
	if err != nil {
		return nil, files.Tree{}, err
	}
	defer f.Close()
	t, err := files.ParseAny(f)
	if err != nil {
		return nil, files.Tree{}, err
	}
	r, err := b.FS().Open(payload)
	return r, t, err
}

func (s store) Open(ctx context.Context, digest, name string) ([]byte, error) {
	b, err := bundle.Open(ctx, s.fs, filepath.Join(s.dir, digest), bundle.Options{})
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(b.FS(), name)
}

// points shows restore points to the verb that cleans up.
type points struct{ engines stepbackup.Engines }

func (p points) List(ctx context.Context, dir string) ([]cleanup.Point, error) {
	list, err := p.engines(dir).List(ctx)
	if err != nil {
		return nil, err
	}
	var out []cleanup.Point
	for _, pt := range list {
		if pt.Broken == "" {
			out = append(out, cleanup.Point{ID: pt.ID, Run: pt.About.Run, Made: pt.Made})
		}
	}
	return out, nil
}

func (p points) Sweep(ctx context.Context, dir string) error {
	_, err := p.engines(dir).Sweep(ctx)
	return err
}

func (p points) Remove(ctx context.Context, dir, id string) error {
	return p.engines(dir).Remove(ctx, id)
}

// silent watches and says nothing.
type silent struct{}

func (silent) Began(plan.Step, run.Direction, bool)      {}
func (silent) Progress(plan.Step, step.Progress)         {}
func (silent) Ended(plan.Step, run.Direction, run.Ended) {}
func (silent) Note(string)                               {}
func (silent) Log() io.Writer                            { return io.Discard }
