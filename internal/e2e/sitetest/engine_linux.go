package sitetest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/lab"
	"upkeep/internal/manage"
	"upkeep/internal/manifest"
)

// product is the document of the installed release, as the example has it.
func (s *Site) product() (*manage.Installation, *manifest.Product, error) {
	in, err := manage.Open(s.Document, s.Bin)
	if err != nil {
		return nil, nil, err
	}
	text, err := os.ReadFile(filepath.Join(s.example(), "product.yaml"))
	if err != nil {
		return nil, nil, err
	}
	src := document.Source{Name: "product.yaml", Text: []byte(s.edited("product.yaml", string(text)))}
	nodes, err := yaml.Parse(src.Name, src.Text)
	if err != nil {
		return nil, nil, err
	}
	p, _, err := manifest.Decode(src, nodes)
	return in, p, err
}

// Start starts the product's services.
func (s *Site) Start() {
	s.t.Helper()
	in, p, err := s.product()
	s.must(err)
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	s.must(in.StartServices(ctx, p))
	if s.caller.Switch {
		s.must(s.give())
	}
}

// Stop stops the product's services.
func (s *Site) Stop() {
	s.t.Helper()
	in, p, err := s.product()
	s.must(err)
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	s.must(in.StopServices(ctx, p))
}

// end stops engine and product, and takes down a gate that a failed test left.
func (s *Site) end() {
	for range 100 {
		if !s.KillEngine() {
			break
		}
	}
	in, p, err := s.product()
	if err != nil {
		return // the document is broken on purpose: nothing of it runs
	}
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	if r, err := in.OpenRun(ctx); err == nil && r != nil {
		_ = s.Command(ctx, "back", "--yes").Run() // a test that ended in the middle leaves no gate up
	}
	if err := in.StopServices(ctx, p); err != nil && !s.t.Failed() {
		s.t.Errorf("cannot stop the services: %v", err)
	}
	if !s.caller.Switch && os.Geteuid() == 0 {
		_, _ = in.EndModes(ctx, "") // none is on, unless the test has failed
	}
}

// Engine is the process that carries the open run on; 0 when none does. Only
// a process of the binary under test counts.
func (s *Site) Engine() int {
	path := filepath.Join(s.State, "lock")
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	ask := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &ask); err != nil || ask.Type == unix.F_UNLCK {
		return 0
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || pid <= 1 {
		return 0
	}
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err != nil || exe != s.Bin {
		return 0
	}
	return pid
}

// KillEngine kills the engine by its process number and waits until it is
// gone. It says whether there was one.
func (s *Site) KillEngine() bool {
	pid := s.Engine()
	if pid == 0 || syscall.Kill(pid, syscall.SIGKILL) != nil {
		return false
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if s.Engine() != pid {
			return true
		}
	}
	return true
}

// Began starts a command and gives a function that waits for its end.
func (s *Site) Began(args ...string) (wait func() Result) {
	s.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), limit)
	cmd := s.Command(ctx, args...)
	s.terminal = cmd
	type end struct {
		r   Result
		err error
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	s.must(cmd.Start())
	done := make(chan end, 1)
	go func() {
		r, err := ended(cmd, cmd.Wait(), &out, &errs)
		stop()
		r.Args = args
		done <- end{r, err}
	}()
	return func() Result {
		s.t.Helper()
		e := <-done
		s.must(e.err)
		return e.r
	}
}

// KillTerminal kills the command that was begun last. It says whether it ran.
func (s *Site) KillTerminal() bool {
	return s.terminal != nil && s.terminal.Process != nil && s.terminal.Process.Kill() == nil
}

// Interrupt sends the command that was begun last what Ctrl+C sends.
func (s *Site) Interrupt() bool {
	return s.terminal != nil && s.terminal.Process != nil && s.terminal.Process.Signal(os.Interrupt) == nil
}

// ErrNoEvent says that what was waited for did not come.
var ErrNoEvent = errors.New("the event did not come")

// Follow gives the events of the latest run to sink as they are written, from
// those of a run that is opened after the known ones, until sink says that it
// is enough.
func (s *Site) Follow(known int, within time.Duration, sink func(manage.Event) bool) error {
	end := time.Now().Add(within)
	for len(s.Runs()) <= known {
		if time.Now().After(end) {
			return fmt.Errorf("no run was opened: %w", ErrNoEvent)
		}
		time.Sleep(time.Millisecond)
	}
	all := s.Runs()
	path := filepath.Join(all[len(all)-1], "events.jsonl")
	f, err := os.Open(path)
	for errors.Is(err, fs.ErrNotExist) && time.Now().Before(end) {
		time.Sleep(time.Millisecond)
		f, err = os.Open(path)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	var line []byte
	for {
		part, err := r.ReadBytes('\n')
		line = append(line, part...)
		if err != nil {
			if time.Now().After(end) {
				return ErrNoEvent
			}
			time.Sleep(300 * time.Microsecond)
			continue
		}
		var e manage.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("an event cannot be read: %w: %s", err, line)
		}
		line = line[:0]
		if sink(e) {
			return nil
		}
	}
}

// Caller is the account that gives the commands.
func (s *Site) Caller() lab.Account { return s.caller }

// Service is the account that runs the product.
func (s *Site) Service() lab.Account { return s.service }

// StopService stops one service of the product.
func (s *Site) StopService(id string) {
	s.t.Helper()
	in, p, err := s.product()
	s.must(err)
	one := *p
	one.Services = nil
	for _, sv := range p.Services {
		if sv.ID == id {
			one.Services = append(one.Services, sv)
		}
	}
	if len(one.Services) != 1 {
		s.t.Fatalf("there is no service %s", id)
	}
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	s.must(in.StopServices(ctx, &one))
}
