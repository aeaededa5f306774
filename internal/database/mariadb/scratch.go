package mariadb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"upkeep/internal/database"
)

// Scratch makes a database as the product's is.
func (db *DB) Scratch(ctx context.Context) (database.Database, error) {
	const what = "make a scratch database"
	l, err := db.connect(ctx, what)
	if err != nil {
		return nil, err
	}
	defer l.close()
	if err := l.dropScratch(ctx, db.config.OpID); err != nil {
		return nil, err
	}
	name := database.ScratchName(db.config.OpID, l.schema)
	rows, err := l.table(ctx, "SELECT default_character_set_name AS c, default_collation_name AS l FROM information_schema.schemata WHERE schema_name = database()")
	if err == nil && len(rows) == 1 {
		err = l.run(ctx, fmt.Sprintf("CREATE DATABASE %s CHARACTER SET %s COLLATE %s", quote(name), rows[0]["c"], rows[0]["l"]))
	}
	if err != nil {
		return nil, l.fail(ctx, what, fmt.Errorf("%w: %w", database.ErrScratch, explain(ctx, err)))
	}
	s := &DB{config: db.config, patience: db.patience, inside: name, asleep: asleep{}}
	s.config.OpID += "/" + name // a restore ends the sessions of its own operation
	s.made = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		l, err := db.connect(ctx, "remove the scratch database")
		if err != nil {
			return err
		}
		defer l.close()
		return l.dropScratch(ctx, db.config.OpID)
	}
	return s, nil
}

// dropScratch removes the scratch database of the operation, with whoever is
// in it.
func (l *link) dropScratch(ctx context.Context, opID string) error {
	name := database.ScratchName(opID, l.schema)
	n, err := l.text(ctx, "SELECT count(*) FROM information_schema.schemata WHERE schema_name = ?", name)
	if err == nil && n != "0" {
		if _, err = l.end(ctx, opID+"/"+name); err == nil {
			err = l.run(ctx, "DROP DATABASE IF EXISTS "+quote(name))
		}
	}
	if err != nil {
		return l.fail(ctx, "remove the scratch database", err)
	}
	return nil
}

// scratchRoom says whether the account may make a scratch database and restore
// a dump into it, and what that needs.
func (l *link) scratchRoom(ctx context.Context, info database.Info, logged bool) (database.ScratchRoom, error) {
	const tail = 32 << 20 // definitions, and the log's own files
	room := database.ScratchRoom{Bytes: info.SizeBytes + tail}
	if logged {
		room.Bytes += info.SizeBytes
	}
	may, err := l.privilegesOn(ctx, database.ScratchName("", ""))
	if err != nil {
		return room, err
	}
	missing := slices.ContainsFunc(slices.Concat(reading, writing, []string{"LOCK TABLES"}), func(p string) bool { return !may[p] })
	switch {
	case info.InRecovery:
		room.Problem = "the server is read-only, as a replica is"
	case !info.Rights.Dump || !info.Rights.Restore:
		room.Problem = "the account may not restore the database"
	case missing:
		room.Problem = fmt.Sprintf("account %s may not make databases of the name upkeep_scratch_…: GRANT ALL PRIVILEGES ON `upkeep\\_scratch\\_%%`.* TO %s", info.Account, grantee(info.Account))
	}
	rows, err := l.table(ctx, "SELECT @@hostname AS h, @@datadir AS d, @@pid_file AS p")
	if err != nil {
		return room, err
	}
	// a tunnel or a container looks like this computer too
	host, hostErr := os.Hostname()
	_, fileErr := os.Stat(filepath.Join(rows[0]["d"], "ibdata1"))
	if hostErr == nil && host == rows[0]["h"] && (fileErr == nil || errors.Is(fileErr, os.ErrPermission) && isDir(rows[0]["d"])) {
		room.Dir = filepath.Clean(rows[0]["d"])
	}
	return room, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// asleep are events of a scratch database: they must not run there, and count
// as if they were switched on.
type asleep map[string]string

var switchedOn = regexp.MustCompile(`(?s)^(CREATE .*? ON COMPLETION (?:NOT )?PRESERVE) ENABLE\b`)

// send gives the statement that makes the event, switched off.
func (a asleep) send(d definition) string {
	text := switchedOn.ReplaceAllString(d.sql, "$1 DISABLE")
	if text != d.sql {
		a[d.Name] = d.sql
	}
	return text
}

// awake gives the definition of an event as it was before.
func (a asleep) awake(d definition) string {
	if text, ok := a[d.Name]; ok && switchedOn.ReplaceAllString(text, "$1 DISABLE") == d.sql {
		return text
	}
	return d.sql
}

// consistency names the tables that a dump must lock.
func (l *link) consistency(ctx context.Context) (database.Consistency, error) {
	c := database.Consistency{By: database.BySnapshot}
	relations, err := l.relations(ctx)
	for _, r := range relations {
		if r.locked() && !ours(r.name) {
			c.By = database.ByLocks
			c.Locked = append(c.Locked, r.name+" ("+strings.TrimSpace(r.engine)+")")
		}
	}
	return c, err
}
