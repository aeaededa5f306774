package manage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/scratch"
	"upkeep/internal/site"
	"upkeep/internal/step"
	stepbackup "upkeep/internal/step/backup"
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

// Listed is a restore point with what is known of it beside its record.
type Listed struct {
	backup.Point
	Size   int64  `json:"size"` // bytes on the disk
	Proof  *Proof `json:"proof,omitempty"`
	Needed bool   `json:"needed"` // the way back goes by it
	// Error says why its record cannot be read.
	Error string `json:"error,omitempty"`
}

// ListPoints lists the restore points, oldest first.
func (in *Installation) ListPoints(ctx context.Context) ([]Listed, error) {
	list, err := in.archive().List(ctx)
	if err != nil {
		return nil, err
	}
	if gone := in.absentPlace(); gone != "" {
		return nil, errors.New(gone)
	}
	needed, err := in.neededPoints(ctx)
	if err != nil {
		return nil, err
	}
	return in.listed(list, needed)
}

func (in *Installation) listed(list []backup.Point, needed []string) ([]Listed, error) {
	proofs, err := in.proofs()
	if err != nil {
		return nil, err
	}
	out := []Listed{}
	for _, p := range list {
		l := Listed{Point: p, Size: p.Size(), Needed: slices.Contains(needed, p.ID), Error: p.Broken}
		if proof, ok := proofs[p.ID]; ok && proof.Seal == p.Seal {
			l.Proof = &proof
		}
		out = append(out, l)
	}
	return out, nil
}

// VerifyPoint reads a restore point whole, compares it with its sums, and keeps
// that it was. Progress hears of how many bytes of how many.
func (in *Installation) VerifyPoint(ctx context.Context, id string, progress func(done, total int64, part string)) (*Listed, error) {
	e := in.archive()
	p, err := e.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := e.Verify(counted(ctx, p.Reading(), progress), id); err != nil {
		if ctx.Err() == nil {
			in.tell(ctx, notice{event: site.ProofFailed, why: id + ": " + err.Error()}, nil)
		}
		return nil, err
	}
	there, err := e.List(ctx)
	if err != nil {
		return nil, err
	}
	if err := in.NoteProof(p, Verified, there); err != nil {
		return nil, err
	}
	out, err := in.listed([]backup.Point{p}, nil)
	if err != nil {
		return nil, err
	}
	return &out[0], nil
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
	s, err := in.left(ctx)
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
	if s.Last != nil { // it was taken back to what adopt has found
		if p, err := in.adoptedProduct(s.Last.Version); p != nil || err != nil {
			return recorded(p, s.Record), err
		}
	}
	return nil, errNoProduct
}

// errNoProduct says that nothing tells what the product is like.
var errNoProduct = errors.New("Upkeep has not upgraded this installation yet, so it does not know the product's document: name a release's bundle with --from")

// Create says what restore point is made.
type Create struct {
	From  string // bundle, where Upkeep does not know the product yet
	Note  string
	Timer bool // a timer asks
	// Progress, when set, hears how many bytes of about how many were taken, and of
	// which part.
	Progress func(done, total int64, part string)
}

// Created is a restore point, and those that it has made superfluous.
type Created struct {
	Listed
	Removed []string `json:"removed"`
	// Old are those that people made and that the retention would not keep: they go
	// only by hand.
	Old []string `json:"old"`
}

// unused gives the name of a restore point that is not there yet: two can be made
// within a second, and an engine makes no point anew that it has.
func unused(ctx context.Context, e backup.Engine, id string) (string, error) {
	for n, name := 2, id; ; n++ {
		switch _, err := e.Find(ctx, name); {
		case errors.Is(err, backup.ErrNotFound):
			return name, nil
		case err != nil:
			return "", err
		}
		name = fmt.Sprintf("%s-%d", id, n)
	}
}

// CreatePoint makes a restore point of the product as it runs: each database
// is of one moment, files and databases are not of the same one. Then those go
// that the retention does not keep.
func (in *Installation) CreatePoint(ctx context.Context, c Create) (*Created, error) {
	if err := in.fitPlace(ctx); err != nil {
		return nil, err
	}
	p, err := in.product(ctx, c.From)
	if err != nil {
		return nil, err
	}
	req, closeAll, err := in.live(ctx, p, c)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return nil, err
	}
	l, err := in.exclusive(ctx)
	if err != nil {
		return nil, err
	}
	defer l.release()
	if err := in.quiet(ctx); err != nil {
		return nil, err
	}
	e := in.archive()
	if req.ID, err = unused(ctx, e, req.ID); err != nil {
		return nil, err
	}
	if c.Progress != nil {
		total := in.content(ctx, e, req)
		req.Progress = func(done int64, part string) { c.Progress(min(done, total), total, part) }
	}
	pt, err := e.Finish(ctx, req)
	if err != nil {
		return nil, stepbackup.Explain(err)
	}
	gone, old, err := in.retire(ctx, e)
	if err != nil {
		return nil, err
	}
	out := &Created{Listed: Listed{Point: pt, Size: pt.Size()}, Removed: append([]string{}, gone...), Old: append([]string{}, old...)}
	return out, nil
}

// fitPlace refuses to make a restore point where none may be.
func (in *Installation) fitPlace(ctx context.Context) error {
	why, err := in.tooNear(ctx)
	if err != nil {
		return err
	}
	if gone := in.absentPlace(); gone != "" {
		why = append(why, gone)
	}
	if len(why) > 0 {
		return &RefusedError{What: "no restore point is made", Reasons: why}
	}
	return nil
}

// content is about how many bytes a restore point will take up.
func (in *Installation) content(ctx context.Context, e backup.Engine, r backup.Request) int64 {
	needs, err := e.Space(ctx, r)
	if err != nil {
		return 0 // it is for a bar; Finish says what is wrong
	}
	var most int64
	for _, n := range needs {
		most = max(most, n.Bytes)
	}
	return most
}

// live is the request for a restore point of the product as it runs.
func (in *Installation) live(ctx context.Context, p *manifest.Product, c Create) (req backup.Request, closeAll func(), err error) {
	var open []database.Database
	closeAll = func() {
		for _, db := range open {
			_ = db.Close() // it was only read
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	s := in.surveyor()
	facts, err := s.Basics(ctx, p, in.Doc)
	if err != nil {
		return req, closeAll, err
	}
	r, err := s.Resolver(p, in.Doc, facts)
	if err != nil {
		return req, closeAll, err
	}
	version, err := installedVersion(p, facts)
	if err != nil {
		return req, closeAll, err
	}
	by := "-hand"
	if c.Timer {
		by = "-timer"
	}
	req = backup.Request{ID: time.Now().UTC().Format("20060102-150405") + by, Live: true,
		About: backup.About{Product: p.ID, Version: version, Node: in.Node, Note: c.Note, Timer: c.Timer}}
	for _, id := range r.Product.Order {
		c := r.Product.Components[id]
		switch {
		case c.Kind == "tree":
			at, err := r.Scope.Expand(c.At.Path)
			if err != nil {
				return req, closeAll, err
			}
			req.Files = append(req.Files, backup.FilePart{Name: id, Path: at})
		case c.Data():
			d, err := r.Database(id)
			if err != nil {
				return req, closeAll, err
			}
			db, err := in.databases.Open(ctx, *d, "backup-"+req.ID)
			if err != nil {
				return req, closeAll, err
			}
			open = append(open, db)
			req.Databases = append(req.Databases, backup.DatabasePart{Name: id, DB: db})
		}
	}
	return req, closeAll, nil
}
