// Package process is the service kind for a plain program: Upkeep starts it
// detached, remembers which process it is, and ends it with all its children.
//
// The program stays in the foreground (Spec.Run), or forks, ends with exit code
// 0 and names its main process in Spec.PIDFile. It gets /dev/null as input, the
// log as output, a session and, where Upkeep is root, a control group of its
// own outside the engine's; so it outlives the engine. Which process it is
// stands in Dir/ID.pid with start time and boot id.
//
// A service that runs without that file is found by its control group, by its
// marker in the environment, or by Spec.PIDFile when the process named there
// runs Spec.Run under the right account.
//
// It may import the standard library, internal/durable, internal/scope/kin,
// internal/scope/proc and internal/service.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/scope/kin"
	"upkeep/internal/scope/proc"
	"upkeep/internal/service"
)

// Options of a Manager.
type Options struct {
	FS           durable.FS
	Dir          string        // state of the installation's services, absolute; made when needed
	Installation string        // its name
	Cgroups      string        // name of the parent control group; "" = "upkeep", "-" = use none
	Settle       time.Duration // Start watches this long whether the program ends at once; 0 = 10 ms
}

// Manager implements service.Manager.
type Manager struct {
	service.Inhibits
	o      Options
	parent string // of control groups; "" = none
	boot   string

	locks service.Locks
	mu    sync.Mutex
	exits map[proc.ID]<-chan struct{} // closed when a process started here has ended
	how   map[proc.ID]*os.ProcessState
}

var _ service.Manager = (*Manager)(nil)

// New makes a Manager. Several on one Dir, in several engines one after the
// other, know the same services.
func New(o Options) (*Manager, error) {
	if !filepath.IsAbs(o.Dir) {
		return nil, fmt.Errorf("cannot manage services: %q is not a whole path", o.Dir)
	}
	if o.Settle <= 0 {
		o.Settle = 10 * time.Millisecond
	}
	m := &Manager{Inhibits: service.Inhibits{FS: o.FS, Dir: o.Dir}, o: o, exits: map[proc.ID]<-chan struct{}{}, how: map[proc.ID]*os.ProcessState{}}
	var err error
	if m.boot, err = proc.BootID(); err != nil && !errors.Is(err, proc.ErrUnsupported) {
		return nil, err
	}
	if o.Cgroups == "" {
		o.Cgroups = "upkeep"
	}
	if o.Cgroups != "-" {
		m.parent, _ = kin.CgroupParent(o.Cgroups) // without one, marker and session remain
	}
	return m, nil
}

// record is the content of Dir/ID.pid.
type record struct {
	Leader  proc.ID   `json:"leader"`
	Boot    string    `json:"boot"`
	Log     string    `json:"log"`
	LogFrom int64     `json:"logFrom"` // size of the log when it was started
	At      time.Time `json:"at"`      // for people
}

func (m *Manager) recordPath(s service.Spec) string { return filepath.Join(m.o.Dir, s.ID+".pid") }

// load reads the record. One that cannot be understood counts as none: the
// service is still found by group and marker.
func (m *Manager) load(s service.Spec) (*record, error) {
	b, err := m.FS.ReadFile(m.recordPath(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell the state of %s: %w", s.ID, err)
	}
	var r record
	if json.Unmarshal(b, &r) != nil || r.Leader.PID <= 1 {
		return nil, nil
	}
	return &r, nil
}

func (m *Manager) save(s service.Spec, r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return m.FS.WriteFile(m.recordPath(s), append(b, '\n'), 0o600)
}

// group names the service's processes, with the recorded one if it is of this boot.
func (m *Manager) group(s service.Spec, r *record) kin.Group {
	g := kin.Group{Marker: service.MarkerOf(m.o.Installation, m.o.Dir, s.ID)}
	if m.parent != "" {
		g.Cgroup = m.parent + "/" + kin.CgroupName("service", g.Marker)
	}
	if r != nil && r.Boot == m.boot {
		g.Leader = r.Leader
	}
	return g
}

// State implements service.Manager.
func (m *Manager) State(ctx context.Context, s service.Spec) (service.State, error) {
	if err := s.Check(); err != nil {
		return service.State{}, err
	}
	rec, err := m.load(s)
	if err != nil {
		return service.State{}, err
	}
	if rec != nil && rec.Boot == m.boot && proc.Running(rec.Leader) { // the frequent case, without a look at all processes
		return service.State{Running: true, PID: rec.Leader.PID, Started: service.Stamp(rec.Leader.PID, rec.Leader.Start, m.boot)}, nil
	}
	if main, ok := m.named(s, m.group(s, rec)); ok && (rec == nil || rec.Boot != m.boot) { // nor for one that somebody else started
		return service.State{Running: true, PID: main.PID, Started: service.Stamp(main.PID, main.Start, m.boot)}, nil
	}
	v, err := m.look(s)
	return v.state, err
}

// view is what is known of a service at one moment.
type view struct {
	rec     *record
	group   kin.Group
	members []proc.Proc
	state   service.State
}

func (m *Manager) look(s service.Spec) (view, error) {
	rec, err := m.load(s)
	if err != nil {
		return view{}, err
	}
	v := view{rec: rec, group: m.group(s, rec)}
	main, named := m.named(s, v.group)
	if named {
		v.group.Also = append(v.group.Also, main.ID)
	}
	if v.members, err = v.group.Members(); err != nil {
		return view{}, fmt.Errorf("cannot tell the state of %s: %w", s.ID, err)
	}
	recorded := rec != nil && rec.Boot == m.boot
	switch {
	case recorded && proc.Running(rec.Leader):
		main, named = proc.Proc{ID: rec.Leader}, true
	case named:
	case !recorded && len(v.members) > 0: // its record was lost: the first one is the main one
		main, named = v.members[0], true
		for _, p := range v.members {
			if p.Start < main.Start {
				main = p
			}
		}
	}
	if named {
		v.state = service.State{Running: true, PID: main.PID, Started: service.Stamp(main.PID, main.Start, m.boot)}
		return v, nil
	}
	v.state.Detail = m.why(s, rec, recorded, len(v.members))
	return v, nil
}

// why says for people why a service does not run.
func (m *Manager) why(s service.Spec, rec *record, recorded bool, left int) string {
	switch {
	case rec == nil:
		return "stopped"
	case !recorded:
		return "stopped: it ran before the last boot"
	}
	d := "ended by itself"
	if how := m.ended(rec.Leader); how != "" {
		d += " with " + how
	}
	if left > 0 {
		d += fmt.Sprintf(", %d of its processes still run", left)
	}
	if last := service.LastLines(rec.Log, rec.LogFrom); last != "" {
		d += "; last lines of " + rec.Log + ":\n" + last
	}
	return d
}

// ended tells how a process started by this engine ended; "" when unknown.
func (m *Manager) ended(id proc.ID) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if st := m.how[id]; st != nil {
		return exitText(st)
	}
	return ""
}

func exitText(st *os.ProcessState) string {
	if c := st.ExitCode(); c >= 0 {
		return fmt.Sprintf("exit code %d", c)
	}
	return st.String() // "signal: killed"
}
