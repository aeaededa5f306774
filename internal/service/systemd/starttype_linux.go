package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"

	"upkeep/internal/service"
)

var _ service.StartTyper = (*Manager)(nil)

// StartType implements service.StartTyper.
func (m *Manager) StartType(ctx context.Context, s service.Spec) (service.StartType, error) {
	if err := s.Check(); err != nil {
		return service.StartType{}, err
	}
	u, err := m.find(ctx, s)
	if err != nil {
		return service.StartType{}, fmt.Errorf("cannot tell how %s starts: %w", s.ID, err)
	}
	if !u.known() {
		return service.StartType{}, fmt.Errorf("cannot tell how %s starts: %s", s.ID, m.why(ctx, s, u))
	}
	st := service.StartType{Mode: u.File}
	if u.Load == "masked" {
		st.Mode = "masked"
	}
	st.Links, err = m.links(u.Name)
	return st, err
}

// links are the administrator's links by which a unit starts with the machine,
// goes by other names, or is masked (systemctl(1), enable and mask).
func (m *Manager) links(unit string) (map[string]string, error) {
	dir := filepath.Join(m.o.Root, unitDir)
	list, err := m.o.FS.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot look for the links of %s: %w", unit, err)
	}
	var candidates []string
	for _, e := range list {
		switch {
		case strings.HasSuffix(e.Name, ".wants"), strings.HasSuffix(e.Name, ".requires"), strings.HasSuffix(e.Name, ".upholds"):
			candidates = append(candidates, filepath.Join(dir, e.Name, unit))
		case e.Type&fs.ModeSymlink != 0:
			candidates = append(candidates, filepath.Join(dir, e.Name))
		}
	}
	out := map[string]string{}
	for _, at := range candidates {
		target, err := m.o.FS.Readlink(at)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot look for the links of %s: %w", unit, err)
		}
		if filepath.Base(at) == unit || filepath.Base(target) == unit {
			out[at] = target
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// SetStartType implements service.StartTyper.
func (m *Manager) SetStartType(ctx context.Context, s service.Spec, mode string) error {
	was, err := m.StartType(ctx, s)
	if err != nil || was.Mode == mode {
		return err
	}
	defer m.locks.Lock(s.ID)()
	u, err := m.find(ctx, s)
	if err != nil {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("cannot make %s %s: %w", u.Name, mode, err) }
	mask := filepath.Join(m.o.Root, unitDir, u.Name)
	switch {
	case was.Mode == "masked":
		return fail(errors.New("the administrator has masked it, and Upkeep does not take that back"))
	case mode == "masked":
		if err := m.o.FS.SwapLink(mask, "/dev/null"); err != nil {
			return fail(err)
		}
	case mode == "disabled" && was.Mode == "enabled":
		for at := range was.Links {
			if err := m.o.FS.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fail(err)
			}
		}
	case mode == "enabled" && was.Mode == "disabled":
		err := m.bus.do(ctx, func(c *dbus.Conn) error {
			_, _, err := c.EnableUnitFilesContext(ctx, []string{u.Name}, false, false)
			return err
		})
		if err != nil {
			return fail(err)
		}
		links, err := m.links(u.Name)
		if err != nil {
			return fail(err)
		}
		for at := range links {
			if err := m.o.FS.SyncDir(filepath.Dir(at)); err != nil {
				return fail(err)
			}
		}
	default:
		return fail(fmt.Errorf("it is %s, which its unit file decides", was.Mode))
	}
	return m.bus.reload(ctx)
}

// PutStartType implements service.StartTyper.
func (m *Manager) PutStartType(ctx context.Context, s service.Spec, was service.StartType) error {
	if err := s.Check(); err != nil {
		return err
	}
	defer m.locks.Lock(s.ID)()
	u, err := m.find(ctx, s)
	if err != nil {
		return err
	}
	fail := func(err error) error {
		return fmt.Errorf("cannot put back how %s starts (%s): %w", u.Name, was.Mode, err)
	}
	now, err := m.links(u.Name)
	if err != nil {
		return fail(err)
	}
	for at := range now {
		if was.Links[at] != "" {
			continue
		}
		if err := m.o.FS.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fail(err)
		}
	}
	for at, target := range was.Links {
		if now[at] == target {
			continue
		}
		if err := m.o.FS.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return fail(err)
		}
		if err := m.o.FS.SwapLink(at, target); err != nil {
			return fail(err)
		}
	}
	return m.bus.reload(ctx)
}
