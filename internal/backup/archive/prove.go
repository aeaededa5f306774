package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/database"
)

func (a *Archive) proof(by string, began time.Time) *backup.Proof {
	return &backup.Proof{By: by, At: a.now().UTC().Round(time.Millisecond), Took: a.now().Sub(began).Round(time.Millisecond)}
}

// proveDump reads the files of a dump back, once. A restore into a scratch
// database, where it is asked for, goes by the bytes that are stored.
func (a *Archive) proveDump(ctx context.Context, dir string, d backup.DatabasePart, part *backup.Part) error {
	began := a.now()
	if !d.Prove {
		err := a.readDump(ctx, dir, *part)
		part.Proof = a.proof(backup.ByReading, began)
		return err
	}
	rest := *part
	rest.Stored = nil
	var dump backup.Stored
	for _, s := range part.Stored {
		if s.Role == backup.Dump {
			dump = s
		} else {
			rest.Stored = append(rest.Stored, s)
		}
	}
	if err := a.readDump(ctx, dir, rest); err != nil {
		return err
	}
	r, err := a.unzip(ctx, dir, dump)
	if err != nil {
		return err
	}
	err = database.Restored(ctx, d.DB, &counted{r: plainReader{r}, bytes: part.Bytes, name: dump.Name}, func() database.Report { return *part.Dump }, nil)
	if err := errors.Join(err, r.Close()); err != nil {
		if errors.Is(err, database.ErrNotEqual) {
			err = fmt.Errorf("%w: %w", backup.ErrNotProven, err)
		}
		return fmt.Errorf("cannot prove the dump of %s: %w", part.Name, err)
	}
	part.Proof = a.proof(backup.ByRestoring, began)
	return nil
}

// counted ends in an error unless as many bytes were read as were dumped. What
// they are, the sum of the file and those in it tell, and then the rows.
type counted struct {
	r        io.Reader
	n, bytes int64
	name     string
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if errors.Is(err, io.EOF) && c.n != c.bytes {
		return n, fmt.Errorf("%w: %s holds %d bytes, expected %d", backup.ErrDamaged, c.name, c.n, c.bytes)
	}
	return n, err
}

// remark gives the dumps of the first pass new marks. Proving has moved the
// server's, though nobody wrote to the product's database: where its content is
// still the dump's, read after the new mark, that mark stands for it as well. A
// dump that is outdated by now is left to Finish, which sees it by its mark.
func (a *Archive) remark(ctx context.Context, r backup.Request, f *first) error {
	for _, d := range r.Databases {
		part, ok := f.Dumps[d.Name]
		if !ok || part.Proof == nil || part.Proof.By != backup.ByRestoring {
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
