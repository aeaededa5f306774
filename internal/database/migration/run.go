package migration

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"upkeep/internal/database"
)

// Runner carries scripts out on one database.
type Runner struct {
	DB database.Database
	// Watch opens the database once more, for looking on; nil: nobody looks on.
	Watch func(ctx context.Context) (database.Database, error)
	// Native runs the server's client with a script as its input; nil: it cannot.
	Native func(ctx context.Context, c database.Client, script io.Reader) error
	Limits database.Limits
	// Say tells what is worth a line of the log, At which statement is begun.
	// Both may be nil.
	Say func(line string)
	At  func(n, of int, line string)
}

// FailedError says which statement of a script failed.
type FailedError struct {
	Script string
	N, Of  int
	Line   int
	// Left says that the statements before it are there; else nothing is.
	Left bool
	Err  error
}

func (e *FailedError) Error() string {
	if e.N == 0 {
		return e.Script + ": " + e.Err.Error()
	}
	line, err := e.Line, e.Err
	var said *database.LineError
	if errors.As(err, &said) { // it knows better: a statement may have many lines
		line, err = said.Line, said.Err
	}
	return fmt.Sprintf("statement %d of %d (%s, line %d): %v", e.N, e.Of, e.Script, line, err)
}

func (e *FailedError) Unwrap() error { return e.Err }

// job is one script being carried out.
type job struct {
	*Runner
	d      dialect
	j      *Journal
	s      Script
	list   []database.Statement
	onConn string // the session that is looked at
}

// Apply carries a script out, unless it is applied. With the default it is
// there as a whole afterwards, or not at all. One that is marked no-transaction
// goes on at the statement at which it was interrupted.
func (r *Runner) Apply(ctx context.Context, s Script) error {
	if err := s.Check(r.DB.Kind()); err != nil {
		return fmt.Errorf("cannot apply %w", err)
	}
	w := &job{Runner: r, d: dialects[r.DB.Kind()], s: s}
	w.list = database.Split(s.SQL, w.d.Dialect)
	if s.Native { // whatever is in it, it is one
		w.list = []database.Statement{{Raw: s.SQL, Text: s.SQL, Begin: 1, Line: 1, Words: []string{"CLIENT"}}}
	}
	done, err := w.ready(ctx)
	if err != nil || done {
		return err
	}
	switch {
	case s.Native && s.Alone:
		err = w.alone(ctx)
	case s.Native && w.d.Dialect == database.MariaDB:
		err = w.guarded(ctx)
	case s.Native:
		err = w.client(ctx)
	case s.Alone:
		err = w.alone(ctx)
	default:
		err = w.whole(ctx)
	}
	return err
}

// ready makes the journal's tables and reads it, under the lock.
func (w *job) ready(ctx context.Context) (done bool, err error) {
	c, err := w.DB.Connect(ctx, w.Limits)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if w.j, err = Read(ctx, w.DB); err != nil {
		return false, err
	}
	if _, done := w.j.Find(w.s.Name); done {
		return true, nil
	}
	if w.j.whole {
		return false, nil
	}
	return false, own(ctx, c, w.j.tables(w.d)...)
}

// whole carries a script out in one transaction, or guarded where the server
// has none for it.
func (w *job) whole(ctx context.Context) error {
	rows := !slices.ContainsFunc(w.list, func(st database.Statement) bool { return mustBeAlone(w.DB.Kind(), st) })
	if w.d.Dialect == database.MariaDB {
		n, err := w.DB.Query(ctx, "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND table_type = 'BASE TABLE' AND coalesce(engine, '') <> 'InnoDB'")
		if err != nil {
			return err
		}
		if !rows || n != "0" {
			return w.guarded(ctx)
		}
	}
	c, err := w.DB.Connect(ctx, w.Limits)
	if err != nil {
		return err
	}
	defer c.Close() // which takes back what is not committed
	began := now()
	if err := own(ctx, c, w.d.begin, w.j.apply(w.s)); err != nil { // first: the script may change where names lead
		return err
	}
	records, err := w.statements(ctx, c)
	if err != nil {
		_ = c.Close() // its locks
		return w.failed(ctx, began, err)
	}
	if w.d.Dialect == database.Postgres {
		err = own(ctx, c, "RESET SESSION AUTHORIZATION", "RESET ROLE")
	}
	if err == nil {
		err = own(ctx, c, append(w.record(records), "COMMIT")...)
	}
	if err == nil {
		return nil
	}
	_ = c.Close()
	if w.applied(ctx) { // the answer to the commit was lost
		return nil
	}
	return w.failed(ctx, began, &FailedError{Script: w.s.Name, Err: err})
}

// guarded carries a script out on a server that cannot take its statements
// back.
func (w *job) guarded(ctx context.Context) error {
	g, ok := w.DB.(database.Guard)
	if !ok {
		return fmt.Errorf("cannot apply %s: a database of kind %s cannot take it back", w.s.Name, w.DB.Kind())
	}
	began := now()
	err := g.Guard(ctx, func() error {
		c, err := w.DB.Connect(ctx, w.Limits)
		if err != nil {
			return err
		}
		defer c.Close() // all of it is final
		records, err := w.statements(ctx, c)
		if err == nil {
			err = own(ctx, c, append(w.record(records), w.j.apply(w.s))...)
		}
		return err
	})
	if err != nil {
		return w.failed(ctx, began, err)
	}
	return nil
}

