package scope

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"upkeep/internal/scope/kin"
)

// Run runs one child to its end. The error is nil only when it was started,
// ended by itself with exit code 0, and all its output was taken: otherwise
// *ExitError, or one that wraps ErrDeadline, ErrBusy, ErrChanged or the
// context's. Whatever happens, nothing of the scope is left when Run returns,
// save with an error that says so.
func (r *Runner) Run(ctx context.Context, c Command) (Result, error) {
	res := Result{ExitCode: -1, Scope: r.Plan(c.OpID)}
	if err := c.check(); err != nil {
		return res, err
	}
	name := filepath.Base(c.Args[0])
	g := res.Scope.group()
	if !c.Fresh {
		if busy, err := g.Populated(); err != nil {
			return res, fmt.Errorf("cannot run %s: %w", name, err)
		} else if busy {
			return res, fmt.Errorf("cannot run %s: %w: end them first", name, ErrBusy)
		}
	}
	path, script, err := c.program()
	if err != nil {
		return res, fmt.Errorf("cannot run %s: %w", name, err)
	}
	if script != nil && script != c.File {
		defer script.Close()
	}
	st, err := c.streams(name)
	if err != nil {
		return res, fmt.Errorf("cannot run %s: %w", name, err)
	}
	defer st.closeAll()
	files := append(st.files(), c.Extra...)
	if script != nil {
		path = fmt.Sprintf("/proc/self/fd/%d", len(files))
		files = append(files, script)
	}

	begin := time.Now()
	child, id, err := g.Launch(kin.Launch{Path: path, Args: c.Args, Dir: c.Dir, Env: c.Env, Files: files, Account: c.Account})
	if err != nil {
		_, _ = g.End(context.Background(), 0) // removes the empty control group
		return res, err
	}
	st.started()
	g.Leader, g.Since = id, id.Start
	res.Scope.PGID, res.Scope.StartTime = id.PID, id.Start

	state, stopped := wait(ctx, &g, child, c, st.broken)
	res.Duration = time.Since(begin)
	endErr := leftovers(&g, &res, stopped, c.grace())
	streamErr := st.finish()
	res.fill(state, st.out)
	return res, c.verdict(name, res, stopped, endErr, streamErr)
}

// errBroken stops a child whose input or output failed; the failure itself is in streams.
var errBroken = errors.New("its input or output failed")

func (c Command) check() error {
	switch {
	case len(c.Args) == 0 || c.Args[0] == "":
		return errors.New("cannot run a command: it is empty")
	case c.OpID == "" || strings.ContainsAny(c.OpID, "\x00\n"):
		return fmt.Errorf("cannot run %s: %q is no operation id", c.Args[0], c.OpID)
	case c.Deadline <= 0:
		return fmt.Errorf("cannot run %s: it has no time limit", c.Args[0])
	case c.SHA256 != "" && c.File == nil:
		return fmt.Errorf("cannot run %s: a sum is given, but no opened file", c.Args[0])
	}
	return nil
}

func (c Command) grace() time.Duration {
	if c.Grace <= 0 {
		return DefaultGrace
	}
	return c.Grace
}

// program finds what to execute: a path, or an opened file.
func (c Command) program() (string, *os.File, error) {
	if c.File != nil {
		f, err := sealed(c.File, c.Args[0], c.SHA256)
		return "", f, err
	}
	if strings.ContainsRune(c.Args[0], '/') {
		if !filepath.IsAbs(c.Args[0]) {
			return "", nil, errors.New("write its whole path, or a bare name that is looked up in PATH")
		}
		return c.Args[0], nil, nil
	}
	path := ""
	for _, e := range c.Env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			path = v
		}
	}
	for _, dir := range filepath.SplitList(path) {
		p := filepath.Join(dir, c.Args[0])
		if st, err := os.Stat(p); filepath.IsAbs(dir) && err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return p, nil, nil
		}
	}
	return "", nil, notFound{path}
}

