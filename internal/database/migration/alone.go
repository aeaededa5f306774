package migration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/database"
)

// State is how far a script is that is carried out statement by statement.
type State struct {
	Done, Of int
	// Unclear says of the statement behind those that it was interrupted and
	// cannot be told: a person must look. Empty otherwise.
	Unclear string
	again   *Record // it was begun or has failed, and is to be carried out again
	took    bool    // it was interrupted and has taken effect
}

// Begun says that the script has left something.
func (s State) Begun() bool { return s.Done > 0 || s.again != nil || s.took || s.Unclear != "" }

// ChangedError says that a script is not the one that was carried out before.
type ChangedError struct{ Script, What string }

func (e *ChangedError) Error() string { return fmt.Sprintf("script %s %s", e.Script, e.What) }

// Progress tells how far a script is that is marked no-transaction and not yet
// applied. It writes nothing.
func Progress(ctx context.Context, db database.Database, j *Journal, s Script) (State, error) {
	d := dialects[db.Kind()]
	list := database.Split(s.SQL, d.Dialect)
	if s.Native {
		list = []database.Statement{{Text: s.SQL, Line: 1, Words: []string{"CLIENT"}}}
	}
	st := State{Of: len(list)}
	if !s.Alone {
		return st, nil
	}
	for _, r := range j.Of(s.Name) {
		if r.done() && (r.N > len(list) || sum(list[r.N-1]) != r.SHA256) {
			return st, &ChangedError{s.Name, fmt.Sprintf("was begun with another content: its statement %d was another one", r.N)}
		}
		switch {
		case r.done():
			st.Done = r.N
		case r.N > len(list) || sum(list[r.N-1]) != r.SHA256 || st.Done != r.N-1: // mended since
			if r.Ended == "" {
				st.Unclear = fmt.Sprintf("statement %d of %s was interrupted, and it is another one in this release", r.N, s.Name)
			}
			return st, nil
		default:
			return judge(ctx, db, d, s, list[r.N-1], r, st)
		}
	}
	return st, nil
}

// judge tells whether a statement that was begun outside of a transaction and
// not seen to its end has taken effect.
func judge(ctx context.Context, db database.Database, d dialect, s Script, stmt database.Statement, r Record, st State) (State, error) {
	kind, first := db.Kind(), stmt.Words[0]
	unclear := func(why string) (State, error) {
		how := "was interrupted"
		if r.Error != "" {
			how = "failed (" + r.Error + ")"
		}
		st.Unclear = fmt.Sprintf("statement %d of %d of %s (line %d, %s …) %s: %s", r.N, st.Of, s.Name, stmt.Line, strings.Join(stmt.Words[:min(4, len(stmt.Words))], " "), how, why)
		return st, nil
	}
	again := func() (State, error) { st.again = &r; return st, nil }
	if slices.Contains([]string{"VACUUM", "ANALYZE", "REINDEX", "CLUSTER", "CHECKPOINT", "OPTIMIZE", "FLUSH", "SET", "PRAGMA", "RESET"}, first) {
		return again() // they may be carried out twice
	}
	if !slices.Contains([]string{"CREATE", "ALTER", "DROP", "RENAME", "COMMENT"}, first) {
		return unclear("what it does, or a part of it, may be there")
	}
	if kind != "postgres" && first == "DROP" && strings.Contains(stmt.Text, ",") {
		return unclear("some of what it drops may be gone")
	}
	left, err := invalid(ctx, db, d)
	if err != nil {
		return st, err
	}
	sign, err := db.Query(ctx, d.sign)
	if err != nil {
		return st, fmt.Errorf("cannot read the definitions: %w", err)
	}
	was, _, _ := strings.Cut(r.Sign, " ")
	switch {
	case was == "":
		return unclear("what it does, or a part of it, may be there")
	case sign == was && r.Error != "", sign == was, len(fresh(left, r.Sign)) > 0:
		return again()
	case r.Error != "":
		return unclear("the definitions are others all the same")
	}
	st.took, st.Done = true, st.Done+1
	return st, nil
}

// invalid gives the indexes that are left half made.
func invalid(ctx context.Context, db database.Database, d dialect) ([]string, error) {
	if d.invalid == "" {
		return nil, nil
	}
	text, err := db.Query(ctx, d.invalid)
	if errors.Is(err, database.ErrNoRow) {
		return nil, nil
	}
	return strings.Split(text, "\n"), err
}

// fresh are the half-made indexes that were not there when the sign was taken.
func fresh(left []string, sign string) []string {
	return slices.DeleteFunc(slices.Clone(left), func(n string) bool { return strings.Contains(sign, "|"+n+"|") })
}

