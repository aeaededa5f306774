package upgrade

import (
	"context"
	"errors"
	"io"
	"path/filepath"

	"upkeep/internal/database"
	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/packages"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/run"
	"upkeep/internal/service"
	"upkeep/internal/step"
	"upkeep/internal/verbs"
)

// elsewhere are the verbs that this harness leaves to others, and where their
// crashes are tried.
var elsewhere = map[string]string{
	"fetch":     "internal/step/packages",
	"guard":     "internal/step/packages",
	"packages":  "internal/step/packages",
	"reboot":    "internal/step/reboot",
	"rehearse":  "internal/step/rehearse", // of databases, of which the ledger has none; and in the harness of the real binary
	"restore":   "internal/step/backup",   // where a product is read-only while it is backed up
	"tell":      "internal/step/tell",
	"milestone": "internal/run", // the engine's own: an entry, and nothing else
	"barrier":   "internal/run",
}

// handlers are the real verbs, wired to the world.
func (p *process) handlers(fsys durable.FS) map[string]step.Handler {
	programs := commands{p}
	services := manager{service.Inhibits{FS: fsys, Dir: filepath.Join(p.w.p.State, "services")}, p}
	boots := p.w
	if p.mutant != nil && p.mutant.trusting {
		boots = &World{} // always the same
	}
	return verbs.Computer{
		FS: fsys, Commands: programs, Gate: kernel{p}, Bundles: filepath.Join(p.w.p.State, "bundles"), Root: true, Boots: boots,
		Settle: func() error {
			if p.mutant != nil && p.mutant.hasty {
				return nil
			}
			return fsys.SyncTree(filepath.Dir(p.w.p.Root))
		},
		Probes:   probe.New(probe.Deps{Files: fsys, Services: services, Commands: programs}),
		Services: func(string, plan.Service) (service.Manager, error) { return services, nil },
		Accounts: func(string) (files.Ownership, error) { return files.Ownership{UID: 7, GID: 7}, nil },
		Databases: func(context.Context, plan.Database, string) (database.Database, error) {
			panic("the ledger has no database") // a plan that opens one is another product's
		},
		Packages: func(string, packages.Exec) (packages.Manager, error) {
			return nil, errors.New("the ledger has no packages")
		},
	}.Handlers()
}

// silent watches and says nothing.
type silent struct{}

func (silent) Began(plan.Step, run.Direction, bool)      {}
func (silent) Progress(plan.Step, step.Progress)         {}
func (silent) Ended(plan.Step, run.Direction, run.Ended) {}
func (silent) Note(string)                               {}
func (silent) Log() io.Writer                            { return io.Discard }
