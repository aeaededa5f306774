package manage

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/service"
	"upkeep/internal/step"
	"upkeep/internal/verbs"
)

// handlers gives the handler of every verb, wired to this computer.
func (in *Installation) handlers() map[string]step.Handler { return in.computer().Handlers() }

func (in *Installation) computer() verbs.Computer {
	return verbs.Computer{
		FS: in.FS, Commands: in.runner, Probes: in.probes, Gate: in.gate, Databases: in.databases.Open,
		Services: func(_ string, s plan.Service) (service.Manager, error) { return in.services.Manager(s), nil },
		Packages: in.packageManager, Boots: computer{}, Bundles: in.bundlesDir(), Accounts: ownership, Root: in.Root, Settle: settle,
		Engine: in.engineAt, Proven: func(p backup.Point) bool { return in.proven()(p) },
		Outage: func(run string) time.Duration { return in.Forecast(run).Outage },
	}
}

// settle makes durable what any program of this computer has written, where the
// platform has a call for that.
func settle() error {
	if err := durable.SyncAll(); !errors.Is(err, durable.ErrUnsupported) {
		return err
	}
	return nil
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
