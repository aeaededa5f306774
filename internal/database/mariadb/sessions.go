package mariadb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/database"
)

// slots is how many sessions of one operation can be told apart.
const slots = 64

// slot is the name of the lock that a session of an operation holds. A server
// has no name for a session that others could see: attributes of connections
// need the performance schema, which is off by default, and comments are gone
// with their statement. A named lock ends with its session, and whoever knows
// its name may ask who holds it.
func slot(opID string, n int) string {
	sum := sha256.Sum256([]byte(opID))
	return fmt.Sprintf("upkeep/%s/%d", hex.EncodeToString(sum[:12]), n)
}

// sign makes this session one of the operation's.
func (l *link) sign(ctx context.Context, opID string) error {
	first, err := l.text(ctx, "SELECT connection_id()")
	if err != nil {
		return err
	}
	begin, _ := strconv.Atoi(first) // digits, by the server's own word
	for n := range slots {
		// beginning anywhere, the first is free nearly always
		got, err := l.text(ctx, "SELECT coalesce(get_lock(?, 0), 0)", slot(opID, (begin+n)%slots))
		if err != nil || got == "1" {
			return err
		}
	}
	return fmt.Errorf("%w: the operation has %d sessions already", database.ErrBusy, slots)
}

// holders gives the numbers of the operation's sessions, without this one.
func (l *link) holders(ctx context.Context, opID string) ([]string, error) {
	calls, args := make([]string, slots), make([]any, slots)
	for n := range slots {
		calls[n], args[n] = "is_used_lock(?)", slot(opID, n)
	}
	all, err := l.text(ctx, "SELECT concat_ws(',', connection_id(), "+strings.Join(calls, ", ")+")", args...)
	if err != nil {
		return nil, err
	}
	own, others, _ := strings.Cut(all, ",")
	var out []string
	for id := range strings.SplitSeq(others, ",") {
		if id != own && id != "" {
			out = append(out, id)
		}
	}
	return out, nil
}

// Sessions lists the sessions of the operation, in any database of the server,
// but not the one that asks.
func (db *DB) Sessions(ctx context.Context, opID string) ([]database.Session, error) {
	const what = "list sessions"
	l, err := db.connect(ctx, what)
	if err != nil {
		return nil, err
	}
	defer l.close()
	ids, err := l.holders(ctx, opID)
	if err != nil {
		return nil, l.fail(ctx, what, err)
	}
	var list []database.Session
	for _, id := range ids {
		s := database.Session{ID: id, Name: "upkeep/" + opID}
		rows, err := l.table(ctx, "SELECT lower(command) AS c, time AS t FROM information_schema.processlist WHERE id = ?", id)
		if err != nil {
			return nil, l.fail(ctx, what, err)
		}
		for _, row := range rows { // none: it is another account's
			seconds, _ := strconv.Atoi(row["t"]) // the server's own number
			s.State, s.Started = row["c"], time.Now().Add(-time.Duration(seconds)*time.Second)
		}
		list = append(list, s)
	}
	return list, nil
}

// EndSessions ends them and waits until they are gone. A restore or a script
// that they left half done is then finished or taken back, so that whoever
// looks next sees one content or the other. A scratch database of theirs is
// removed.
func (db *DB) EndSessions(ctx context.Context, opID string) (int, error) {
	const what = "end sessions"
	l, err := db.connect(ctx, what)
	if err != nil {
		return 0, err
	}
	defer l.close()
	n, err := l.end(ctx, opID)
	if err != nil {
		return n, l.fail(ctx, what, err)
	}
	if err := db.settle(ctx, l); err != nil {
		return n, l.fail(ctx, "finish what was interrupted", err)
	}
	return n, l.dropScratch(ctx, opID)
}

// end ends the operation's sessions but this, waiting up to 10 seconds.
func (l *link) end(ctx context.Context, opID string) (int, error) {
	most := 0
	for deadline := time.Now().Add(10 * time.Second); ; {
		ids, err := l.holders(ctx, opID)
		if err != nil {
			return most, err
		}
		most = max(most, len(ids))
		if len(ids) == 0 {
			return most, nil
		}
		for _, id := range ids {
			const gone = 1094
			if err := l.run(ctx, "KILL CONNECTION "+id); err != nil && number(err) != gone {
				return most, err
			}
		}
		if time.Now().After(deadline) {
			return most, fmt.Errorf("%w: %d sessions do not end", database.ErrInUse, len(ids))
		}
		select {
		case <-ctx.Done():
			return most, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// endOthers ends the sessions of everybody else in this database until told to
// stop: an exchange waits for their locks, and an application reconnects. What
// may not be ended is left: then the lock's timeout tells.
func (db *DB) endOthers(ctx context.Context, l *link, spare string, stop <-chan struct{}) {
	for {
		rows, err := l.table(ctx, "SELECT id FROM information_schema.processlist WHERE db = database() AND id NOT IN (connection_id(), ?)", spare)
		for _, row := range rows {
			err = errors.Join(err, l.run(ctx, "KILL CONNECTION "+row["id"]))
		}
		_ = err // the exchange itself finds out
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}
