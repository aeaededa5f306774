package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"upkeep/internal/backup"
)

func (a *Archive) proof(by string, began time.Time) *backup.Proof {
	return backup.ProofBy(by, began, a.now())
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
	err = d.Restored(ctx, *part, &counted{r: plainReader{r}, bytes: part.Bytes, name: dump.Name})
	if err := errors.Join(err, r.Close()); err != nil {
		return err
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
