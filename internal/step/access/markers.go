package access

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// markers is a mode that a file switches on by being there, under its name or
// an alias. A parked page is that file under the name that it has while the
// mode is off. Both names can be there when somebody ended a mode by half: then
// the parked one stays and the other goes.
type markers struct {
	fs durable.FS
	p  *plan.AccessParams
}

func (k *markers) names() []string { return append([]string{k.p.Marker}, k.p.Aliases...) }

func (k *markers) exists(path string) (bool, error) {
	_, err := k.fs.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (k *markers) look(context.Context) (bool, string, error) {
	var there []string
	for _, n := range k.names() {
		ok, err := k.exists(n)
		if err != nil {
			return false, "", fmt.Errorf("cannot tell whether %s mode is on: %w", k.p.Mode, err)
		}
		if ok {
			there = append(there, n)
		}
	}
	if len(there) == 0 {
		return false, k.p.Mode + " mode is off: there is no " + k.p.Marker, nil
	}
	return true, k.p.Mode + " mode is on: there is " + strings.Join(there, " and "), nil
}

func (k *markers) remember(m *memo) error {
	m.Names = map[string]bool{}
	for _, n := range append(k.names(), k.p.Parked) {
		if n == "" {
			continue
		}
		ok, err := k.exists(n)
		if err != nil {
			return err
		}
		m.Names[n] = ok
	}
	if dir := filepath.Dir(k.p.Marker); !m.On {
		if info, err := k.fs.Stat(dir); err != nil || !info.IsDir() {
			return &step.UserError{Msg: fmt.Sprintf("cannot switch %s mode on: the folder %s is not there", k.p.Mode, dir), Err: err}
		}
	}
	return nil
}

func (k *markers) enter(ctx context.Context, m *memo) error {
	if err := k.sweep(); err != nil {
		return err
	}
	on, _, err := k.look(ctx)
	if err != nil {
		return err
	}
	parked, err := k.parked()
	if err != nil {
		return err
	}
	switch {
	case on:
	case parked:
		return k.fs.Rename(k.p.Parked, k.p.Marker)
	default:
		if err := k.fs.WriteFile(k.p.Marker, k.content(m), 0o644); err != nil {
			return fmt.Errorf("cannot switch %s mode on: %w", k.p.Mode, err)
		}
	}
	return k.own(m)
}

func (k *markers) parked() (bool, error) {
	if k.p.Parked == "" {
		return false, nil
	}
	return k.exists(k.p.Parked)
}

// content is what a new marker says: some products show it to their users.
func (k *markers) content(m *memo) []byte {
	if k.p.Content != "" {
		return []byte(strings.TrimRight(k.p.Content, "\n") + "\n")
	}
	if k.p.Page != nil {
		return told(k.p.Page, k.p.Reason, m.Ends).Static()
	}
	reason := k.p.Reason
	if reason == "" {
		reason = "Maintenance is in progress."
	}
	return []byte(reason + "\n")
}

// own gives a marker that this run made to the product's account.
func (k *markers) own(m *memo) error {
	uid, gid, ok, err := k.owner(m)
	if err != nil || !ok {
		return err
	}
	info, err := k.fs.Lstat(k.p.Marker)
	if err != nil || info.UID == uid && info.GID == gid {
		return err
	}
	return k.fs.Chown(k.p.Marker, uid, gid)
}

// owner is the account that a marker made by this run must belong to; ok is
// false where that does not matter.
func (k *markers) owner(m *memo) (uid, gid uint32, ok bool, err error) {
	if k.p.Owner == "" || os.Geteuid() != 0 || m.On || k.p.Parked != "" && m.Names[k.p.Parked] {
		return 0, 0, false, nil
	}
	u, err := user.Lookup(k.p.Owner)
	if err != nil {
		return 0, 0, false, &step.UserError{Msg: "cannot give " + k.p.Marker + " to " + k.p.Owner, Err: err, Now: "create the account, or name another one in the manifest"}
	}
	id, err1 := strconv.ParseUint(u.Uid, 10, 32)
	group, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return uint32(id), uint32(group), true, errors.Join(err1, err2)
}

// leave parks the page under its other name, or takes it away where there is
// one already.
func (k *markers) leave(context.Context) error {
	if err := k.sweep(); err != nil {
		return err
	}
	for _, n := range k.names() {
		on, err := k.exists(n)
		if err != nil {
			return err
		}
		if !on {
			continue
		}
		parked, err := k.parked()
		if err != nil {
			return err
		}
		if k.p.Parked != "" && !parked {
			err = k.fs.Rename(n, k.p.Parked)
		} else {
			err = k.gone(n)
		}
		if err != nil {
			return fmt.Errorf("cannot switch %s mode off: %w", k.p.Mode, err)
		}
	}
	return nil
}

func (k *markers) gone(path string) error {
	if err := k.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// restore leaves exactly the names that were there before.
func (k *markers) restore(_ context.Context, m *memo) error {
	if err := k.sweep(); err != nil {
		return err
	}
	for _, n := range k.names() {
		on, err := k.exists(n)
		if err != nil {
			return err
		}
		if !on || m.Names[n] {
			continue
		}
		parked, err := k.parked()
		if err != nil {
			return err
		}
		if k.p.Parked != "" && m.Names[k.p.Parked] && !parked {
			err = k.fs.Rename(n, k.p.Parked)
		} else {
			err = k.gone(n)
		}
		if err != nil {
			return fmt.Errorf("cannot switch %s mode off: %w", k.p.Mode, err)
		}
	}
	return nil
}

func (k *markers) unlike(_ context.Context, m *memo, on bool) (string, error) {
	if left, err := k.leftovers(); err != nil || len(left) > 0 {
		return "something half-written is left beside it", err
	}
	if !on {
		for n, before := range m.Names {
			now, err := k.exists(n)
			if err != nil {
				return "", err
			}
			if now != before {
				return "not as before: " + n, nil
			}
		}
		return "", nil
	}
	uid, gid, ok, err := k.owner(m)
	if err != nil || !ok {
		return "", err
	}
	info, err := k.fs.Lstat(k.p.Marker)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // an alias switches it on
	}
	if err == nil && (info.UID != uid || info.GID != gid) {
		return "the marker does not belong to " + k.p.Owner, nil
	}
	return "", err
}

// leftovers are what a crash in the middle of a write left beside the marker.
// Nothing else of Upkeep writes while this step runs.
func (k *markers) leftovers() ([]string, error) {
	list, err := k.fs.ReadDir(filepath.Dir(k.p.Marker))
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(e durable.DirEntry) bool { return !e.Type.IsRegular() || !durable.IsTemp(e.Name) })
	var out []string
	for _, e := range list {
		out = append(out, filepath.Join(filepath.Dir(k.p.Marker), e.Name))
	}
	return out, nil
}

func (k *markers) sweep() error {
	left, err := k.leftovers()
	for _, path := range left {
		if err == nil {
			err = k.gone(path)
		}
	}
	return err
}
