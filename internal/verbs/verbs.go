// Package verbs gives the handler of every verb, wired to the parts of one
// computer, real or simulated. It decides nothing, and imports the verbs.
package verbs

import (
	"time"
	"upkeep/internal/backup"
	"upkeep/internal/backup/archive"
	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
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
	"upkeep/internal/step/merge"
	"upkeep/internal/step/migrate"
	"upkeep/internal/step/notify"
	steppackages "upkeep/internal/step/packages"
	"upkeep/internal/step/params"
	"upkeep/internal/step/precopy"
	"upkeep/internal/step/prove"
	"upkeep/internal/step/reboot"
	"upkeep/internal/step/record"
	"upkeep/internal/step/rehearse"
	steprun "upkeep/internal/step/run"
	"upkeep/internal/step/run/child"
	stepservice "upkeep/internal/step/service"
	"upkeep/internal/step/stage"
	"upkeep/internal/step/tell"
	"upkeep/internal/step/verify"
)

// Computer is what the verbs work with.
type Computer struct {
	FS        durable.FS
	Commands  child.Commands
	Probes    *probe.Evaluator
	Gate      access.Gate
	Databases stepbackup.Databases
	Services  stepservice.Managers
	Packages  steppackages.Managers
	Boots     reboot.Computer
	Bundles   string // folder in which runs keep their copies, by digest
	Accounts  func(name string) (files.Ownership, error)
	Root      bool // files can be given to other accounts
	// Settle makes durable what any program has written, on any volume; nil where
	// nothing does.
	Settle func() error
	// Engine gives the engine of restore points for a place: a folder, or a repository
	// of restic with a folder for notes. Nil: the archive, and no plan has another.
	Engine func(dir string, at *plan.Repository) backup.Engine
	// Proven says whether a restore point was read whole after it was made; nil:
	// nothing tells.
	Proven func(backup.Point) bool
	// Outage gives the forecast of a run's outage, for its users; nil: there is none.
	Outage func(run string) time.Duration
}

// Rehearsal gives the handler that rehearses migrations by those scripts.
func (c Computer) Rehearsal(scripts rehearse.Scripts) *rehearse.Handler {
	runner := child.Runner{Commands: c.Commands, FS: c.FS, Settle: c.Settle}
	return rehearse.New(c.FS, rehearse.Open(c.Databases), scripts, func(open rehearse.Open) step.Handler {
		return migrate.New(runner, c.Probes, scripts, migrate.Opener(open))
	})
}

// rehearsed gives how long scripts took on a copy of the data. Nothing depends on
// it: what cannot be read is not known.
func (c Computer) rehearsed(state string) map[string]migrate.Pace {
	r, err := rehearse.Kept(c.FS, state)
	if err != nil {
		return nil
	}
	out := map[string]migrate.Pace{}
	for _, s := range r.Through() {
		for _, sc := range s.Scripts {
			out[sc.SHA256] = migrate.Pace{Took: sc.Took, Statements: sc.Statements}
		}
	}
	return out
}

// Handlers gives the handlers by verb.
func (c Computer) Handlers() map[string]step.Handler {
	runner := child.Runner{Commands: c.Commands, FS: c.FS, Settle: c.Settle}
	if c.Boots != nil {
		runner.Boot, _ = c.Boots.BootID() // where there is none, no power cut can be told from a kill
	}
	control := stepservice.Control{Managers: c.Services, Probes: c.Probes}
	kept := bundles{c.FS, c.Bundles}
	made := map[string]backup.Engine{}
	engines := func(dir string, at *plan.Repository) backup.Engine {
		key := dir
		if at != nil {
			key += "\x00" + at.Location
		}
		if made[key] == nil && c.Engine != nil {
			made[key] = c.Engine(dir, at)
		} else if made[key] == nil {
			made[key] = archive.New(archive.Config{Dir: dir, FS: c.FS})
		}
		return made[key]
	}
	backups := stepbackup.New(c.FS, engines, c.Databases)
	runs, scripts := steprun.New(runner, c.Probes), hooks.New(runner, c.Probes)
	return map[string]step.Handler{
		"access":   access.New(runner, c.Probes, c.Gate).Expecting(c.Outage),
		"back":     back.New(map[string]step.Handler{"run": runs, "hooks": scripts}),
		"backup":   backups,
		"check":    check.New(c.Probes),
		"clean-up": cleanup.New(c.FS, points{engines, c.Proven}),
		"create":   create.New(c.FS, c.Accounts, c.Root),
		"drain":    drain.New(runner, c.Probes),
		"fetch":    steppackages.NewFetch(runner, c.Packages, kept),
		"guard":    steppackages.NewGuard(runner, c.Packages, "/"),
		"hold":     hold.New(runner, control),
		"hooks":    scripts,
		"install":  install.New(c.FS),
		"merge":    merge.New(c.FS, kept, runner, c.Root),
		"migrate":  migrate.New(runner, c.Probes, kept, migrate.Opener(c.Databases)).Timed(c.rehearsed),
		"notify":   notify.New(runner, c.Probes),
		"packages": steppackages.NewInstall(runner, c.Packages),
		"params":   params.New(c.FS),
		"precopy":  precopy.New(c.FS, engines, c.Databases),
		"prove":    prove.New(c.Probes),
		"reboot":   reboot.New(c.Boots),
		"record":   record.New(runner, c.Probes),
		"rehearse": c.Rehearsal(kept),
		"restart":  stepservice.NewRestart(control, runner.Records()),
		"restore":  stepbackup.NewAnchor(backups),
		"return":   stepbackup.NewReturn(backups),
		"run":      runs,
		"stage":    stage.New(c.FS, kept, c.Accounts, c.Root),
		"start":    stepservice.NewStart(control),
		"stop":     stepservice.NewStop(control),
		"tell":     tell.New(c.Probes),
		"verify":   verify.New(c.Probes, c.Settle),
	}
}
