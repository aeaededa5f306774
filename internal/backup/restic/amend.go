package restic

import (
	"context"
	"fmt"
	"slices"

	"upkeep/internal/backup"
)

// Amend stores the new parts, and then a record of a higher revision, which is
// the one that counts from that instant; what the earlier ones named alone is
// taken away after it.
func (e *Engine) Amend(ctx context.Context, r backup.Request, parts ...string) (backup.Point, error) {
	p, err := e.amend(ctx, r, parts)
	if err != nil {
		return backup.Point{}, fmt.Errorf("cannot amend restore point %s: %w", r.ID, err)
	}
	return p, nil
}

func (e *Engine) amend(ctx context.Context, r backup.Request, parts []string) (backup.Point, error) {
	if err := r.Check(); err != nil {
		return backup.Point{}, err
	}
	p, at, list, err := e.find1(ctx, r.ID)
	if err != nil {
		return p, err
	}
	if p.About.Run != r.About.Run {
		return p, fmt.Errorf("%w, of run %q", backup.ErrExists, p.About.Run)
	}
	if len(parts) == 0 {
		return p, e.replaced(ctx, p, at, list)
	}
	some := r
	some.Files = slices.DeleteFunc(slices.Clone(r.Files), func(f backup.FilePart) bool { return !slices.Contains(parts, f.Name) })
	some.Databases = slices.DeleteFunc(slices.Clone(r.Databases), func(d backup.DatabasePart) bool { return !slices.Contains(parts, d.Name) })
	if err := e.room(ctx, some, list, &first{}); err != nil {
		return p, err
	}
	if err := e.begin(ctx, r.ID); err != nil {
		return p, err
	}
	next := p
	next.Parts = slices.Clone(p.Parts)
	n, passes, tell := notes{}, map[string]pass{}, teller(r)
	for i, old := range p.Parts {
		if next.Parts[i], err = e.again(ctx, some, at, old, list, n, passes, tell(old.Name)); err != nil {
			return p, err
		}
	}
	next.Made = e.clock()
	if err := e.seal(ctx, &next, n, at.revision+1); err != nil {
		return p, err
	}
	if err := e.settle(r.ID, passes); err != nil {
		return p, err
	}
	_, at, list, err = e.find1(ctx, r.ID)
	if err != nil {
		return next, err
	}
	return next, e.replaced(ctx, next, at, list)
}

// again makes one part anew, or takes it over as it is.
func (e *Engine) again(ctx context.Context, r backup.Request, at snapshot, old backup.Part, list []snapshot, n notes, passes map[string]pass, tell func(int64)) (backup.Part, error) {
	for _, f := range r.Files {
		if f.Name == old.Name {
			base, err := e.last(f, list)
			if err != nil {
				return old, err
			}
			part, got, err := e.files(ctx, r.ID, f, base, false, n, tell)
			passes[f.Name] = got
			return part, err
		}
	}
	for _, s := range old.Stored { // the descriptions go from record to record
		if s.Role != backup.Manifest && s.Role != backup.Globals {
			continue
		}
		text, err := e.noteOf(ctx, at.ID, s)
		if err != nil {
			return old, err
		}
		n.add(s.Name, s.Role, text)
	}
	for _, d := range r.Databases {
		if d.Name != old.Name {
			continue
		}
		part, err := e.dump(ctx, r.ID, d, nil, tell)
		if g, ok := old.File(backup.Globals); ok {
			part.Stored = append(part.Stored, g)
		}
		part.LeftOut = old.LeftOut
		return part, err
	}
	return old, nil
}

// replaced takes away what only earlier records of the point name: the records
// first.
func (e *Engine) replaced(ctx context.Context, p backup.Point, at snapshot, list []snapshot) error {
	var records, rest []string
	for _, s := range list {
		switch {
		case s.point != p.ID || s.ID == at.ID || named(p, s.ID):
		case s.kind == kindRecord:
			records = append(records, s.ID)
		default:
			rest = append(rest, s.ID)
		}
	}
	if len(records) == 0 {
		return nil // never amended: what else there is will be swept
	}
	if err := e.forget(ctx, records, false); err != nil {
		return err
	}
	return e.forget(ctx, rest, true)
}

// named says whether a point has that snapshot.
func named(p backup.Point, id string) bool {
	for _, part := range p.Parts {
		for _, s := range part.Stored {
			if s.Name == id {
				return true
			}
		}
	}
	return false
}
