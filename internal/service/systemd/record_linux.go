package systemd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"upkeep/internal/scope/kin"
	"upkeep/internal/scope/proc"
	"upkeep/internal/service"
)

// record is what Upkeep has changed of a service's units, in Dir/ID.units: it
// is written before anything is changed, and taken away last.
type record struct {
	Unit     string    `json:"unit,omitempty"`
	Reason   string    `json:"reason,omitempty"`   // of the inhibit
	DropIns  []string  `json:"dropIns,omitempty"`  // units that have one
	Triggers []string  `json:"triggers,omitempty"` // that were active when the inhibit began
	With     []string  `json:"with,omitempty"`     // that stopped together with it, and ran before
	Boot     string    `json:"boot,omitempty"`     // of what follows
	Calls    []string  `json:"calls,omitempty"`    // invocation ids that are being stopped
	Procs    []proc.ID `json:"procs,omitempty"`    // processes seen of them
}

func (r record) empty() bool {
	return r.Reason == "" && len(r.DropIns)+len(r.Triggers)+len(r.With)+len(r.Calls) == 0
}

const recordSuffix = ".units"

func (m *Manager) recordPath(s service.Spec) string { return filepath.Join(m.o.Dir, s.ID+recordSuffix) }

func (m *Manager) load(s service.Spec) (record, error) { return m.loadFile(m.recordPath(s)) }

func (m *Manager) loadFile(path string) (record, error) {
	b, err := m.o.FS.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	var r record
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return r, fmt.Errorf("cannot read what was changed of a service's units: %s: %w", path, err)
	}
	return r, nil
}

func (m *Manager) save(s service.Spec, r record) error {
	if r.empty() {
		err := m.o.FS.Remove(m.recordPath(s))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := m.o.FS.MkdirAll(m.o.Dir, 0o700); err != nil {
		return err
	}
	if err := m.o.FS.WriteFile(m.recordPath(s), append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot note what is changed of the units of %s: %w", s.ID, err)
	}
	return nil
}

// others says whether another service of the installation is inhibited, and
// which of them have drop-ins though they are not.
func (m *Manager) others(s service.Spec) (held bool, leftover map[string]record, err error) {
	list, err := m.o.FS.ReadDir(m.o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil, nil
	}
	leftover = map[string]record{}
	for _, e := range list {
		id, ok := strings.CutSuffix(e.Name, recordSuffix)
		if !ok || id == s.ID {
			continue
		}
		r, err := m.loadFile(filepath.Join(m.o.Dir, e.Name))
		if err != nil {
			return false, nil, err
		}
		held = held || r.Reason != ""
		if r.Reason == "" && len(r.DropIns) > 0 {
			leftover[id] = r
		}
	}
	return held, leftover, err
}

// groups names the processes of the invocations that are being stopped: by
// INVOCATION_ID, which systemd puts into the environment of a unit's processes
// and which they keep wherever they move, and by those that were seen before.
func (r record) groups() []kin.Group {
	if boot, err := proc.BootID(); err != nil || boot != r.Boot {
		return nil
	}
	var out []kin.Group
	for _, id := range r.Calls {
		out = append(out, kin.Group{Boot: r.Boot, Marker: "INVOCATION_ID=" + id, Also: r.Procs})
	}
	if len(r.Calls) == 0 && len(r.Procs) > 0 {
		out = append(out, kin.Group{Boot: r.Boot, Also: r.Procs})
	}
	return out
}

// strays are the processes that a stop has not ended yet.
func (r record) strays() []proc.Proc {
	for _, g := range r.groups() {
		if left, err := g.Members(); err == nil && len(left) > 0 {
			return left
		}
	}
	return nil
}
