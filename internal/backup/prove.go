package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"upkeep/internal/database"
)

// Marks gives the mark of each database, empty where there is none.
func (r Request) Marks(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	var one sync.Mutex
	var wg sync.WaitGroup
	errs := make([]error, len(r.Databases))
	for i, d := range r.Databases {
		wg.Go(func() {
			mark, err := d.DB.Mark(ctx)
			one.Lock()
			defer one.Unlock()
			out[d.Name], errs[i] = mark, err
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// Remark gives the dumps of the first pass, by part, new marks. Proving has moved
// the server's, though nobody wrote to the product's database: where its content
// is still the dump's, read after the new mark, that mark stands for it as well. A
// dump that is outdated by now is left to Finish, which sees it by its mark.
func (r Request) Remark(ctx context.Context, dumps map[string]Part) error {
	for _, d := range r.Databases {
		part, ok := dumps[d.Name]
		if !ok || part.Proof == nil || part.Proof.By != ByRestoring {
			continue
		}
		mark, err := settled(ctx, d.DB)
		if err != nil {
			return err
		}
		if mark == "" || mark == part.Dump.Mark {
			continue
		}
		now, err := d.DB.Fingerprint(ctx)
		if errors.Is(err, database.ErrInUse) {
			continue
		}
		if err != nil {
			return err
		}
		if len(database.Compare(part.Dump.Fingerprint, now)) == 0 {
			part.Dump.Mark = mark
		}
	}
	return nil
}

// settled waits, for a bound, until the server has cleaned up behind a scratch
// database, which moves marks too.
func settled(ctx context.Context, db database.Database) (string, error) {
	const rounds, pause = 30, 100 * time.Millisecond
	last, err := db.Mark(ctx)
	for n := 0; err == nil && n < rounds && ctx.Err() == nil; n++ {
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		var now string
		if now, err = db.Mark(ctx); now == last {
			break
		}
		last = now
	}
	return last, err
}

// Provable says why a dump could not be proven, where it is to be.
func (d DatabasePart) Provable(room database.ScratchRoom) error {
	if !d.Prove || room.Problem == "" {
		return nil
	}
	return fmt.Errorf("the dump of %s cannot be proven: %w: %s", d.Name, database.ErrScratch, room.Problem)
}

// Restored proves a dump: it is restored into a scratch database, and compared
// with the report of the part (ErrNotProven).
func (d DatabasePart) Restored(ctx context.Context, part Part, dump io.Reader) error {
	err := database.Restored(ctx, d.DB, dump, func() database.Report { return *part.Dump }, nil)
	if errors.Is(err, database.ErrNotEqual) {
		err = fmt.Errorf("%w: %w", ErrNotProven, err)
	}
	if err != nil {
		return fmt.Errorf("cannot prove the dump of %s: %w", part.Name, err)
	}
	return nil
}

// ProofBy is a proof that has ended now.
func ProofBy(by string, began, now time.Time) *Proof {
	return &Proof{By: by, At: now.UTC().Round(time.Millisecond), Took: now.Sub(began).Round(time.Millisecond)}
}
