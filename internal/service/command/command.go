// Package command is the service kind for a product that brings its own start
// and stop commands. Whether it runs is told by a function of the caller (the
// product's state probe), or by the process that Spec.PIDFile names.
//
// The start command ends when the service is started; what it leaves running is
// the service, in a control group or session of its own outside the engine's.
// After the stop command, and when the service reads as stopped, what is left
// of it is ended, TERM then KILL.
//
// It may import the standard library, internal/durable, internal/scope and
// its sub-packages, and internal/service.
package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/scope"
	"upkeep/internal/scope/kin"
	"upkeep/internal/scope/proc"
	"upkeep/internal/service"
)

// Options of a Manager.
type Options struct {
	FS           durable.FS
	Dir          string // state of the installation's services, absolute; made when needed
	Installation string
	Cgroups      string // name of the parent control group; "" = "upkeep", "-" = use none

	// Running tells whether the service runs, with a remark for people. nil:
	// Spec.PIDFile decides, which then must be set.
	Running func(ctx context.Context, s service.Spec) (bool, string, error)
}

// Manager implements service.Manager.
type Manager struct {
	service.Inhibits
	o      Options
	runner *scope.Runner
	parent string
	boot   string
	locks  service.Locks
}

var _ service.Manager = (*Manager)(nil)

// New makes a Manager.
func New(o Options) (*Manager, error) {
	if !filepath.IsAbs(o.Dir) {
		return nil, fmt.Errorf("cannot manage services: %q is not a whole path", o.Dir)
	}
	m := &Manager{Inhibits: service.Inhibits{FS: o.FS, Dir: o.Dir}, o: o}
	var err error
	if m.runner, err = scope.New(scope.Options{Cgroups: o.Cgroups}); err != nil {
		return nil, err
	}
	if m.boot, err = proc.BootID(); err != nil && !errors.Is(err, proc.ErrUnsupported) {
		return nil, err
	}
	if o.Cgroups == "" {
		o.Cgroups = "upkeep"
	}
	if o.Cgroups != "-" {
		m.parent, _ = kin.CgroupParent(o.Cgroups)
	}
	return m, nil
}

func (m *Manager) group(s service.Spec) kin.Group {
	g := kin.Group{Marker: service.MarkerOf(m.o.Installation, m.o.Dir, s.ID)}
	if m.parent != "" {
		g.Cgroup = m.parent + "/" + kin.CgroupName("service", g.Marker)
	}
	return g
}

// State implements service.Manager. The identity of the invocation is the
// process in PIDFile, or else the first process that the start command left.
func (m *Manager) State(ctx context.Context, s service.Spec) (service.State, error) {
	if err := s.Check(); err != nil {
		return service.State{}, err
	}
	main, alive, err := m.main(s)
	if err != nil {
		return service.State{}, err
	}
	st := service.State{Running: alive}
	if m.o.Running != nil {
		if st.Running, st.Detail, err = m.o.Running(ctx, s); err != nil {
			return service.State{}, fmt.Errorf("cannot tell whether %s runs: %w", s.ID, err)
		}
	} else if s.PIDFile == "" {
		return service.State{}, fmt.Errorf("cannot tell whether %s runs: %w: give it a `state` probe or a `pid-file`", s.ID, service.ErrSpec)
	}
	if st.Running && alive {
		st.PID, st.Started = main.PID, service.Stamp(main.PID, main.Start, m.boot)
	}
	if !st.Running && st.Detail == "" {
		st.Detail = "stopped"
		if last := service.LastLines(service.LogPath(m.o.Dir, s), 0); last != "" {
			st.Detail += "; last lines of " + service.LogPath(m.o.Dir, s) + ":\n" + last
		}
	}
	return st, nil
}

// main is the process that stands for the service, if one can be told.
func (m *Manager) main(s service.Spec) (proc.Proc, bool, error) {
	g := m.group(s)
	if s.PIDFile != "" {
		b, err := m.FS.ReadFile(s.PIDFile)
		if err != nil {
			return proc.Proc{}, false, nil
		}
		pid, ok := service.ParsePIDFile(b)
		if !ok {
			return proc.Proc{}, false, nil
		}
		p, err := proc.Read(pid)
		if err != nil || p.Dead() {
			return proc.Proc{}, false, nil
		}
		// The command's program is not known, so the number is believed when
		// the process is one that Upkeep started, or older than the file.
		if g.Has(p) {
			return p, true, nil
		}
		info, err := m.FS.Stat(s.PIDFile)
		if err != nil {
			return proc.Proc{}, false, nil
		}
		began, err := proc.Began(p)
		return p, err == nil && began.Before(info.MTime.Add(time.Second)), nil
	}
	members, err := g.Members()
	if err != nil {
		return proc.Proc{}, false, fmt.Errorf("cannot tell the state of %s: %w", s.ID, err)
	}
	if len(members) == 0 {
		return proc.Proc{}, false, nil
	}
	first := members[0]
	for _, p := range members {
		if p.Start < first.Start {
			first = p
		}
	}
	return first, true, nil
}