// statements carries all of them out on one connection.
func (w *job) statements(ctx context.Context, c database.Conn) ([]Record, error) {
	defer w.look(ctx, c.ID())()
	var out []Record
	for i, st := range w.list {
		r, err := w.one(ctx, c, i, st)
		if err != nil {
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}

// one carries one statement out.
func (w *job) one(ctx context.Context, c database.Conn, i int, st database.Statement) (Record, error) {
	if w.At != nil {
		w.At(i+1, len(w.list), w.s.Name)
	}
	r := Record{Script: w.s.Name, N: i + 1, SHA256: sum(st), Began: now()}
	var err error
	if w.s.Native {
		err = w.native(ctx, w.s.SQL)
	} else {
		r.Rows, err = c.Exec(ctx, st)
	}
	if err != nil {
		return r, &FailedError{Script: w.s.Name, N: i + 1, Of: len(w.list), Line: st.Line, Err: err}
	}
	r.Ended = now()
	return r, nil
}

// sum of a statement, as the journal holds it.
func sum(st database.Statement) string {
	h := sha256.Sum256([]byte(st.Text))
	return hex.EncodeToString(h[:])
}

// record words the records of a script that is applied as a whole.
func (w *job) record(rs []Record) []string {
	out := []string{w.j.forget(w.s.Name)}
	for _, r := range rs {
		out = append(out, w.j.write(r)[1])
	}
	return out
}

// applied says whether the script is applied after all.
func (w *job) applied(ctx context.Context) bool {
	j, err := Read(ctx, w.DB)
	if err != nil {
		return false
	}
	_, ok := j.Find(w.s.Name)
	return ok
}

// failed records that a script failed that has left nothing behind, as well as
// may be: the error is what counts.
func (w *job) failed(ctx context.Context, began string, err error) error {
	var f *FailedError
	if !errors.As(err, &f) || ctx.Err() != nil {
		return err
	}
	st := database.Statement{}
	if f.N > 0 {
		st = w.list[f.N-1]
	}
	c, cerr := w.DB.Connect(ctx, w.Limits)
	if cerr != nil {
		return err
	}
	defer c.Close()
	_ = own(ctx, c, w.j.write(Record{Script: w.s.Name, N: f.N, SHA256: sum(st), Began: began, Ended: now(), Error: f.Err.Error()})...)
	return err
}

// client hands a script to psql, which holds it in one transaction together
// with the journal's word that it is applied.
func (w *job) client(ctx context.Context) error {
	r := Record{Script: w.s.Name, N: 1, SHA256: sum(w.list[0]), Began: now()}
	r.Ended = r.Began // when it ends, is the time of the row of the script
	after := strings.Join(append(w.j.write(r), w.j.apply(w.s)), ";\n")
	if w.At != nil {
		w.At(1, 1, w.s.Name)
	}
	err := w.native(ctx, w.s.SQL+"\n;\n\\unset ON_ERROR_ROLLBACK\nRESET SESSION AUTHORIZATION;\nRESET ROLE;\n"+after+";\n")
	switch {
	case err != nil:
		return w.failed(ctx, r.Began, &FailedError{Script: w.s.Name, N: 1, Of: 1, Line: 1, Err: err})
	case !w.applied(ctx):
		return fmt.Errorf("cannot apply %s: psql has ended well, and the journal does not say that it is applied", w.s.Name)
	}
	return nil
}

func (w *job) native(ctx context.Context, script string) error {
	if w.Native == nil {
		return fmt.Errorf("%w: no client can be started here", database.ErrToolMissing)
	}
	c, err := w.DB.Native(ctx)
	if err != nil {
		return err
	}
	if w.s.Alone { // psql's own transaction is not wanted
		c.Args = slices.DeleteFunc(slices.Clone(c.Args), func(a string) bool { return a == "--single-transaction" })
	}
	return w.Native(ctx, c, strings.NewReader(script))
}

// look looks on while statements are carried out: what they wait for, and how
// far they are.
func (w *job) look(ctx context.Context, id string) (stop func()) {
	if w.Watch == nil || id == "" || len(w.d.waits) == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.watch(ctx, id)
	}()
	return func() { cancel(); <-ended }
}

// watch asks every two seconds, and says what is new.
func (w *job) watch(ctx context.Context, id string) {
	var db database.Database
	last := ""
	for {
		select {
		case <-ctx.Done():
			if db != nil {
				_ = db.Close() // it only read
			}
			return
		case <-time.After(2 * time.Second):
		}
		if db == nil {
			var err error
			if db, err = w.Watch(ctx); err != nil {
				db = nil
				continue
			}
		}
		line := ""
		if who := ask(ctx, db, w.d.waits, id); who != "" {
			line = "waits for a lock that is held by " + who
		} else if far := ask(ctx, db, w.d.progress, id); far != "" {
			line = far
		}
		key := lasted.ReplaceAllString(line, "")
		if key == last || ctx.Err() != nil {
			continue
		}
		if last = key; line == "" { // it waits no longer
			if w.At != nil {
				w.At(0, len(w.list), w.s.Name)
			}
			continue
		}
		if w.At != nil { // first: of what comes right after a line of the log, the log's is enough for who watches
			w.At(0, len(w.list), w.s.Name+" "+line)
		}
		if strings.HasPrefix(line, "waits") && w.Say != nil {
			w.Say(w.s.Name + " " + line)
		}
	}
}

// lasted is what grows while nothing else changes.
var lasted = regexp.MustCompile(`, for \d+ s`)

// ask gives the first answer to questions of which a server may not know all.
func ask(ctx context.Context, db database.Database, questions []string, id string) string {
	for _, q := range questions {
		if text, err := db.Query(ctx, strings.ReplaceAll(q, "SESSION_ID", id)); err == nil && text != "" {
			return text
		}
	}
	return ""
}
