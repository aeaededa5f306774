package database

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// ErrScratch: no scratch database can be had. What it wraps says why.
var ErrScratch = errors.New("no scratch database can be made")

// ScratchRoom says whether a scratch database can be had, and what it needs.
type ScratchRoom struct {
	// Problem says in a sentence why none can be made; empty: one can.
	Problem string
	// Dir is a folder of this computer on whose volume it would lie; empty: not
	// known, for the server is another computer or its folder is hidden.
	Dir string
	// Bytes is what it needs there at most, with the server's own logs.
	Bytes int64
}

// ScratchName is the name of the scratch database of an operation beside the
// database of that name. It needs no quotes, and says to people whose it is.
func ScratchName(opID, name string) string {
	sum := sha256.Sum256([]byte(opID + "\x00" + name))
	return "upkeep_scratch_" + hex.EncodeToString(sum[:8])
}

// Consistency says by what all rows of a dump are of one moment.
type Consistency struct {
	By string `json:"by"` // one of the By values
	// Locked are the tables, with their engines, that know no transactions: they
	// were locked against writers for as long as the dump took.
	Locked []string `json:"locked,omitempty"`
}

// What makes a dump consistent.
const (
	BySnapshot = "a snapshot of one moment"
	ByRest     = "rest: nobody had it open"
	ByLocks    = "a snapshot of one moment, and locks"
)

func (c Consistency) String() string {
	if len(c.Locked) == 0 {
		return c.By
	}
	return fmt.Sprintf("%s on tables whose engine knows no transactions: %s", c.By, strings.Join(c.Locked, ", "))
}

// ErrNotEqual: what was restored is not what was dumped.
var ErrNotEqual = errors.New("the restored content is not what was dumped")

// Restored restores a dump into a scratch database of db and compares the
// content with the dump's report: what differs is ErrNotEqual, and names tables.
// Then look, unless nil, may use the scratch database. Afterwards it is gone.
func Restored(ctx context.Context, db Database, dump io.Reader, report func() Report, look func(Database) error) (err error) {
	s, err := db.Scratch(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Restore(ctx, dump); err != nil {
		return err
	}
	got, err := s.Fingerprint(ctx)
	if err != nil {
		return err
	}
	if list := Compare(report().Fingerprint, got); len(list) > 0 {
		return fmt.Errorf("%w: %s", ErrNotEqual, Summary(list))
	}
	if look == nil {
		return nil
	}
	return look(s)
}

// Copied copies db into a scratch database, as of one moment, compares the two,
// and has look use the copy. Nothing is stored in between.
func Copied(ctx context.Context, db Database, look func(Report, Database) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var report Report
	dumped := make(chan struct{})
	r, w := io.Pipe()
	dump := &begun{PipeReader: r, begin: func() {
		defer close(dumped)
		var err error
		report, err = db.Dump(ctx, w)
		_ = w.CloseWithError(err) // never fails (io.Pipe); nil is the end
	}}
	final := func() Report { <-dumped; return report }
	err := Restored(ctx, db, dump, final, func(copied Database) error { return look(final(), copied) })
	_ = r.CloseWithError(err) // a dump that is still under way breaks off
	if err != nil {
		stop(err)
	}
	dump.once.Do(func() { close(dumped) })
	<-dumped
	return err
}

// begun is a dump that is begun by whoever reads it: one thing at a time is
// done with a database.
type begun struct {
	*io.PipeReader
	once  sync.Once
	begin func()
}

func (b *begun) Read(p []byte) (int, error) {
	b.once.Do(func() { go b.begin() })
	return b.PipeReader.Read(p)
}
