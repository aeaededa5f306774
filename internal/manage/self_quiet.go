package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// quietHost is this computer with no run open and none that can begin: the
// locks of all installations that are known, until release.
type quietHost struct {
	states []string // their folders of state
	notes  []string // what could not be looked at
	locks  []*lock
}

func (q *quietHost) release() {
	for _, l := range q.locks {
		l.release()
	}
}

// quiet takes the locks of all installations of this computer, and refuses while
// one of them has a run open. Found are those whose documents lie where
// documents belong or were noted, and what else has a journal where root keeps
// states: of a document that cannot be read, too.
func (m *Machine) quiet(ctx context.Context) (q *quietHost, err error) {
	q = &quietHost{}
	defer func() {
		if err != nil {
			q.release()
		}
	}()
	states, notes, err := m.states()
	if err != nil {
		return q, err
	}
	q.notes = notes
	var reasons []string
	for _, dir := range states {
		in := &Installation{State: dir, FS: m.FS}
		l, err := in.exclusive(ctx)
		var busy *BusyError
		switch {
		case errors.As(err, &busy):
			reasons = append(reasons, fmt.Sprintf("%s: another upkeep (process %d) is at work on it", dir, busy.PID))
			continue
		case errors.Is(err, fs.ErrNotExist): // nothing was ever run
			continue
		case errors.Is(err, fs.ErrPermission):
			q.notes = append(q.notes, fmt.Sprintf("%s is another account's: whether a run is open there is not known", dir))
			continue
		case err != nil:
			return q, err
		}
		q.locks = append(q.locks, l)
		open, err := in.openRow(ctx)
		switch {
		case err != nil:
			return q, fmt.Errorf("cannot tell whether a run is open in %s: %w", dir, err)
		case open != "":
			reasons = append(reasons, fmt.Sprintf("run %s is open (%s): its own Upkeep ends it first; upkeep resume goes on with it, upkeep back undoes it", open, dir))
		}
		q.states = append(q.states, dir)
	}
	if len(reasons) > 0 {
		return q, &RefusedError{What: "Upkeep is not exchanged during a run", Reasons: reasons}
	}
	return q, nil
}

// states are the folders of state of this computer.
func (m *Machine) states() (dirs, notes []string, err error) {
	docs, err := enrolled(m.FS, filepath.Join(m.Root, register), m.Folders)
	if errors.Is(err, fs.ErrPermission) { // the register is root's
		docs, err = documentsIn(m.Folders), nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, doc := range docs {
		in, err := Open(doc, m.Exe)
		var none *NoInstallationError
		switch {
		case errors.As(err, &none): // noted once, and gone
		case err != nil:
			notes = append(notes, fmt.Sprintf("cannot tell whether %s has a run open: %v", doc, strings.SplitN(err.Error(), "\n", 2)[0]))
		default:
			dirs = append(dirs, in.State)
		}
	}
	shared := filepath.Join(m.Root, sharedState)
	list, err := m.FS.ReadDir(shared)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return nil, nil, fmt.Errorf("cannot look for installations: %w", err)
	}
	for _, e := range list {
		at := filepath.Join(shared, e.Name)
		if _, err := m.FS.Lstat(filepath.Join(at, "journal.db")); err == nil {
			dirs = append(dirs, at)
		}
	}
	for i, dir := range dirs { // a lock that is taken twice is nobody's
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dirs[i] = real
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), notes, nil
}

// openRow gives the id of the run that is open, whoever began it; empty when
// none is.
func (in *Installation) openRow(ctx context.Context) (string, error) {
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer j.Close()
	row, ok, err := j.OpenedRun(ctx)
	if err != nil || !ok {
		return "", err
	}
	return row.ID, nil
}
