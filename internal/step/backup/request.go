package backup

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"upkeep/internal/backup"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

var errNotExist = fs.ErrNotExist

// Request says what goes into the restore point of a step; the first pass and
// the second must ask for the same. Its databases are opened; the function
// closes them.
func Request(ctx context.Context, env step.Env, p *plan.BackupParams, databases Databases) (r backup.Request, closeAll func(), err error) {
	r = backup.Request{ID: PointID(env.Run, p.Key), About: backup.About{Version: p.Version, Run: env.Run}}
	if env.Progress != nil {
		r.Progress = func(done int64, part string) {
			env.Progress(step.Progress{Done: done, Unit: "bytes", Line: part})
		}
	}
	for _, f := range p.Files {
		r.Files = append(r.Files, backup.FilePart{Name: f.Component, Path: f.Path, Exclude: append(sideFiles(f.Path, p.Databases), f.Exclude...)})
	}
	closeAll = func() {
		for _, d := range r.Databases {
			_ = d.DB.Close()
		}
	}
	for _, d := range p.Databases {
		db, err := databases(ctx, d, env.OpID)
		if err != nil {
			closeAll()
			return r, nil, fmt.Errorf("cannot open the database of %s: %w", d.Component, err)
		}
		r.Databases = append(r.Databases, backup.DatabasePart{Name: d.Component, DB: db})
	}
	return r, closeAll, nil
}

// sideFiles are the patterns of the SQLite databases in a tree: they are dumped
// and restored as databases, and their files differ after every restore.
func sideFiles(root string, dbs []plan.Database) []string {
	var out []string
	for _, d := range dbs {
		if d.Kind != "sqlite" {
			continue
		}
		rel, err := filepath.Rel(root, d.Path)
		if err != nil || !filepath.IsLocal(rel) || rel == "." {
			continue
		}
		base := "/" + quote(filepath.ToSlash(rel))
		out = append(out, base, base+"-wal", base+"-shm", base+"-journal")
	}
	return out
}

// quote makes a pattern that matches the path alone.
func quote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
