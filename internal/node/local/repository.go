package local

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"upkeep/internal/backup/restic"
	"upkeep/internal/durable"
	"upkeep/internal/plan"
)

// systemPath is where programs are looked for when nothing says so, as by a
// unit at boot.
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Repository gives the engine for a repository of restic, with a folder for
// notes, and a bandwidth in bytes a second for what is done while users work (0: no
// limit). Secrets are read when they are needed, and again each time.
func Repository(fsys durable.FS, secrets Secrets, dir string, at plan.Repository, bandwidth int64) *restic.Engine {
	return restic.New(restic.Config{
		Repository: at.Location, Dir: dir, Name: at.Name, Host: Node(), Program: at.Program, Limit: bandwidth, FS: fsys,
		Password: func(ctx context.Context) (string, error) {
			text, err := secrets.Resolve(ctx, at.Password)
			if err != nil {
				err = fmt.Errorf("the password of the restic repository: %w", err)
			}
			return text, err
		},
		Environment: func(ctx context.Context) ([]string, error) { return environment(ctx, secrets, at.Environment) },
	})
}

// environment is all that restic gets to know.
func environment(ctx context.Context, secrets Secrets, extra map[string]plan.Variable) ([]string, error) {
	env := []string{"PATH=" + cmp.Or(os.Getenv("PATH"), systemPath)}
	for _, name := range []string{"HOME", "TMPDIR"} { // of ssh, and of what is packed
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		text := extra[name].Text
		if ref := extra[name].Ref; ref != nil {
			var err error
			if text, err = secrets.Resolve(ctx, *ref); err != nil {
				return nil, fmt.Errorf("%s, which restic needs: %w", name, err)
			}
		}
		env = append(env, name+"="+text)
	}
	return env, nil
}
