// Package command is a database, or whatever else a product keeps its data in,
// that is dumped and restored by the vendor's own tool. What the tool writes is
// kept in the restore point like any other dump.
//
// Where Upkeep knows the kind of database behind the tool, it is read, compared
// and migrated as ever, and only dumped and restored by the tool. Otherwise the
// content is told by the product's own probes.
//
// It may import internal/database, internal/drift, internal/durable and
// internal/scratch.
package command

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/drift"
	"upkeep/internal/durable"
	"upkeep/internal/scratch"
)

// File stands in a program's arguments for the file that it writes or reads. A
// program without it writes to its standard output, or reads its standard input.
const File = "{backup.file}"

// Kind of a database that only its vendor's tool knows.
const Kind = "command"

// Format of what a vendor's tool writes.
const Format = "of the vendor's own tool"

// Program is one call of the vendor's tool.
type Program struct {
	Args   []string
	As     string        // account; empty: ours
	Within time.Duration // 0: what the step has left
}

// usesFile says whether the program writes or reads a file.
func (p Program) usesFile() bool {
	return slices.ContainsFunc(p.Args, func(a string) bool { return strings.Contains(a, File) })
}

func (p Program) with(file string) Program {
	p.Args = slices.Clone(p.Args)
	for i, a := range p.Args {
		p.Args[i] = strings.ReplaceAll(a, File, file)
	}
	return p
}

// Run runs a program of the tool to its end. A read error of stdin and a write
// error of stdout fail it; nil means none.
type Run func(ctx context.Context, p Program, stdin io.Reader, stdout io.Writer) error

// Config says what the tool is.
type Config struct {
	Name          string // of the component, for messages
	Make, Restore Program
	Run           Run
	// Version and Content tell what the data are: two equal readings of both mean
	// equal data. nil: nothing tells.
	Version, Content func(ctx context.Context) (string, error)
	// Verify looks at the file that the tool wrote; nil: nothing looks. file is
	// empty where the tool writes to its standard output.
	Verify func(ctx context.Context, file string) error
	FS     durable.FS
	// Give hands a path to an account.
	Give func(path, account string) error
}

// DB is such a database.
type DB struct{ config Config }

var _ database.Database = (*DB)(nil)

// New gives a database that only its vendor's tool knows.
func New(c Config) *DB { return &DB{c} }

// Kind implements database.Database.
func (db *DB) Kind() string { return Kind }

// Inspect implements database.Database. How large the data are nobody knows.
func (db *DB) Inspect(ctx context.Context) (database.Info, error) {
	info := database.Info{Server: filepath.Base(db.config.Make.Args[0]), Name: db.config.Name, Account: db.config.Make.As,
		Rights: database.Rights{Dump: true, Restore: true}, Scratch: database.ScratchRoom{Problem: noScratch}}
	for _, p := range []struct {
		args []string
		can  *bool
	}{{db.config.Make.Args, &info.Rights.Dump}, {db.config.Restore.Args, &info.Rights.Restore}} {
		if err := there(p.args[0]); err != nil {
			*p.can = false
			info.Rights.Problems = append(info.Rights.Problems, err.Error())
		}
	}
	for _, read := range []func(context.Context) (string, error){db.config.Version, db.config.Content} {
		if read == nil {
			continue
		}
		if _, err := read(ctx); err != nil {
			return info, db.fail("be read", err)
		}
	}
	return info, nil
}

// there says what is wrong with a program that is named by its path.
func there(program string) error {
	if !filepath.IsAbs(program) {
		return nil // looked up in the PATH of its environment when it runs
	}
	info, err := os.Stat(program)
	switch {
	case err != nil:
		return fmt.Errorf("the vendor's tool is not there: %w", err)
	case info.IsDir() || info.Mode()&0o111 == 0:
		return fmt.Errorf("the vendor's tool %s is no program that can be run", program)
	}
	return nil
}

// Query implements database.Database: a tool answers no queries.
func (db *DB) Query(context.Context, string) (string, error) {
	return "", fmt.Errorf("cannot ask %s: only the vendor's tool knows it, and no query: use the probe command", db.config.Name)
}

// Objects implements database.Database: a tool shows no definitions.
func (db *DB) Objects(context.Context) (drift.Schema, error) {
	return drift.Schema{}, fmt.Errorf("cannot compare %s with a standard: only the vendor's tool knows it", db.config.Name)
}

// Connect implements database.Database: a tool runs no scripts.
func (db *DB) Connect(context.Context, database.Limits) (database.Conn, error) {
	return nil, db.noScripts()
}

// Native implements database.Database: a tool runs no scripts.
func (db *DB) Native(context.Context) (database.Client, error) {
	return database.Client{}, db.noScripts()
}

func (db *DB) noScripts() error {
	return fmt.Errorf("cannot run a script on %s: only the vendor's tool knows it: migrate it by a command", db.config.Name)
}

// Mark implements database.Database: there is no sign.
func (db *DB) Mark(context.Context) (string, error) { return "", nil }

// Sessions implements database.Database. What a tool connects, it connects as
// it likes; it ends with its scope.
func (db *DB) Sessions(context.Context, string) ([]database.Session, error) { return nil, nil }

// EndSessions implements database.Database.
func (db *DB) EndSessions(context.Context, string) (int, error) { return 0, nil }

