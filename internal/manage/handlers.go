package manage

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os/user"
	"path/filepath"
	"strconv"

	"upkeep/internal/backup"
	"upkeep/internal/backup/archive"
	"upkeep/internal/bundle"
	"upkeep/internal/files"
	"upkeep/internal/plan"
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
	"upkeep/internal/step/packages"
	"upkeep/internal/step/params"
	"upkeep/internal/step/precopy"
	"upkeep/internal/step/prove"
	"upkeep/internal/step/reboot"
	"upkeep/internal/step/record"
	steprun "upkeep/internal/step/run"
	"upkeep/internal/step/run/child"
	stepservice "upkeep/internal/step/service"
	"upkeep/internal/step/stage"
	"upkeep/internal/step/tell"
	"upkeep/internal/step/verify"
)

// handlers gives the handler of every verb, wired to this computer.
func (in *Installation) handlers() map[string]step.Handler {
	runner := child.Runner{Commands: in.runner, FS: in.FS}
	control := stepservice.Control{Managers: func(opID string, s plan.Service) (service.Manager, error) { return in.services.Manager(s), nil }, Probes: in.probes}
	bundles := bundleStore{in}
	points := map[string]*archive.Archive{}
	engines := func(dir string) backup.Engine {
		if points[dir] == nil {
			points[dir] = archive.New(archive.Config{Dir: dir, FS: in.FS})
		}
		return points[dir]
	}
	backups := stepbackup.New(in.FS, engines, in.databases.Open)
	runs, scripts := steprun.New(runner, in.probes), hooks.New(runner, in.probes)
	return map[string]step.Handler{
		"back":     back.New(map[string]step.Handler{"run": runs, "hooks": scripts}),
		"access":   access.New(runner, in.probes, in.gate),
		"backup":   backups,
		"check":    check.New(in.probes),
		"create":   create.New(in.FS, ownership, in.Root),
		"clean-up": cleanup.New(in.FS, pointStore{engines}),
		"drain":    drain.New(runner, in.probes),
		"fetch":    packages.NewFetch(runner, in.packageManager, bundles),
		"guard":    packages.NewGuard(runner, in.packageManager, "/"),
		"hold":     hold.New(runner, control),
		"hooks":    scripts,
		"install":  install.New(in.FS),
		"migrate":  migrate.New(runner, in.probes, bundles, in.databases.Open),
		"notify":   notify.New(runner, in.probes),
		"packages": packages.NewInstall(runner, in.packageManager),
		"params":   params.New(in.FS),
		"precopy":  precopy.New(in.FS, engines, in.databases.Open),
		"prove":    prove.New(in.probes),
		"reboot":   reboot.New(computer{}),
		"record":   record.New(runner, in.probes),
		"restore":  stepbackup.NewAnchor(backups),
		"restart":  stepservice.NewRestart(control, runner.Records()),
		"return":   stepbackup.NewReturn(backups),
		"run":      runs,
		"stage":    stage.New(in.FS, bundles, ownership, in.Root),
		"start":    stepservice.NewStart(control),
		"stop":     stepservice.NewStop(control),
		"tell":     tell.New(in.probes),
		"verify":   verify.New(in.probes),
	}
}

// bundleStore opens the copies of bundles that a run keeps, by digest.
type bundleStore struct{ in *Installation }

func (b bundleStore) open(ctx context.Context, digest string) (*bundle.Bundle, error) {
	at := filepath.Join(b.in.bundlesDir(), digest)
	opened, err := bundle.Open(ctx, b.in.FS, at, bundle.Options{})
	if err != nil {
		return nil, fmt.Errorf("the run's copy of the bundle: %w", err)
	}
	if opened.Digest() != digest {
		return nil, fmt.Errorf("the run's copy of the bundle in %s was changed", at)
	}
	return opened, nil
}

// Payload implements stage.Bundles.
func (b bundleStore) Payload(ctx context.Context, digest, payload, sums string) (io.ReadCloser, files.Tree, error) {
	opened, err := b.open(ctx, digest)
	if err != nil {
		return nil, files.Tree{}, err
	}
	f, err := opened.FS().Open(sums)
	if err != nil {
		return nil, files.Tree{}, err
	}
	defer f.Close()
	t, err := files.ParseAny(f)
	if err != nil {
		return nil, files.Tree{}, fmt.Errorf("the sums of the payload %s: %w", payload, err)
	}
	r, err := opened.FS().Open(payload)
	return r, t, err
}

// Open implements migrate.Scripts.
func (b bundleStore) Open(ctx context.Context, digest, name string) ([]byte, error) {
	opened, err := b.open(ctx, digest)
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(opened.FS(), name)
}

// ownership resolves an account.
func ownership(name string) (files.Ownership, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if uid, perr := strconv.ParseUint(name, 10, 32); perr == nil {
			u, err = user.LookupId(strconv.FormatUint(uid, 10))
			if err != nil {
				return files.Ownership{UID: uint32(uid), GID: uint32(uid)}, nil
			}
		} else {
			return files.Ownership{}, fmt.Errorf("there is no account %s: %w", name, err)
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return files.Ownership{}, fmt.Errorf("account %s has the number %q: %w", name, u.Uid, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return files.Ownership{}, fmt.Errorf("account %s has the group %q: %w", name, u.Gid, err)
	}
	return files.Ownership{UID: uint32(uid), GID: uint32(gid)}, nil
}

// pointStore shows restore points to the verb that cleans up.
type pointStore struct{ engines stepbackup.Engines }

// List implements cleanup.Points.
func (p pointStore) List(ctx context.Context, dir string) ([]cleanup.Point, error) {
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

// Sweep implements cleanup.Points.
func (p pointStore) Sweep(ctx context.Context, dir string) error {
	_, err := p.engines(dir).Sweep(ctx)
	return err
}

// Remove implements cleanup.Points.
func (p pointStore) Remove(ctx context.Context, dir, id string) error {
	return p.engines(dir).Remove(ctx, id)
}
