package manage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"upkeep/internal/scratch"
	"upkeep/internal/selfupgrade"
)

// SelfCheck says whether this program can go on with the states of
// installations: it opens a copy of each journal, so that nothing of theirs is
// brought to another layout, and reads all of it. The Upkeep that is about to be
// exchanged for this one asks, and holds the locks of the states.
func (m *Machine) SelfCheck(ctx context.Context, states []string) (selfupgrade.Checked, error) {
	c := selfupgrade.Checked{Version: Version(), Problems: []string{}}
	for _, dir := range states {
		had, err := m.tryJournal(ctx, dir)
		switch {
		case ctx.Err() != nil:
			return c, context.Cause(ctx)
		case err != nil:
			c.Problems = append(c.Problems, fmt.Sprintf("%s: %v", dir, err))
		case had:
			c.Journals++
		}
	}
	return c, nil
}

// copies is how often a journal is copied anew that another process has written
// to meanwhile: whoever only looks at one may bring its log into it.
const copies = 3

func (m *Machine) tryJournal(ctx context.Context, state string) (had bool, err error) {
	for try := 1; ; try++ {
		had, err = m.openCopy(ctx, state)
		if err == nil || try == copies || ctx.Err() != nil {
			return had, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (m *Machine) openCopy(ctx context.Context, state string) (bool, error) {
	temp, err := scratch.New(m.FS, "", "self")
	if err != nil {
		return false, err
	}
	defer temp.Close()
	for _, name := range []string{"journal.db", "journal.db-wal"} {
		err := m.copyFile(filepath.Join(state, name), filepath.Join(temp.Path, name))
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == "journal.db":
			return false, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return false, fmt.Errorf("cannot copy its journal: %w", err)
		}
	}
	in := &Installation{State: temp.Path, FS: m.FS, Exe: m.Exe}
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer j.Close()
	if err := j.Verify(ctx); err != nil {
		return false, err
	}
	row, open, err := j.OpenedRun(ctx)
	if err != nil || !open {
		return true, err
	}
	entries, err := j.Entries(ctx, row.ID, 0)
	if err == nil {
		err = in.mine(row.ID, entries)
	}
	return true, err
}

// copyFile copies into a temporary folder.
func (m *Machine) copyFile(from, to string) error {
	r, err := m.FS.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := m.FS.Unsynced().Create(to, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}
