// Package servicetest is a service manager in memory whose effects are moments
// at which the process can die, for the tests of verbs that stop and start
// services. It may be imported by tests only.
package servicetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"upkeep/internal/plan"
	svc "upkeep/internal/service"
	"upkeep/internal/step/steptest"
)

// World holds the services: they outlive the engine.
type World struct {
	mu       sync.Mutex
	services map[string]*state
	starts   int
	Nameless bool // the kind does not tell invocations apart
}

type state struct {
	running   bool
	started   string
	inhibited bool
	reason    string
	start     string // how it starts with the machine
}

// New makes a world in which the named services run.
func New(running ...string) *World {
	w := &World{services: map[string]*state{}}
	for _, id := range running {
		w.of(id).running = true
		w.of(id).started = w.next()
	}
	return w
}

func (w *World) of(id string) *state {
	if w.services[id] == nil {
		w.services[id] = &state{}
	}
	return w.services[id]
}

func (w *World) next() string {
	w.starts++
	if w.Nameless {
		return ""
	}
	return fmt.Sprintf("invocation %d", w.starts)
}

// Hold inhibits a service as a former step did.
func (w *World) Hold(id, reason string) { w.of(id).inhibited, w.of(id).reason = true, reason }

// Set makes a service run or not, as somebody else would.
func (w *World) Set(id string, running bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.of(id)
	s.running, s.started = running, ""
	if running {
		s.started = w.next()
	}
}

// Running tells whether a service runs, and Starts how often any was started.
func (w *World) Running(id string) bool { return w.of(id).running }

// Starts counts the starts of all services.
func (w *World) Starts() int { return w.starts }

// Fingerprint implements steptest.World.
func (w *World) Fingerprint() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var lines []string
	for id, s := range w.services {
		if !s.running && !s.inhibited && s.start == "" {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s running %v inhibited %v %q %s", id, s.running, s.inhibited, s.reason, s.start))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Managers gives the managers of the verbs, on a killer.
func (w *World) Managers(k *steptest.Killer) func(string, plan.Service) (svc.Manager, error) {
	return func(string, plan.Service) (svc.Manager, error) { return &manager{w, k}, nil }
}

type manager struct {
	w *World
	k *steptest.Killer
}

func (m *manager) point(name string, effect func()) error {
	do := func() error {
		m.w.mu.Lock()
		defer m.w.mu.Unlock()
		effect()
		return nil
	}
	if m.k == nil {
		return do()
	}
	return m.k.Point(name, do)
}

func (m *manager) State(_ context.Context, s svc.Spec) (svc.State, error) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	st := m.w.of(s.ID)
	return svc.State{Running: st.running, Started: st.started}, nil
}

func (m *manager) Start(ctx context.Context, s svc.Spec) error {
	st := m.w.of(s.ID)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case st.inhibited:
		return &svc.InhibitedError{Service: s.ID, Reason: st.reason}
	case st.running:
		return nil
	}
	return m.point("start "+s.ID, func() { st.running, st.started = true, m.w.next() })
}

func (m *manager) Stop(ctx context.Context, s svc.Spec) error {
	st := m.w.of(s.ID)
	if ctx.Err() != nil || !st.running {
		return ctx.Err()
	}
	return m.point("stop "+s.ID, func() { st.running, st.started = false, "" })
}

func (m *manager) Inhibit(_ context.Context, s svc.Spec, reason string) error {
	return m.point("inhibit "+s.ID, func() { m.w.of(s.ID).inhibited, m.w.of(s.ID).reason = true, reason })
}

func (m *manager) Allow(_ context.Context, s svc.Spec) error {
	return m.point("allow "+s.ID, func() { m.w.of(s.ID).inhibited, m.w.of(s.ID).reason = false, "" })
}

func (m *manager) Inhibited(_ context.Context, s svc.Spec) (string, bool, error) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	return m.w.of(s.ID).reason, m.w.of(s.ID).inhibited, nil
}

// SetStart says how a service starts with the machine, as an administrator did.
func (w *World) SetStart(id, mode string) { w.of(id).start = mode }

func (m *manager) StartType(_ context.Context, s svc.Spec) (svc.StartType, error) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	return svc.StartType{Mode: m.w.of(s.ID).start}, nil
}

func (m *manager) SetStartType(_ context.Context, s svc.Spec, mode string) error {
	return m.point("start type "+s.ID, func() { m.w.of(s.ID).start = mode })
}

func (m *manager) PutStartType(_ context.Context, s svc.Spec, was svc.StartType) error {
	return m.point("start type back "+s.ID, func() { m.w.of(s.ID).start = was.Mode })
}