// noScratch is why a dump of the tool is not tried elsewhere.
const noScratch = "the vendor's tool restores in place only, so its dump is not tried beforehand"

// Scratch implements database.Database: a tool restores in place only.
func (db *DB) Scratch(context.Context) (database.Database, error) {
	return nil, fmt.Errorf("%s: %w: %s", db.config.Name, database.ErrScratch, noScratch)
}

// Close implements database.Database.
func (db *DB) Close() error { return nil }

// Fingerprint implements database.Database: the version, and the content where a
// probe tells it.
func (db *DB) Fingerprint(ctx context.Context) (database.Fingerprint, error) {
	f := database.Fingerprint{Objects: map[string]string{}, Tables: map[string]database.Rows{}}
	if db.config.Version != nil {
		v, err := db.config.Version(ctx)
		if err != nil {
			return f, db.fail("be read", err)
		}
		f.Object("version", v)
	}
	if db.config.Content != nil {
		v, err := db.config.Content(ctx)
		if err != nil {
			return f, db.fail("be read", err)
		}
		sum := sha256.Sum256([]byte(v))
		f.Table("content", database.Rows{Sum: hex.EncodeToString(sum[:])})
	}
	return f, nil
}

func (db *DB) fail(what string, err error) error {
	return fmt.Errorf("%s cannot %s: %w", db.config.Name, what, err)
}

// Dump implements database.Database. A tool that fails, or leaves nothing, has
// dumped nothing.
func (db *DB) Dump(ctx context.Context, w io.Writer) (database.Report, error) {
	return db.dump(ctx, w, db.Fingerprint, Kind)
}

// notCompared is what the report of a dump says where nothing tells the content.
const notCompared = "nothing of the product tells what the data are (content), so what the tool restores is compared by the version at most"

func (db *DB) dump(ctx context.Context, w io.Writer, print func(context.Context) (database.Fingerprint, error), kind string) (database.Report, error) {
	began := time.Now()
	r := database.Report{Kind: kind, Server: filepath.Base(db.config.Make.Args[0]), Tool: strings.Join(db.config.Make.Args, " "), Format: Format}
	before, err := print(ctx)
	if err != nil {
		return r, err
	}
	n := &counter{w: w}
	if err := db.make(ctx, n); err != nil {
		return r, db.fail("be dumped", err)
	}
	if n.n == 0 {
		return r, db.fail("be dumped", fmt.Errorf("%w: %s ended well and wrote nothing", database.ErrDamaged, r.Tool))
	}
	if r.Fingerprint, err = print(ctx); err != nil {
		return r, err
	}
	// only the tool knows of which moment its dump is: it must not matter
	if list := database.Compare(before, r.Fingerprint); len(list) > 0 {
		return r, db.fail("be dumped", fmt.Errorf("%w: it was written to while the tool dumped it (%s): dump it in read-only mode, or stopped", database.ErrInUse, database.Summary(list)))
	}
	r.Bytes, r.Duration = n.n, time.Since(began)
	if kind == Kind && db.config.Content == nil {
		r.LeftOut = append(r.LeftOut, notCompared)
	}
	return r, nil
}

// make has the tool write to w, by a file where it wants one.
func (db *DB) make(ctx context.Context, w io.Writer) error {
	if !db.config.Make.usesFile() {
		if err := db.config.Run(ctx, db.config.Make, nil, w); err != nil {
			return err
		}
		return db.verify(ctx, "")
	}
	dir, err := db.room(db.config.Make.As)
	if err != nil {
		return err
	}
	defer dir.Close()
	file := filepath.Join(dir.Path, "dump")
	if err := db.config.Run(ctx, db.config.Make.with(file), nil, nil); err != nil {
		return err
	}
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %s ended well and left no file where it was told to", database.ErrDamaged, filepath.Base(db.config.Make.Args[0]))
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := db.verify(ctx, file); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

func (db *DB) verify(ctx context.Context, file string) error {
	if db.config.Verify == nil {
		return nil
	}
	return db.config.Verify(ctx, file)
}

// room makes a folder in which the tool's account can write.
func (db *DB) room(account string) (*scratch.Dir, error) {
	dir, err := scratch.New(db.config.FS, "", "dump")
	if err != nil || account == "" || db.config.Give == nil {
		return dir, err
	}
	if err := db.config.Give(dir.Path, account); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// Restore implements database.Database, but for the instant: what a killed tool
// leaves is between, and ends when the restore is run again.
func (db *DB) Restore(ctx context.Context, r io.Reader) error {
	if err := db.restore(ctx, r); err != nil {
		return db.fail("be restored", err)
	}
	return nil
}

func (db *DB) restore(ctx context.Context, r io.Reader) error {
	dir, err := db.room(db.config.Restore.As)
	if err != nil {
		return err
	}
	defer dir.Close()
	// read to its end before the tool begins: a damaged dump must restore nothing
	file := filepath.Join(dir.Path, "dump")
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(f, r)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: the dump is empty", database.ErrDamaged)
	}
	if !db.config.Restore.usesFile() {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return db.config.Run(ctx, db.config.Restore, f, nil)
	}
	if account := db.config.Restore.As; account != "" && db.config.Give != nil {
		if err := db.config.Give(file, account); err != nil {
			return err
		}
	}
	return db.config.Run(ctx, db.config.Restore.with(file), bytes.NewReader(nil), nil)
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
