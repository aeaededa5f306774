package mariadb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/database"
)

// Restore stages the dump beside the product's tables, and then exchanges all
// of them in one RENAME TABLE, which MariaDB carries out as a whole, through a
// crash too. With them it renames the list of what is still to be done, which
// is short and needs no data: old tables dropped, foreign keys, views, routines,
// triggers, events. From that instant on there is only forward: whoever comes
// next (Restore, EndSessions) does what is left of it. A kill before leaves the
// old content, and tables with names of ours that do not count.
func (db *DB) Restore(ctx context.Context, r io.Reader) error {
	const what = "restore the database"
	l, err := db.connect(ctx, what)
	if err != nil {
		return err
	}
	defer l.close()
	if _, err := l.end(ctx, db.config.OpID); err != nil {
		return l.fail(ctx, what, err) // what an earlier, killed attempt left
	}
	release, err := db.alone(ctx, l)
	if err != nil {
		return l.fail(ctx, what, err)
	}
	defer release()
	err = db.load(ctx, r)
	if err == nil {
		// short, and only whole: not cancelled any more
		if err = db.exchange(context.WithoutCancel(ctx), l); err == nil {
			return nil
		}
	}
	err = explain(ctx, err)
	after := "its content is as it was before"
	if n, lookErr := l.text(context.WithoutCancel(ctx), "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND table_name = '"+begun+"'"); lookErr != nil || n != "0" {
		after = "it is not finished yet: restore again"
	} else if _, endErr := l.end(context.WithoutCancel(ctx), db.config.OpID); endErr == nil {
		_ = db.tidy(context.WithoutCancel(ctx), l) // what is staged does not count, and the next one removes it
	}
	return fmt.Errorf("cannot %s: %s: %w; %s", what, l.where, err, after)
}

// alone brings to its end what an earlier attempt began, and keeps others from
// doing so until release is called.
func (db *DB) alone(ctx context.Context, l *link) (release func(), _ error) {
	release, err := l.hold(ctx, db.patience)
	if err != nil {
		return nil, err
	}
	if release == nil {
		return nil, fmt.Errorf("%w: another Upkeep is restoring it", database.ErrInUse)
	}
	if err := db.tidy(ctx, l); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// hold takes the lock of who stages and exchanges; nil when another has it.
func (l *link) hold(ctx context.Context, patience time.Duration) (release func(), _ error) {
	sum := sha256.Sum256([]byte(l.schema)) // names of locks are short
	name := "upkeep/exchange/" + hex.EncodeToString(sum[:12])
	got, err := l.text(ctx, "SELECT coalesce(get_lock(?, ?), 0)", name, int(patience.Seconds()))
	if err != nil || got != "1" {
		return nil, err
	}
	return func() { _, _ = l.text(context.WithoutCancel(ctx), "SELECT release_lock(?)", name) }, nil // ends with the session in any case
}

// settle brings to its end what an earlier attempt began. Where another is at
// work, nothing is done.
func (db *DB) settle(ctx context.Context, l *link) error {
	relations, err := l.relations(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(relations, func(r relation) bool { return ours(r.name) }) {
		return nil
	}
	release, err := l.hold(ctx, 0)
	if err != nil || release == nil {
		return err
	}
	defer release()
	return db.tidy(ctx, l)
}

// tidy finishes an exchange that has begun, takes a script back that was left
// half done, and removes what was only staged.
func (db *DB) tidy(ctx context.Context, l *link) error {
	relations, err := l.relations(ctx)
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, r := range relations {
		has[r.name] = true
	}
	switch {
	case has[begun]:
		return db.finish(ctx, l)
	case has[todo]:
		n, err := l.text(ctx, "SELECT count(*) FROM "+todo+" WHERE tag = ?", applying)
		if err != nil {
			return err
		}
		if n != "0" {
			return db.exchange(ctx, l)
		}
	}
	return l.clear(ctx, relations)
}

// clear drops what is staged, the list first: without it nothing is put back.
func (l *link) clear(ctx context.Context, relations []relation) error {
	drop := []string{"SET SESSION foreign_key_checks = 0", "DROP TABLE IF EXISTS " + todo}
	for _, r := range relations {
		if ours(r.name) && r.name != todo && r.name != begun {
			drop = append(drop, "DROP "+strings.ToUpper(r.kind)+" IF EXISTS "+quote(r.name))
		}
	}
	return l.run(ctx, drop...)
}

// load stages a dump through a session of its own.
func (db *DB) load(ctx context.Context, r io.Reader) error {
	l, err := db.connect(ctx, "load the dump")
	if err != nil {
		return err
	}
	defer l.close()
	return l.load(ctx, r)
}

// exchange puts the staged tables in the place of all that are there, and
// finishes.
func (db *DB) exchange(ctx context.Context, l *link) error {
	relations, err := l.relations(ctx)
	if err != nil {
		return err
	}
	places, err := l.list(ctx, todo)
	if err != nil {
		return err
	}
	if err := l.mayMake(ctx, places); err != nil {
		return err
	}
	var pairs []string
	move := func(from, to string) { pairs = append(pairs, quote(from)+" TO "+quote(to)) }
	for _, r := range relations {
		if !ours(r.name) {
			move(r.name, old+strconv.Itoa(len(pairs)+1))
		}
	}
	for _, p := range places {
		if p.Kind == "place" {
			move(p.sql, p.Name)
		}
	}
	move(todo, begun)
	side, err := db.connect(ctx, "end sessions")
	if err != nil {
		return err
	}
	defer side.close()
	id, err := l.text(ctx, "SELECT connection_id()")
	if err != nil {
		return err
	}
	stop, lonely := make(chan struct{}), make(chan struct{})
	go func() { defer close(lonely); db.endOthers(ctx, side, id, stop) }()
	defer func() { close(stop); <-lonely }()
	if err := l.run(ctx, "SET SESSION foreign_key_checks = 0", "RENAME TABLE "+strings.Join(pairs, ", ")); err != nil {
		return err
	}
	return db.finish(ctx, l)
}

var definer = regexp.MustCompile("^CREATE (?:ALGORITHM=\\w+ )?DEFINER=`((?:[^`]|``)*)`@`((?:[^`]|``)*)`")

// mayMake refuses, while nothing is exchanged yet, what could not be made after
// it: views and routines that run in the name of another.
func (l *link) mayMake(ctx context.Context, list []definition) error {
	account, err := l.text(ctx, "SELECT current_user()")
	if err != nil {
		return err
	}
	may, err := l.privileges(ctx)
	if err != nil {
		return err
	}
	for _, d := range list {
		m := definer.FindStringSubmatch(d.sql)
		if m != nil && !may["SET USER"] {
			if name := strings.ReplaceAll(m[1]+"@"+m[2], "``", "`"); name != account {
				return fmt.Errorf("%w: %s %s runs in the name of %s: GRANT SET USER ON *.* TO %s", database.ErrPermission, d.Kind, d.Name, name, grantee(account))
			}
		}
	}
	return nil
}

// list reads what is still to be done.
func (l *link) list(ctx context.Context, table string) ([]definition, error) {
	rows, err := l.table(ctx, "SELECT tag, body FROM "+table+" ORDER BY n")
	if err != nil {
		return nil, err
	}
	var out []definition
	for _, row := range rows {
		if row["tag"] == applying {
			continue
		}
		var d definition
		if err := json.Unmarshal([]byte(row["tag"]), &d); err != nil {
			return nil, fmt.Errorf("the list of what is to be done is not understood: %w", err)
		}
		d.sql = row["body"]
		out = append(out, d)
	}
	return out, nil
}
