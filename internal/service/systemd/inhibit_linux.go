package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"upkeep/internal/service"
)

// Inhibit implements service.Manager. The unit, what is part of it, and what
// triggers it cannot be started any more; what runs is not touched.
func (m *Manager) Inhibit(ctx context.Context, s service.Spec, reason string) error {
	if err := s.Check(); err != nil {
		return err
	}
	defer m.locks.Lock(s.ID)()
	u, err := m.find(ctx, s)
	if err != nil {
		return fmt.Errorf("cannot inhibit %s: %w", s.ID, err)
	}
	rec, err := m.load(s)
	if err != nil {
		return err
	}
	if rec.Reason == "" {
		rec.Triggers = nil
		for _, t := range u.TriggeredBy {
			tu, err := m.bus.unit(ctx, t)
			if err != nil {
				return fmt.Errorf("cannot inhibit %s: %w", s.ID, err)
			}
			if !tu.idle() {
				rec.Triggers = append(rec.Triggers, t)
			}
		}
	}
	// the reason is checked and written first: Permit and the assertions read it
	if err := m.inhibits.Inhibit(ctx, s, reason); err != nil {
		return err
	}
	rec.Reason = reason
	deaf, err := m.dropIns(ctx, s, u, rec)
	if err != nil {
		return fmt.Errorf("cannot inhibit %s: %w", s.ID, err)
	}
	if !deaf {
		return nil
	}
	if err := m.prepare(ctx, s); err != nil {
		return fmt.Errorf("cannot inhibit %s: %w", s.ID, err)
	}
	return m.bus.reload(ctx)
}

// dropIns notes and writes the drop-ins of a service, and says whether systemd
// has not read one of them yet.
func (m *Manager) dropIns(ctx context.Context, s service.Spec, u unit, rec record) (deaf bool, err error) {
	parts, err := m.parts(ctx, u)
	if err != nil {
		return false, err
	}
	rec.Unit = u.Name
	for _, n := range append(append([]string{u.Name}, u.TriggeredBy...), parts...) {
		if !contains(rec.DropIns, n) {
			rec.DropIns = append(rec.DropIns, n)
		}
	}
	if err := m.save(s, rec); err != nil {
		return false, err
	}
	for _, n := range rec.DropIns {
		if err := m.putDropIn(s, n); err != nil {
			return false, err
		}
		now, err := m.bus.unit(ctx, n)
		if err != nil {
			return false, err
		}
		deaf = deaf || !contains(now.DropIns, dropInPath("/", n, m.o.Installation))
	}
	return deaf, nil
}

// prepare writes the drop-ins of the services that will be inhibited next. A
// service that is being worked on is left out: it has what it needs.
func (m *Manager) prepare(ctx context.Context, s service.Spec) error {
	m.peersMu.Lock()
	peers := slices.Clone(m.peers)
	m.peers = nil // once: what comes later is found in its place
	m.peersMu.Unlock()
	for _, p := range peers {
		if p.ID == s.ID || p.Check() != nil {
			continue
		}
		if err := func() error {
			defer m.locks.Lock(p.ID)()
			u, err := m.find(ctx, p)
			if err != nil || u.Load != "loaded" {
				return err
			}
			rec, err := m.load(p)
			if err != nil {
				return err
			}
			_, err = m.dropIns(ctx, p, u, rec)
			return err
		}(); err != nil {
			return err
		}
	}
	return nil
}

// parts are the units that are PartOf a unit, in any depth: they stop with it,
// and other units may start them.
func (m *Manager) parts(ctx context.Context, u unit) ([]string, error) {
	var out []string
	for todo := u.ConsistsOf; len(todo) > 0; todo = todo[1:] {
		if contains(out, todo[0]) || todo[0] == u.Name {
			continue
		}
		out = append(out, todo[0])
		p, err := m.bus.unit(ctx, todo[0])
		if err != nil {
			return nil, err
		}
		todo = append(todo, p.ConsistsOf...)
	}
	return out, nil
}

// assertion is the file whose presence keeps the units from starting.
func (m *Manager) assertion(s service.Spec) string { return filepath.Join(m.o.Dir, s.ID+".inhibit") }

func (m *Manager) putDropIn(s service.Spec, name string) error {
	at := dropInPath(m.o.Root, name, m.o.Installation)
	text := dropIn(m.o.Installation, m.assertion(s))
	if old, err := m.o.FS.ReadFile(at); err == nil && string(old) == string(text) {
		return nil
	}
	if err := m.o.FS.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	return m.o.FS.WriteFile(at, text, 0o644)
}

// takeDropIns removes the drop-ins, and their folders where nothing else is in
// them.
func (m *Manager) takeDropIns(units []string) error {
	for _, n := range units {
		at := dropInPath(m.o.Root, n, m.o.Installation)
		if err := m.o.FS.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		dir := filepath.Dir(at)
		if list, err := m.o.FS.ReadDir(dir); err == nil && len(list) == 0 {
			if err := m.o.FS.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// Allow implements service.Manager. Without the file that they assert, the
// drop-ins keep nothing from starting; they are removed, and systemd reads its
// files again, when the last inhibit of the installation ends: reading them
// takes longer than many a service needs to start.
func (m *Manager) Allow(ctx context.Context, s service.Spec) error {
	if err := s.Check(); err != nil {
		return err
	}
	defer m.locks.Lock(s.ID)()
	if err := m.inhibits.Allow(ctx, s); err != nil {
		return err
	}
	rec, err := m.load(s)
	if err != nil {
		return err
	}
	if rec.Reason == "" && len(rec.DropIns) == 0 {
		return nil
	}
	for _, t := range rec.Triggers {
		if err := m.startTrigger(ctx, t); err != nil {
			return fmt.Errorf("cannot put back what starts %s: %w", s.ID, err)
		}
	}
	rec.Reason, rec.Triggers = "", nil
	held, leftover, err := m.others(s)
	if err != nil {
		return err
	}
	if held {
		return m.save(s, rec)
	}
	leftover[s.ID] = rec
	for _, r := range leftover {
		if err := m.takeDropIns(r.DropIns); err != nil {
			return fmt.Errorf("cannot allow %s to start: %w", s.ID, err)
		}
	}
	if err := m.bus.reload(ctx); err != nil {
		return err
	}
	for id, r := range leftover {
		r.DropIns = nil
		if err := m.save(service.Spec{ID: id}, r); err != nil {
			return err
		}
	}
	return nil
}

// startTrigger starts a socket, timer or path again; one that is no more was
// taken away by the new version.
func (m *Manager) startTrigger(ctx context.Context, name string) error {
	u, err := m.bus.unit(ctx, name)
	if err != nil || !u.known() || u.Load == "masked" || u.Active == "active" {
		return err
	}
	if u.Active == "failed" {
		m.forgive(ctx, name)
	}
	result, err := m.bus.job(ctx, "start", name)
	if err != nil {
		return err
	}
	if result != "" && result != "done" {
		return fmt.Errorf("%s does not start: %s", name, result)
	}
	return nil
}
