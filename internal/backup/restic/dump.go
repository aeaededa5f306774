package restic

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"

	"upkeep/internal/backup"
	"upkeep/internal/database"
)

// dumpFile is the name of a dump in its snapshot.
func dumpFile(part string) string { return part + ".dump" }

// counter counts and sums what goes through.
type counter struct {
	ctx context.Context
	w   io.Writer
	n   int64
	sum interface {
		io.Writer
		Sum([]byte) []byte
	}
	tell func(int64)
}

func (c *counter) Write(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	n, err := c.w.Write(p)
	c.sum.Write(p[:n])
	c.n += int64(n)
	c.tell(int64(n))
	return n, err
}

// dump makes a part of a database and reads it back. restic saves whatever came
// when its input ends, so the input ends only after a dump that was made: when
// it fails, restic is ended first. What it may have saved by then is named by no
// record.
func (e *Engine) dump(ctx context.Context, id string, d backup.DatabasePart, f *first, tell func(int64)) (backup.Part, error) {
	part := backup.Part{Name: d.Name, Kind: d.DB.Kind()}
	in, out, err := os.Pipe()
	if err != nil {
		return part, err
	}
	defer in.Close()
	defer out.Close()
	saving, end := context.WithCancelCause(ctx)
	defer end(nil)
	type saved struct {
		summary
		err error
	}
	ended := make(chan saved, 1)
	go func() {
		args := append([]string{"backup", "--json", "--group-by", "", "--stdin", "--stdin-filename", dumpFile(d.Name)}, e.tags(id, kindDump, d.Name, 0)...)
		s, err := e.save(saving, call{args: args, stdin: in}, func(int64) {})
		_ = in.Close() // so that the dump does not wait for who does not read
		ended <- saved{s, err}
	}()
	c := &counter{ctx: ctx, w: out, sum: sha256.New(), tell: tell}
	report, err := d.DB.Dump(ctx, c)
	if err == nil && report.Bytes != c.n {
		err = fmt.Errorf("the dump of %s reports %d bytes, and %d came", d.Name, report.Bytes, c.n)
	}
	if err != nil {
		end(err)
		s := <-ended
		if s.err != nil && !errors.Is(s.err, err) {
			err = errors.Join(s.err, err) // restic ended first, and the dump had nowhere to go
		}
		return part, err
	}
	if err := out.Close(); err != nil {
		return part, err
	}
	s := <-ended
	if s.err != nil {
		return part, s.err
	}
	part.Stored = []backup.Stored{{Name: s.Snapshot, Role: backup.Dump, Path: "/" + dumpFile(d.Name), Bytes: s.Added}}
	part.Bytes, part.Content, part.LeftOut = report.Bytes, hex.EncodeToString(c.sum.Sum(nil)), report.LeftOut
	report.LeftOut = nil
	part.Dump = &report
	return part, e.prove(ctx, d, &part)
}

// prove reads a dump back, once: into a scratch database, where that is asked for.
func (e *Engine) prove(ctx context.Context, d backup.DatabasePart, part *backup.Part) error {
	began, by := e.Now(), backup.ByReading
	read := func() error { return e.readDump(ctx, *part) }
	if d.Prove {
		by = backup.ByRestoring
		read = func() error {
			return e.stream(ctx, *part, func(dump io.Reader) error { return d.Restored(ctx, *part, dump) })
		}
	}
	if err := read(); err != nil {
		return err
	}
	part.Proof = backup.ProofBy(by, began, e.Now())
	return nil
}

// readDump compares a stored dump with its record.
func (e *Engine) readDump(ctx context.Context, part backup.Part) error {
	stored, ok := part.File(backup.Dump)
	if !ok {
		return fmt.Errorf("%w: part %s has no dump", backup.ErrDamaged, part.Name)
	}
	return e.dumped(ctx, []string{stored.Name, stored.Path}, func(r io.Reader) error {
		_, err := io.Copy(io.Discard, &proven{ctx: ctx, r: r, sum: sha256.New(), part: part})
		return err
	})
}

// proven reads a dump, and compares sum and length at its end: whoever reads to
// the end has read what was dumped, or gets ErrDamaged.
type proven struct {
	ctx context.Context
	r   io.Reader
	n   int64
	sum interface {
		io.Writer
		Sum([]byte) []byte
	}
	part backup.Part
	// ended, unless nil, waits for restic and says how it ended.
	ended func() error
}

