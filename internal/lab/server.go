package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// server is a database server of the lab's own, started as a child. A watcher ends
// it, and removes its folder, when this process ends without doing so.
type server struct {
	Port    int
	Log     string  // its log file
	Account Account // under whom it runs

	name  string // PostgreSQL
	dir   string
	cmd   *exec.Cmd
	done  chan error // closed when it has ended
	watch *watcher
}

// portTries is how often a port is chosen: a free one may be taken by another
// before the server has it.
const portTries = 5

// onFreePort starts a server on a port of its own.
func (s *server) onFreePort(start func() error) error {
	var err error
	for range portTries {
		if s.Port, err = freePort(); err != nil {
			return err
		}
		if err = start(); err == nil {
			return nil
		}
		if !strings.Contains(s.logTail(), "Address already in use") {
			return err
		}
	}
	return err
}

// spawn starts the server. How its log is opened is the caller's; script is the
// watcher's.
func (s *server) spawn(how int, script, program string, args ...string) error {
	log, err := os.OpenFile(s.Log, how|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cannot open the server's log: %w", err)
	}
	defer log.Close()
	s.cmd = exec.Command(program, args...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, log, log
	s.Account.apply(s.cmd, true)
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w", s.name, err)
	}
	s.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan<- error) { done <- cmd.Wait(); close(done) }(s.cmd, s.done)
	s.watch, err = watch(script, strconv.Itoa(s.cmd.Process.Pid), s.dir)
	return err
}

// ready waits until the server answers.
func (s *server) ready(ctx context.Context, limit, pause time.Duration, answers func() bool) error {
	deadline := time.Now().Add(limit)
	// a machine that stood still for a while has let the time pass without a look
	for looks := 0; looks < 100 || time.Now().Before(deadline); looks++ {
		select {
		case err := <-s.done:
			return errors.Join(fmt.Errorf("cannot start %s: it ended at once (%v):\n%s", s.name, err, s.logTail()), s.watch.release())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		if answers() {
			return nil
		}
	}
	return fmt.Errorf("cannot start %s: no answer on 127.0.0.1:%d within %s:\n%s", s.name, s.Port, limit, s.logTail())
}

// end ends the server by the pid that it was started with, and keeps its data:
// each signal has a while until the next one follows.
func (s *server) end(signals ...func(pid int) error) error {
	err := s.signal(signals)
	if s.watch != nil {
		err = errors.Join(err, s.watch.release())
	}
	return err
}

func (s *server) signal(signals []func(pid int) error) error {
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	pid := s.cmd.Process.Pid
	for _, signal := range signals {
		select {
		case <-s.done:
			return nil
		default:
		}
		if err := signal(pid); err != nil {
			return fmt.Errorf("cannot stop %s (pid %d): %w", s.name, pid, err)
		}
		select {
		case <-s.done:
			return nil
		case <-time.After(15 * time.Second):
		}
	}
	return fmt.Errorf("cannot stop %s (pid %d): it is still there after the last signal", s.name, pid)
}

func (s *server) logTail() string {
	text, err := os.ReadFile(s.Log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}
