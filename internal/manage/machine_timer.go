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

// files are the units of a timer, the link last.
func (m *Machine) timerFiles(t timer) []file {
	dir := filepath.Join(m.Root, "etc/systemd/system")
	return []file{
		{path: filepath.Join(dir, t.stem+".service"), text: t.service},
		{path: filepath.Join(dir, t.stem+".timer"), text: t.timer},
		{path: filepath.Join(dir, "timers.target.wants", t.stem+".timer"), link: "../" + t.stem + ".timer"},
	}
}

// setTimer installs and starts a timer, and says what it wrote; nothing when all
// was there.
func (m *Machine) setTimer(ctx context.Context, t timer) ([]string, error) {
	if err := m.lasting(); err != nil {
		return nil, err
	}
	var wrote []string
	for _, f := range m.timerFiles(t) {
		if m.has(f) {
			continue
		}
		if err := m.make(f); err != nil {
			return wrote, fmt.Errorf("cannot install the timer: %w", err)
		}
		wrote = append(wrote, f.path)
	}
	if len(wrote) == 0 {
		return nil, nil
	}
	if err := m.Systemd.Reload(ctx); err != nil {
		return wrote, err
	}
	unit := t.stem + ".timer"
	if err := m.Systemd.End(ctx, unit); err != nil { // it may run, by another calendar
		return wrote, fmt.Errorf("cannot stop %s: %w", unit, err)
	}
	if err := m.Systemd.Begin(ctx, unit); err != nil {
		return wrote, fmt.Errorf("cannot start %s: %w", unit, err)
	}
	return wrote, nil
}

// hasTimer says whether a timer is installed.
func (m *Machine) hasTimer(stem string) bool {
	for _, f := range m.timerFiles(timer{stem: stem}) {
		if _, err := m.FS.Lstat(f.path); err != nil {
			return false
		}
	}
	return true
}

func (m *Machine) endTimer(ctx context.Context, stem string) ([]string, error) {
	gone, err := m.dropTimer(ctx, stem)
	if err != nil || len(gone) == 0 {
		return gone, err
	}
	return gone, m.Systemd.Reload(ctx)
}

// dropTimer stops a timer and removes its units.
func (m *Machine) dropTimer(ctx context.Context, stem string) ([]string, error) {
	var gone []string
	list := m.timerFiles(timer{stem: stem})
	if _, err := m.FS.Lstat(list[1].path); err == nil {
		if err := m.Systemd.End(ctx, stem+".timer"); err != nil {
			return nil, fmt.Errorf("cannot stop %s.timer: %w", stem, err)
		}
	}
	for _, f := range slices.Backward(list) {
		err := m.FS.Remove(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return gone, fmt.Errorf("cannot take the timer away: %w", err)
		}
		gone = append(gone, f.path)
	}
	return gone, nil
}

// timers are the stems of all timers on this machine, also of installations that
// are not known any more.
func (m *Machine) timers() ([]string, error) {
	dir := filepath.Join(m.Root, "etc/systemd/system")
	list, err := m.FS.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot see which timers there are: %w", err)
	}
	var out []string
	for _, e := range list {
		ours := strings.HasPrefix(e.Name, backupUnit) || strings.HasPrefix(e.Name, feedUnit) || strings.HasPrefix(e.Name, startUnit)
		if stem, _, _ := strings.Cut(e.Name, "."); ours && !slices.Contains(out, stem) {
			out = append(out, stem)
		}
	}
	return out, nil
}
