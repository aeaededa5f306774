package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/manage"
)

// runs lists the folders of the site's runs, oldest first.
func (s *upkeep) runs() []string {
	found, _ := filepath.Glob(filepath.Join(s.state, "runs", "*")) // the pattern is sound
	return found
}

// runDir is the folder of the latest run; empty when there is none.
func (s *upkeep) runDir() string {
	all := s.runs()
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// runLog is the end of the latest run's logs, to say more when a test fails.
func (s *upkeep) runLog() string {
	var b strings.Builder
	for _, name := range []string{"log", "engine.log"} {
		if text, err := os.ReadFile(filepath.Join(s.runDir(), name)); err == nil {
			fmt.Fprintf(&b, "--- %s\n%s", name, text[max(0, len(text)-6000):])
		}
	}
	return b.String()
}

// enginePID is the process that holds the lock of the installation; 0 when
// none does. Only a process whose program is the binary under test counts.
func (s *upkeep) enginePID() int {
	f, err := os.Open(filepath.Join(s.state, "lock"))
	if err != nil {
		return 0
	}
	defer f.Close()
	held := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &held); err != nil || held.Type == unix.F_UNLCK {
		return 0
	}
	var text [32]byte
	n, _ := f.Read(text[:])
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err != nil || exe != s.bin {
		return 0
	}
	return pid
}

// killEngine kills the engine by its process number, and waits until it is
// gone. It tells whether there was one.
func (s *upkeep) killEngine() bool {
	pid := s.enginePID()
	if pid == 0 {
		return false
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return false
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if s.enginePID() != pid {
			return true
		}
	}
	return true
}

// endEngine leaves no engine behind.
func (s *upkeep) endEngine() {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && s.killEngine(); {
	}
}

// event is an event of a run, with where it was read.
type event = manage.Event

// follow gives every event of the latest run to sink as it is written, until
// sink says that it is enough or the time is over. Events of runs that were
// there before are left out.
func (s *upkeep) follow(old []string, within time.Duration, sink func(event) bool) error {
	end := time.Now().Add(within)
	known := len(old)
	var dir string
	for dir == "" {
		if all := s.runs(); len(all) > known {
			dir = all[len(all)-1]
		} else if time.Now().After(end) {
			return errors.New("no run was opened in time")
		} else {
			time.Sleep(time.Millisecond)
		}
	}
	return followFile(filepath.Join(dir, "events.jsonl"), end, sink)
}

func followFile(path string, end time.Time, sink func(event) bool) error {
	var f *os.File
	for f == nil {
		var err error
		if f, err = os.Open(path); err != nil {
			if time.Now().After(end) {
				return err
			}
			time.Sleep(time.Millisecond)
		}
	}
	defer f.Close()
	r := bufio.NewReader(f)
	var line []byte
	for {
		part, err := r.ReadBytes('\n')
		line = append(line, part...)
		if err != nil {
			if time.Now().After(end) {
				return fmt.Errorf("the event did not come in time")
			}
			time.Sleep(200 * time.Microsecond)
			continue
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("an event cannot be read: %w: %s", err, line)
		}
		line = line[:0]
		if sink(e) {
			return nil
		}
	}
}

// events reads the events of the latest run.
func (s *upkeep) events() []event {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.runDir(), "events.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	var all []event
	for line := range bytes.Lines(text) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			s.t.Fatalf("an event cannot be read: %v: %s", err, line)
		}
		all = append(all, e)
	}
	return all
}
