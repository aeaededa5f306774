package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

var errNotExist = fs.ErrNotExist

// Request says what goes into the restore point of a step; the first pass and
// the second must ask for the same. Its databases are opened; the function
// closes them.
func Request(ctx context.Context, env step.Env, fsys durable.Reader, e backup.Engine, p *plan.BackupParams, databases Databases) (r backup.Request, closeAll func(), err error) {
	r = backup.Request{ID: PointID(env.Run, p.Key), About: backup.About{Version: p.Version, Run: env.Run}}
	if env.Progress != nil {
		r.Progress = func(done int64, part string) {
			env.Progress(step.Progress{Done: done, Unit: "bytes", Line: part})
		}
	}
	for _, f := range p.Files {
		part := backup.FilePart{Name: f.Component, Path: f.Path, First: env.Expand(f.First), Exclude: append(sideFiles(f.Path, p.Databases), f.Exclude...)}
		if part.Include, err = include(ctx, env, fsys, e, f); err != nil {
			return r, nil, err
		}
		r.Files = append(r.Files, part)
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
		r.Databases = append(r.Databases, backup.DatabasePart{Name: d.Component, DB: db, Prove: p.Proof[d.Component] == plan.ProveAlways})
	}
	return r, closeAll, nil
}

// include gives what of a tree is meant, by lists that earlier steps have
// made and by an earlier restore point; nothing where all is.
func include(ctx context.Context, env step.Env, fsys durable.Reader, e backup.Engine, f plan.FileSource) ([]string, error) {
	var out []string
	for _, name := range f.Lists {
		raw, err := fsys.ReadFile(env.Expand(name))
		if err != nil {
			return nil, fmt.Errorf("cannot tell which files of %s belong in the restore point: %w", f.Component, err)
		}
		var list []string
		if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
			return nil, fmt.Errorf("cannot tell which files of %s belong in the restore point: %s holds no list: %w", f.Component, env.Expand(name), err)
		}
		out = append(out, list...)
	}
	if f.Like != "" {
		point, err := e.Find(ctx, f.Like)
		if err != nil {
			return nil, err
		}
		part, err := point.Part(f.Component)
		if err != nil {
			return nil, err
		}
		if len(part.Include) == 0 {
			return nil, fmt.Errorf("restore point %s does not say which files of %s it holds", f.Like, f.Component)
		}
		out = append(out, part.Include...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
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
