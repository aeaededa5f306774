package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"upkeep/internal/scope/kin"
	"upkeep/internal/scope/proc"
	"upkeep/internal/service"
)

// Start implements service.Manager.
func (m *Manager) Start(ctx context.Context, s service.Spec) error {
	if err := s.Check(); err != nil {
		return err
	}
	if len(s.Run) == 0 || !filepath.IsAbs(s.Run[0]) {
		return fmt.Errorf("cannot start %s: %w: `run` must begin with the whole path of a program", s.ID, service.ErrSpec)
	}
	defer m.locks.Lock(s.ID)()
	if err := m.Permit(ctx, s); err != nil {
		return err
	}
	v, err := m.look(s)
	if err != nil || v.state.Running {
		return err
	}
	if len(v.members) > 0 { // of an invocation whose main process is gone; they would hold its port
		if _, err := v.group.End(ctx, s.StopWithin()); err != nil {
			return fmt.Errorf("cannot start %s: processes of its last invocation remain: %w", s.ID, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cannot start %s: %w", s.ID, err)
	}
	return m.launch(ctx, s)
}

func (m *Manager) launch(ctx context.Context, s service.Spec) error {
	if err := m.FS.MkdirAll(m.o.Dir, 0o700); err != nil {
		return fmt.Errorf("cannot start %s: %w", s.ID, err)
	}
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
	g := m.group(s, nil)
	p, id, err := g.Launch(kin.Launch{Path: s.Run[0], Args: s.Run, Dir: s.Dir, Env: s.Env, Files: []*os.File{null, log, log}, Account: s.As})
	if err != nil {
		g.Discard()
		return fmt.Errorf("service %s: %w", s.ID, err)
	}
	done := m.collect(p, id)
	g.Leader = id
	rec := record{Leader: id, Boot: m.boot, Log: path, LogFrom: from, At: time.Now().UTC().Truncate(time.Second)}
	if err := m.save(s, rec); err != nil {
		_, _ = g.End(context.Background(), s.StopWithin())
		return fmt.Errorf("cannot start %s: it was stopped again: %w", s.ID, err)
	}
	select {
	case <-done:
	case <-ctx.Done(): // started all the same; who asked finds it running
		return nil
	case <-time.After(m.o.Settle):
		return nil
	}
	return m.afterEnd(ctx, s, g, rec)
}

// collect waits for a child, so that it does not stay a zombie, and notes how it ended.
func (m *Manager) collect(p *os.Process, id proc.ID) <-chan struct{} {
	done := make(chan struct{})
	m.mu.Lock()
	m.exits[id] = done
	m.mu.Unlock()
	go func() {
		st, err := p.Wait()
		m.mu.Lock()
		if err == nil {
			m.how[id] = st
		}
		delete(m.exits, id)
		m.mu.Unlock()
		close(done)
	}()
	return done
}

// afterEnd decides what the early end of the started program means: that the
// service has died, or that it forked and its main process is in PIDFile.
func (m *Manager) afterEnd(ctx context.Context, s service.Spec, g kin.Group, rec record) error {
	if how := m.ended(rec.Leader); s.PIDFile != "" && how == "exit code 0" {
		for end := time.Now().Add(s.StartWithin()); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
			if p, ok := m.named(s, g); ok {
				rec.Leader = p.ID
				if err := m.save(s, rec); err != nil {
					return fmt.Errorf("cannot start %s: %w", s.ID, err)
				}
				return nil
			}
			if busy, err := g.Populated(); err == nil && !busy {
				break
			}
		}
	}
	return &service.DiedError{Service: s.ID, How: m.ended(rec.Leader), Log: rec.Log, Last: service.LastLines(rec.Log, rec.LogFrom)}
}

// Stop implements service.Manager: TERM to every process of the service, and
// KILL to what is left after StopTimeout or shortly before ctx's deadline.
func (m *Manager) Stop(ctx context.Context, s service.Spec) error {
	if err := s.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cannot stop %s: %w", s.ID, err)
	}
	defer m.locks.Lock(s.ID)()
	v, err := m.look(s)
	if err != nil {
		return err
	}
	if len(v.members) > 0 {
		end, ok := ctx.Deadline()
		// Not with ctx itself: a cancelled stop must not become a KILL.
		grace := service.Earlier(s.StopWithin(), end.Add(-time.Second), ok)
		if _, err := v.group.End(context.WithoutCancel(ctx), max(grace, 10*time.Millisecond)); err != nil {
			return fmt.Errorf("cannot stop %s: %w", s.ID, err)
		}
		m.settled(ctx, v.rec)
	} else {
		v.group.Discard()
	}
	if v.rec == nil {
		return nil
	}
	if err := m.FS.Remove(m.recordPath(s)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is stopped, but its pid file stays: %w", s.ID, err)
	}
	return nil
}

// settled waits until a child of this engine is collected, and forgets it.
func (m *Manager) settled(ctx context.Context, rec *record) {
	if rec == nil {
		return
	}
	m.mu.Lock()
	done := m.exits[rec.Leader]
	m.mu.Unlock()
	if done != nil {
		select {
		case <-done:
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	m.mu.Lock()
	delete(m.how, rec.Leader)
	m.mu.Unlock()
}