// alone carries a script out statement by statement, from where it is.
func (w *job) alone(ctx context.Context) error {
	st, err := Progress(ctx, w.DB, w.j, w.s)
	if err != nil {
		return err
	}
	if st.Unclear != "" && w.Say != nil {
		w.Say(st.Unclear + "; it is carried out again, as was decided")
	}
	c, err := w.DB.Connect(ctx, w.Limits)
	if err != nil {
		return err
	}
	defer c.Close() // what is done is committed
	defer w.look(ctx, c.ID())()
	if st.took {
		r := w.j.Of(w.s.Name)[st.Done-1]
		r.Ended = now()
		if err := w.put(ctx, c, r); err != nil {
			return err
		}
	}
	if st.Begun() && w.Say != nil {
		w.Say(fmt.Sprintf("%s goes on at statement %d of %d", w.s.Name, st.Done+1, st.Of))
	}
	for i, stmt := range w.list {
		if i < st.Done {
			if stmt.Words[0] == "SET" { // it is the connection's, and this is another one
				if _, err := c.Exec(ctx, stmt); err != nil {
					return &FailedError{Script: w.s.Name, N: i + 1, Of: st.Of, Line: stmt.Line, Left: true, Err: err}
				}
			}
			continue
		}
		if i == st.Done && st.again != nil {
			if err := w.clear(ctx, c, stmt, *st.again); err != nil {
				return err
			}
		}
		if err := w.step(ctx, c, i, stmt); err != nil {
			var f *FailedError
			if errors.As(err, &f) {
				f.Left = true
			}
			return err
		}
	}
	return own(ctx, c, w.j.apply(w.s))
}

// clear removes the half-made index that a statement has left.
func (w *job) clear(ctx context.Context, c database.Conn, stmt database.Statement, r Record) error {
	if stmt.Words[0] != "CREATE" {
		return nil
	}
	left, err := invalid(ctx, w.DB, w.d)
	if err != nil {
		return err
	}
	for _, index := range fresh(left, r.Sign) {
		if w.Say != nil {
			w.Say(fmt.Sprintf("the index %s, which statement %d of %s has left half made, is dropped", index, r.N, w.s.Name))
		}
		if err := own(ctx, c, "DROP INDEX "+index); err != nil {
			return err
		}
	}
	return nil
}

// step carries one statement out: together with its record where it can be in
// a transaction, else between two records.
func (w *job) step(ctx context.Context, c database.Conn, i int, stmt database.Statement) error {
	if stmt.Words[0] != "CLIENT" && !mustBeAlone(w.DB.Kind(), stmt) && stmt.Words[0] != "SET" {
		if err := own(ctx, c, w.d.begin); err != nil {
			return err
		}
		r, err := w.one(ctx, c, i, stmt)
		if err == nil {
			if err = own(ctx, c, append(w.j.write(r), "COMMIT")...); err == nil {
				return nil
			}
		}
		_ = own(context.WithoutCancel(ctx), c, "ROLLBACK") // the connection's end does it too
		w.note(ctx, c, r, err)
		return err
	}
	r := Record{Script: w.s.Name, N: i + 1, SHA256: sum(stmt), Began: now()}
	if stmt.Words[0] != "SET" && stmt.Words[0] != "CLIENT" {
		sign, err := w.DB.Query(ctx, w.d.sign)
		if err != nil {
			return fmt.Errorf("cannot read the definitions: %w", err)
		}
		left, err := invalid(ctx, w.DB, w.d)
		if err != nil {
			return err
		}
		r.Sign = sign + " |" + strings.Join(left, "|") + "|"
	}
	if err := w.put(ctx, c, r); err != nil {
		return err
	}
	done, err := w.one(ctx, c, i, stmt)
	if err != nil {
		w.note(ctx, c, r, err)
		return err
	}
	done.Sign = r.Sign
	return w.put(ctx, c, done)
}

// put records a statement at one instant: what is known of it is never lost.
func (w *job) put(ctx context.Context, c database.Conn, r Record) error {
	return own(ctx, c, append(append([]string{w.d.begin}, w.j.write(r)...), "COMMIT")...)
}

// note records that a statement failed, where the server has said so itself.
// When the connection was lost the statement stays begun: what became of it is
// found out.
func (w *job) note(ctx context.Context, c database.Conn, r Record, err error) {
	var f *FailedError
	if ctx.Err() != nil || !errors.As(err, &f) || errors.Is(err, database.ErrUnreachable) {
		return
	}
	r.Ended, r.Error = now(), f.Err.Error()
	_ = w.put(ctx, c, r) // the error itself counts
}