// Start implements service.Manager.
func (m *Manager) Start(ctx context.Context, s service.Spec) error {
	if err := s.Check(); err != nil {
		return err
	}
	if len(s.Start) == 0 || len(s.Stop) == 0 || !filepath.IsAbs(s.Start[0]) || !filepath.IsAbs(s.Stop[0]) {
		return fmt.Errorf("cannot start %s: %w: `start` and `stop` must begin with the whole path of a program", s.ID, service.ErrSpec)
	}
	defer m.locks.Lock(s.ID)()
	if err := m.Permit(ctx, s); err != nil {
		return err
	}
	st, err := m.State(ctx, s)
	if err != nil || st.Running {
		return err
	}
	if _, err := m.group(s).End(ctx, s.StopWithin()); err != nil {
		return fmt.Errorf("cannot start %s: processes of its last invocation remain: %w", s.ID, err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cannot start %s: %w", s.ID, err)
	}
	if err := m.FS.MkdirAll(m.o.Dir, 0o700); err != nil {
		return fmt.Errorf("cannot start %s: %w", s.ID, err)
	}
	if err := m.launch(ctx, s); err != nil {
		return err
	}
	return m.await(ctx, s, true, s.StartWithin())
}

// launch runs the start command to its end; what it leaves behind stays.
func (m *Manager) launch(ctx context.Context, s service.Spec) error {
	path := service.LogPath(m.o.Dir, s)
	log, from, err := service.OpenLog(path)
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", s.ID, err)
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", s.ID, err)
	}
	defer null.Close()
	g := m.group(s)
	p, id, err := g.Launch(kin.Launch{Path: s.Start[0], Args: s.Start, Dir: s.Dir, Env: s.Env, Files: []*os.File{null, log, log}, Account: s.As})
	if err != nil {
		g.Discard()
		return fmt.Errorf("service %s: %w", s.ID, err)
	}
	g.Leader = id
	type end struct {
		st  *os.ProcessState
		err error
	}
	done := make(chan end, 1)
	go func() { st, err := p.Wait(); done <- end{st, err} }()
	var why error
	select {
	case e := <-done:
		if e.err == nil && e.st.Success() {
			return nil
		}
		why = &service.DiedError{Service: s.ID, How: fmt.Sprint(e.st), Log: path, Last: service.LastLines(path, from)}
		if e.st != nil && e.st.ExitCode() >= 0 {
			why.(*service.DiedError).How = fmt.Sprintf("exit code %d", e.st.ExitCode())
		}
	case <-ctx.Done():
		why = fmt.Errorf("cannot start %s: %w", s.ID, context.Cause(ctx))
	case <-time.After(s.StartWithin()):
		why = fmt.Errorf("cannot start %s: its start command did not end within %v, and was ended", s.ID, s.StartWithin())
	}
	if _, err := g.End(context.WithoutCancel(ctx), min(s.StopWithin(), scope.DefaultGrace)); err != nil {
		why = errors.Join(why, err)
	}
	return why
}

// Stop implements service.Manager.
func (m *Manager) Stop(ctx context.Context, s service.Spec) error {
	if err := s.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cannot stop %s: %w", s.ID, err)
	}
	defer m.locks.Lock(s.ID)()
	st, err := m.State(ctx, s)
	if err != nil {
		return err
	}
	var failed error
	if st.Running {
		if len(s.Stop) == 0 {
			return fmt.Errorf("cannot stop %s: %w: it has no `stop` command", s.ID, service.ErrSpec)
		}
		log, _, err := service.OpenLog(service.LogPath(m.o.Dir, s))
		if err != nil {
			return fmt.Errorf("cannot stop %s: %w", s.ID, err)
		}
		defer log.Close()
		op := service.MarkerOf(m.o.Installation, m.o.Dir, s.ID) + "/stop"
		if _, err := m.runner.End(ctx, m.runner.Plan(op)); err != nil { // of an engine that died in the middle
			return fmt.Errorf("cannot stop %s: %w", s.ID, err)
		}
		_, failed = m.runner.Run(ctx, scope.Command{OpID: op, Args: s.Stop, Dir: s.Dir, Env: s.Env, Account: s.As, Deadline: s.StopWithin(), Output: log})
		if failed == nil {
			failed = m.await(ctx, s, false, s.StopWithin())
		}
	}
	// What the start command left is the service too, whatever the stop command did.
	if _, err := m.group(s).End(context.WithoutCancel(ctx), s.StopWithin()); err != nil {
		return fmt.Errorf("cannot stop %s: %w", s.ID, errors.Join(failed, err))
	}
	if failed == nil {
		return nil
	}
	if st, err := m.State(ctx, s); err == nil && !st.Running {
		return nil
	}
	return fmt.Errorf("cannot stop %s: its stop command did not: %w", s.ID, failed)
}

// await waits until the service reads as running, or as stopped.
func (m *Manager) await(ctx context.Context, s service.Spec, running bool, limit time.Duration) error {
	pause := 2 * time.Millisecond
	for end := time.Now().Add(limit); ; {
		st, err := m.State(ctx, s)
		if err == nil && st.Running == running {
			return nil
		}
		if time.Now().After(end) || ctx.Err() != nil {
			what := map[bool]string{true: "does not run", false: "still runs"}[running]
			return fmt.Errorf("%s %s, %v after its command ended well: %w", s.ID, what, limit, errors.Join(err, ctx.Err(), errors.New(detail(st))))
		}
		time.Sleep(pause)
		pause = min(2*pause, 100*time.Millisecond)
	}
}

func detail(st service.State) string {
	if st.Detail != "" {
		return st.Detail
	}
	return fmt.Sprintf("its state reads running=%v", st.Running)
}