// notFound says that no folder of the PATH has the program: fs.ErrNotExist.
type notFound struct{ path string }

func (e notFound) Error() string { return fmt.Sprintf("not found in its PATH %q", e.path) }

func (notFound) Is(target error) bool { return target == fs.ErrNotExist }

// wait waits for the child itself. When its time has passed or ctx is done it
// ends the whole scope, and says why it was stopped.
func wait(ctx context.Context, g *kin.Group, child *os.Process, c Command, broken <-chan struct{}) (state *os.ProcessState, stopped error) {
	done := make(chan *os.ProcessState, 1)
	go func() {
		s, err := child.Wait()
		if err != nil {
			s = nil
		}
		done <- s
	}()
	limit := time.NewTimer(c.Deadline)
	defer limit.Stop()
	// Without a control group, descendants are remembered while they can still
	// be seen as such.
	pause := 500 * time.Millisecond
	if g.Cgroup == "" {
		pause = 10 * time.Millisecond
	}
	look := time.NewTimer(pause)
	defer look.Stop()
	for stopped == nil {
		select {
		case s := <-done:
			return s, nil
		case <-ctx.Done():
			stopped = context.Cause(ctx)
		case <-limit.C:
			stopped = ErrDeadline
		case <-broken:
			stopped = errBroken
		case <-look.C:
			remember(g)
			pause = min(2*pause, 500*time.Millisecond)
			look.Reset(pause)
		}
	}
	remember(g)
	_, err := g.End(context.Background(), c.grace())
	select {
	case s := <-done:
		return s, stopped
	case <-time.After(time.Second):
		return nil, errors.Join(stopped, err)
	}
}

// remember notes the members that can be seen now.
func remember(g *kin.Group) {
	m, err := g.Members()
	if err != nil {
		return
	}
	g.Also = g.Also[:0]
	for _, p := range m {
		g.Also = append(g.Also, p.ID)
	}
}

// leftovers ends what outlived the child, after a moment in which it may end by itself.
func leftovers(g *kin.Group, res *Result, stopped error, grace time.Duration) error {
	busy, err := g.Populated()
	for end := time.Now().Add(settle); err == nil && busy && stopped == nil && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
		busy, err = g.Populated()
	}
	if err != nil {
		return err
	}
	n := 0
	if busy || stopped != nil || len(g.Also) > 0 {
		n, err = g.End(context.Background(), grace)
	} else {
		g.Discard()
	}
	if stopped == nil {
		res.LeftBehind = n
	}
	return err
}

func (res *Result) fill(state *os.ProcessState, out *sink) {
	res.Output, res.Bytes, res.Truncated = out.text(), out.total, out.truncated()
	if state == nil {
		return
	}
	res.ExitCode = state.ExitCode()
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		res.Signal = ws.Signal().String()
	}
}

func (c Command) verdict(name string, res Result, stopped, endErr, streamErr error) error {
	var err error
	switch {
	case errors.Is(stopped, ErrDeadline):
		err = fmt.Errorf("cannot finish %s: %w: it was ended after %v%s", name, ErrDeadline, c.Deadline, lastSaid(res.Output))
	case stopped != nil && streamErr == nil:
		err = fmt.Errorf("cannot finish %s: it was ended: %w", name, stopped)
	case streamErr != nil:
		err = fmt.Errorf("cannot finish %s: %w", name, streamErr)
	case res.ExitCode != 0:
		err = &ExitError{Name: name, Code: res.ExitCode, Signal: res.Signal, Last: lastLine(res.Output)}
	}
	if endErr != nil {
		err = errors.Join(err, fmt.Errorf("cannot end all processes of %s: %w", name, endErr))
	}
	return err
}

func lastSaid(output string) string {
	if l := lastLine(output); l != "" {
		return "; its last words: " + l
	}
	return ""
}
