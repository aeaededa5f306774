package systemd

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"upkeep/internal/scope/proc"
	"upkeep/internal/service"
)

// Manager implements service.Manager for units.
type Manager struct {
	inhibits service.Inhibits
	o        Options
	bus      *bus
	locks    service.Locks

	peersMu sync.Mutex
	peers   []service.Spec
}

var _ service.Manager = (*Manager)(nil)

// New makes a Manager. It talks to systemd only when it is asked something.
func New(o Options) (*Manager, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return &Manager{inhibits: service.Inhibits{FS: o.FS, Dir: o.Dir}, o: o, bus: &bus{socket: o.Socket}}, nil
}

// Together says which services will be inhibited one after the other: the
// first inhibit then puts up the drop-ins of all, and systemd reads its files
// once for them. Without their assertion they keep nothing from starting.
func (m *Manager) Together(list []service.Spec) {
	m.peersMu.Lock()
	defer m.peersMu.Unlock()
	m.peers = list
}

// find gives the unit of a service. One that there is none of has the name
// that comes first, and is not known.
func (m *Manager) find(ctx context.Context, s service.Spec) (unit, error) {
	names := Candidates(s)
	if len(names) == 0 {
		return unit{}, fmt.Errorf("%w: %s: %q is no name of a unit", service.ErrSpec, s.ID, s.ID)
	}
	for _, n := range names {
		u, err := m.bus.unit(ctx, n)
		if err != nil {
			return unit{}, err
		}
		if u.known() {
			return u, nil
		}
	}
	return unit{Name: names[0], Load: "not-found", Active: "inactive"}, nil
}

// State implements service.Manager.
func (m *Manager) State(ctx context.Context, s service.Spec) (service.State, error) {
	if err := s.Check(); err != nil {
		return service.State{}, err
	}
	u, err := m.find(ctx, s)
	if err != nil {
		return service.State{}, fmt.Errorf("cannot tell the state of %s: %w", s.ID, err)
	}
	if u.running() {
		return service.State{Running: true, PID: u.MainPID, Started: u.Invocation, Detail: u.Active + " (" + u.Sub + ")"}, nil
	}
	rec, err := m.load(s)
	if err != nil {
		return service.State{}, err
	}
	if left := rec.strays(); len(left) > 0 {
		return service.State{Running: true, PID: left[0].PID, Detail: "its unit is stopped, but processes of it run on: " + names(left)}, nil
	}
	return service.State{Detail: m.why(ctx, s, u)}, nil
}

func names(list []proc.Proc) string {
	var out []string
	for _, p := range list {
		out = append(out, p.String())
	}
	return strings.Join(out, ", ")
}

// why says why a unit does not run.
func (m *Manager) why(ctx context.Context, s service.Spec, u unit) string {
	switch {
	case !u.known():
		return "there is no unit " + strings.Join(Candidates(s), " or ") + " on this machine"
	case u.Load == "masked":
		return "masked by the administrator"
	case u.Load != "loaded":
		return "systemd cannot read " + u.Name + " (" + u.Load + "): systemctl status " + u.Name
	case u.Active == "inactive" && (u.Result == "success" || u.Result == ""):
		return "stopped"
	}
	text := ended(u)
	if u.Active == "activating" {
		text += ", and systemd will start it again"
	}
	if last := m.lastWords(ctx, s, u); last != "" {
		text += ":\n" + last
	}
	return text
}

// ended says in words how a unit's main process ended.
func ended(u unit) string {
	switch {
	case u.ExitCode == 1 && u.ExitStatus == 0 && u.Result == "success":
		return "ended by itself, with exit code 0"
	case u.ExitCode == 1:
		return fmt.Sprintf("exit code %d", u.ExitStatus) + besides(u.Result, "exit-code")
	case u.ExitCode == 2 || u.ExitCode == 3:
		return fmt.Sprintf("signal %d", u.ExitStatus) + besides(u.Result, "signal", "core-dump")
	case u.Result != "" && u.Result != "success":
		return u.Result
	}
	return u.Active
}

func besides(result string, usual ...string) string {
	if result == "" || result == "success" || contains(usual, result) {
		return ""
	}
	return " (" + result + ")"
}

// lastWords are the last lines of the unit's invocation in the journal, at
// most ten, or those of its own log.
func (m *Manager) lastWords(ctx context.Context, s service.Spec, u unit) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	args := []string{"--no-pager", "-q", "-n", "10", "-o", "cat"}
	if u.Invocation != "" {
		args = append(args, "_SYSTEMD_INVOCATION_ID="+u.Invocation)
	} else {
		args = append(args, "-u", u.Name)
	}
	_ = exec.CommandContext(ctx, "journalctl", "--sync").Run() // what was just written is to be seen
	out, err := exec.CommandContext(ctx, "journalctl", args...).Output()
	if text := strings.TrimSpace(strings.ToValidUTF8(string(out), "�")); err == nil && text != "" {
		return text
	}
	if s.Log == "" {
		return ""
	}
	return service.LastLines(s.Log, 0)
}

// Inhibited implements service.Manager.
func (m *Manager) Inhibited(ctx context.Context, s service.Spec) (string, bool, error) {
	reason, no, err := m.inhibits.Inhibited(ctx, s)
	if no || err != nil {
		return reason, no, err
	}
	rec, err := m.load(s)
	return rec.Reason, rec.Reason != "", err
}
