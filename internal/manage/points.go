package manage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/scratch"
	"upkeep/internal/step"
)

// Points names the restore points that a run made.
func (in *Installation) Points(r *Run) []string {
	var out []string
	a := in.archive()
	for _, s := range r.Plan.Steps {
		if s.Verb != "backup" || r.State.Steps[s.ID] == nil || r.State.Steps[s.ID].Status == run.Pending {
			continue
		}
		params, err := step.Params[plan.BackupParams](s)
		if err != nil {
			continue
		}
		id := r.ID + "-" + params.Key
		if p, err := a.Find(context.Background(), id); err == nil {
			out = append(out, fmt.Sprintf("%s (%s, %s)", id, p.About.Version, plan.Size(p.Size())))
		}
	}
	return out
}

// ListPoints lists the restore points, oldest first.
func (in *Installation) ListPoints(ctx context.Context) ([]backup.Point, error) {
	return in.archive().List(ctx)
}

// VerifyPoint reads a restore point whole and compares it with its sums.
func (in *Installation) VerifyPoint(ctx context.Context, id string) error {
	return in.archive().Verify(ctx, id)
}

// product gives the product document of what is installed: that of the
// release which the last run installed, or of the releases at from.
func (in *Installation) product(ctx context.Context, from string) (*manifest.Product, error) {
	if from != "" {
		temp, err := scratch.New(in.FS, "", "releases")
		if err != nil {
			return nil, fmt.Errorf("cannot make a folder for reading the releases: %w", err)
		}
		defer temp.Close()
		rs, err := in.OpenReleases(ctx, from, temp.Path)
		if err != nil {
			return nil, err
		}
		return in.present(rs[len(rs)-1].Product), nil
	}
	s, err := in.Status(ctx)
	if err != nil {
		return nil, err
	}
	if s.Adopted != nil {
		if p, err := in.adoptedProduct(""); p != nil || err != nil {
			return recorded(p, s.Record), err
		}
	}
	for _, i := range s.Record {
		if i.Bundle == "" {
			continue
		}
		r, err := in.openRelease(ctx, filepath.Join(in.bundlesDir(), i.Bundle), "")
		if err != nil {
			return nil, err
		}
		return recorded(r.Product, s.Record), nil
	}
	return nil, errNoProduct
}

// errNoProduct says that nothing tells what the product is like.
var errNoProduct = errors.New("Upkeep has not upgraded this installation yet, so it does not know the product's document: name a release's bundle with --from")

// CreatePoint makes a restore point of the product as it runs: each database
// is of one moment, files and databases are not of the same one.
func (in *Installation) CreatePoint(ctx context.Context, from, note string, progress func(done int64, part string)) (backup.Point, error) {
	p, err := in.product(ctx, from)
	if err != nil {
		return backup.Point{}, err
	}
	s := in.surveyor()
	facts, err := s.Basics(ctx, p, in.Doc)
	if err != nil {
		return backup.Point{}, err
	}
	r, err := s.Resolver(p, in.Doc, facts)
	if err != nil {
		return backup.Point{}, err
	}
	version, err := installedVersion(p, facts)
	if err != nil {
		return backup.Point{}, err
	}
	req := backup.Request{ID: time.Now().UTC().Format("20060102-150405") + "-hand", Live: true, Progress: progress,
		About: backup.About{Product: p.ID, Version: version, Node: in.Node, Note: note}}
	for _, id := range r.Product.Order {
		c := r.Product.Components[id]
		switch {
		case c.Kind == "tree":
			at, err := r.Scope.Expand(c.At.Path)
			if err != nil {
				return backup.Point{}, err
			}
			req.Files = append(req.Files, backup.FilePart{Name: id, Path: at})
		case c.Data():
			d, err := r.Database(id)
			if err != nil {
				return backup.Point{}, err
			}
			db, err := in.databases.Open(ctx, *d, "backup-"+req.ID)
			if err != nil {
				return backup.Point{}, err
			}
			defer db.Close()
			req.Databases = append(req.Databases, backup.DatabasePart{Name: id, DB: db})
		}
	}
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return backup.Point{}, err
	}
	l, err := in.exclusive(ctx)
	if err != nil {
		return backup.Point{}, err
	}
	defer l.release()
	if err := in.quiet(ctx); err != nil {
		return backup.Point{}, err
	}
	return in.archive().Finish(ctx, req)
}
