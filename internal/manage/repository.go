package manage

import (
	"context"
	"fmt"
	"maps"

	"upkeep/internal/backup/restic"
	"upkeep/internal/node/local"
	"upkeep/internal/plan"
)

// restic gives the engine for restore points in a repository of restic.
func (in *Installation) restic(dir string, at plan.Repository) *restic.Engine {
	at.Password.File = in.place(at.Password.File)
	at.Environment = maps.Clone(at.Environment)
	for name, v := range at.Environment {
		if v.Ref != nil {
			v.Ref = &plan.SecretRef{File: in.place(v.Ref.File), Env: v.Ref.Env}
			at.Environment[name] = v
		}
	}
	return local.Repository(in.FS, local.Secrets{FS: in.FS}, dir, at, in.Doc.Backup.Bandwidth)
}

// Place says where restore points are kept, and by what.
func (in *Installation) Place() string {
	if at := plan.RepositoryOf(in.Doc); at != nil {
		return "restic, in " + restic.Shown(at.Location)
	}
	return in.Backup
}

// Keeper tells what keeps restore points; whether it can, unfit says.
func (in *Installation) Keeper(ctx context.Context) plan.Keeper {
	at := plan.RepositoryOf(in.Doc)
	if at == nil {
		return plan.Keeper{}
	}
	e := in.restic(in.Backup, *at)
	_, version, err := e.Version(ctx)
	if err != nil {
		return plan.Keeper{} // refused by unfit
	}
	return plan.Keeper{What: fmt.Sprintf("restic %s, in %s", version, restic.Shown(at.Location)), Kept: e.Kept()}
}