func (p *proven) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.sum.Write(b[:n])
	backup.Progressed(p.ctx, int64(n), p.part.Name)
	p.n += int64(n)
	if err != io.EOF {
		return n, err
	}
	if p.ended != nil {
		if err := p.ended(); err != nil {
			return n, err
		}
	}
	if got := hex.EncodeToString(p.sum.Sum(nil)); p.n != p.part.Bytes || got != p.part.Content {
		return n, fmt.Errorf("%w: the dump of %s holds %d bytes with the sum %s, expected %d with %s", backup.ErrDamaged, p.part.Name, p.n, got, p.part.Bytes, p.part.Content)
	}
	return n, io.EOF
}

// ahead dumps the databases whose marks are still those from before: where
// others write all the time, a dump would only be made in vain. One that is
// locked now is left to Finish.
func (e *Engine) ahead(ctx context.Context, r backup.Request, before map[string]string, f *first, tell func(string) func(int64)) error {
	now, err := r.Marks(ctx)
	if err != nil {
		return err
	}
	for _, d := range r.Databases {
		if now[d.Name] == "" || now[d.Name] != before[d.Name] {
			continue
		}
		part, err := e.dump(ctx, r.ID, d, f, tell(d.Name))
		switch {
		case err == nil && part.Dump.Mark != "":
			f.Dumps[d.Name] = part
		case err != nil && !errors.Is(err, database.ErrInUse):
			return err
		}
	}
	return r.Remark(ctx, f.Dumps)
}

// current gives the first pass with those of its dumps that are what a dump
// would be now: the database's mark has not moved.
func (e *Engine) current(ctx context.Context, r backup.Request, f *first, list []snapshot) (*first, error) {
	if len(f.Dumps) == 0 {
		return f, nil
	}
	now, err := r.Marks(ctx)
	if err != nil {
		return f, err
	}
	c := *f
	c.Dumps = maps.Clone(f.Dumps)
	for name, part := range f.Dumps {
		if stored, _ := part.File(backup.Dump); now[name] != part.Dump.Mark || !has(list, stored.Name) {
			delete(c.Dumps, name)
		}
	}
	return &c, nil
}

// RestoreDatabase streams the dump: its sum is compared before the database
// takes it over, since the reader ends in an error otherwise.
func (e *Engine) RestoreDatabase(ctx context.Context, id, name string, db database.Database) error {
	fail := func(err error) error {
		return fmt.Errorf("cannot restore %s of restore point %s: %w", name, id, err)
	}
	p, err := e.Find(ctx, id)
	if err != nil {
		return err
	}
	part, err := p.Part(name)
	if err != nil {
		return err
	}
	if _, ok := part.File(backup.Dump); !ok || part.Dump == nil || part.Kind != db.Kind() {
		return fail(fmt.Errorf("it is a part of kind %s, and the database is %s", part.Kind, db.Kind()))
	}
	if err := e.stream(ctx, part, func(dump io.Reader) error { return db.Restore(ctx, dump) }); err != nil {
		return fail(err)
	}
	got, err := db.Fingerprint(ctx)
	if err != nil {
		return fail(err)
	}
	if list := database.Compare(part.Dump.Fingerprint, got); len(list) > 0 {
		return fail(fmt.Errorf("%w: %s", backup.ErrNotProven, database.Summary(list)))
	}
	return nil
}

// stream hands over a dump whose sum is compared before its end: whoever reads it
// takes nothing over that is not what was dumped.
func (e *Engine) stream(ctx context.Context, part backup.Part, use func(dump io.Reader) error) error {
	stored, ok := part.File(backup.Dump)
	if !ok {
		return fmt.Errorf("%w: part %s has no dump", backup.ErrDamaged, part.Name)
	}
	r, w := io.Pipe()
	reading, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := e.run(reading, call{args: []string{"dump", "--no-lock", stored.Name, stored.Path}, raw: func(out io.Reader) error {
			_, err := io.Copy(w, out)
			return errors.Join(err, w.Close())
		}})
		ended <- damaged(err)
		_ = w.CloseWithError(err) // never fails
	}()
	err := use(&proven{ctx: ctx, r: r, sum: sha256.New(), part: part, ended: func() error {
		err := <-ended
		ended <- err
		return err
	}})
	end()
	_ = r.Close() // never fails; the writer must not wait
	if saved := <-ended; err != nil && saved != nil && !errors.Is(saved, context.Canceled) && !errors.Is(err, backup.ErrDamaged) {
		err = errors.Join(saved, err)
	}
	return err
}

// modified gives the path of a file that restic diff calls changed in content.
func modified(line []byte) string {
	var v struct {
		Type     string `json:"message_type"`
		Path     string `json:"path"`
		Modifier string `json:"modifier"`
	}
	if json.Unmarshal(line, &v) != nil || v.Type != "change" {
		return ""
	}
	for _, m := range v.Modifier {
		if m == 'M' || m == '?' {
			return v.Path
		}
	}
	return ""
}
