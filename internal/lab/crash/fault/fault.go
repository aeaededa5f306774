// Package fault is what goes wrong in the test build of Upkeep (build tag
// crash): at which operation of which process, and what. Harnesses hand it to
// the process in the environment. It may be imported by tests and by the test
// build only, and imports durable and package tap.
package fault

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"upkeep/internal/durable"
	"upkeep/internal/lab/tap"
)

// Env is the variable that holds a Spec in JSON.
const Env = "UPKEEP_FAULT"

// What can be done at an operation.
const (
	Kill = "kill" // SIGKILL to this process, never a panic
	Fail = "fail" // the operation is not made and gives Errno; a sync gives durable.ErrNotDurable too
	Omit = "omit" // the operation is left out and gives no error
	Lazy = "lazy" // the operation is made without its syncs
	Copy = "copy" // before it the file Image is copied to the folder Copies
)

// Spec says what goes wrong.
type Spec struct {
	// Process is the command word of the processes that count their operations:
	// "engine", "upgrade"; empty: all.
	Process string `json:"process,omitempty"`
	Trace   string `json:"trace,omitempty"` // a file to which every operation is written, a line each
	Idle    string `json:"idle,omitempty"`  // a file to which those are written that failed or changed nothing
	Once    string `json:"once,omitempty"`  // a file that is made when it happens; nothing happens where it is there

	Do    string `json:"do,omitempty"`
	When  string `json:"when,omitempty"`  // of Kill: before (the default), after, torn
	Alone bool   `json:"alone,omitempty"` // of Kill: the command that started this process dies with it
	At    int    `json:"at,omitempty"`    // the operation's number in its process, from 1; 0: all that match
	Since int    `json:"since,omitempty"` // of Fail: this number and all that follow, in this process and in those that it starts
	Ats   []int  `json:"ats,omitempty"`   // of Copy: these numbers
	Kind  string `json:"kind,omitempty"`  // what the operation must be: file, journal
	Site  string `json:"site,omitempty"`  // where it is asked for
	Name  string `json:"name,omitempty"`  // what it is called
	Path  string `json:"path,omitempty"`  // what its path contains
	Errno string `json:"errno,omitempty"` // of Fail: ENOSPC, EIO, EACCES, EBUSY

	// Mutate is Omit or Lazy: what is wrong with every operation that is asked for
	// at the site Mutated, whatever else goes wrong.
	Mutate  string `json:"mutate,omitempty"`
	Mutated string `json:"mutated,omitempty"`

	Image  string `json:"image,omitempty"`
	Copies string `json:"copies,omitempty"`
}

// String writes the spec as the environment takes it.
func (s Spec) String() string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err) // it holds only texts and a number
	}
	return Env + "=" + string(raw)
}

// Faults counts the operations of this process.
type Faults struct {
	Spec
	mu   sync.Mutex
	n    int
	mine bool
}

// Here gives the faults of this process, as the environment says; it is the
// same value each time.
func Here() *Faults { return here() }

var here = sync.OnceValue(func() *Faults {
	f := &Faults{}
	text := os.Getenv(Env)
	if text == "" {
		return f
	}
	if err := json.Unmarshal([]byte(text), &f.Spec); err != nil {
		fmt.Fprintf(os.Stderr, "cannot read %s: %v\n", Env, err)
		os.Exit(2)
	}
	f.mine = f.Process == "" || slices.Contains(os.Args[1:], f.Process)
	return f
})

// FS puts the faults into a file system.
func (f *Faults) FS(inner durable.FS) durable.FS {
	if !f.mine {
		return inner
	}
	return tap.FS(inner, f.Around)
}

// Journal puts them around a journal's transaction.
func (f *Faults) Journal(what string, write func() error) error {
	if !f.mine {
		return write()
	}
	return f.Around(tap.Op{Kind: "journal", Name: "commit", Path: what}, write)
}

// Around is the hook.
func (f *Faults) Around(op tap.Op, do func() error) error {
	f.mu.Lock()
	f.n++
	n := f.n
	f.mu.Unlock()
	f.trace(n, op)
	do = f.idle(n, op, f.mutated(op, do))
	if f.Do == "" || f.Since > n && !f.begun() || f.At != 0 && f.At != n || len(f.Ats) > 0 && !slices.Contains(f.Ats, n) || !f.matches(op) || !f.first() {
		return do()
	}
	switch f.Do {
	case Kill:
		switch f.When {
		case "after":
			_ = do() // what it says nobody hears
		case "torn":
			if op.Torn != nil {
				_ = op.Torn()
			}
		}
		f.alone()
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case Fail:
		return f.failed(op)
	case Omit:
		return nil
	case Lazy:
		if op.Lazy != nil {
			return op.Lazy()
		}
	case Copy:
		if err := copyImage(f.Image, filepath.Join(f.Copies, fmt.Sprintf("%s-%05d.img", f.Process, n))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	return do()
}

// mutated is the operation as the mutant makes it.
func (f *Faults) mutated(op tap.Op, do func() error) func() error {
	switch {
	case f.Mutate == "" || f.Mutated != op.Site:
		return do
	case f.Mutate == Omit:
		return func() error { return nil }
	case f.Mutate == Lazy && op.Lazy != nil:
		return op.Lazy
	}
	return do
}

func (f *Faults) matches(op tap.Op) bool {
	return (f.Kind == "" || f.Kind == op.Kind) && (f.Site == "" || f.Site == op.Site) &&
		(f.Name == "" || f.Name == op.Name) && (f.Path == "" || strings.Contains(op.Path, f.Path))
}

// first says whether it did not happen yet, where it may happen once only.
func (f *Faults) first() bool {
	if f.Once == "" {
		return true
	}
	if f.Since > 0 && f.begun() {
		return true
	}
	w, err := os.OpenFile(f.Once, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return false
	}
	return w.Close() == nil
}

// begun says whether a process before this one has come to the number of Since.
func (f *Faults) begun() bool {
	_, err := os.Stat(f.Once)
	return f.Once != "" && err == nil
}

// alone kills the command that started this process first, so that nobody
// watches it die.
func (f *Faults) alone() {
	if !f.Alone {
		return
	}
	parent := os.Getppid()
	own, err := os.Readlink("/proc/self/exe")
	if theirs, err2 := os.Readlink(fmt.Sprintf("/proc/%d/exe", parent)); err == nil && err2 == nil && own == theirs {
		_ = syscall.Kill(parent, syscall.SIGKILL)
	}
}

// failed is what a failing disk gives.
func (f *Faults) failed(op tap.Op) error {
	errno := map[string]error{"ENOSPC": syscall.ENOSPC, "EIO": syscall.EIO, "EACCES": syscall.EACCES, "EBUSY": syscall.EBUSY}[f.Errno]
	if errno == nil {
		errno = syscall.EIO
	}
	if strings.HasPrefix(op.Name, "Sync") {
		errno = fmt.Errorf("%w: %w", durable.ErrNotDurable, errno)
	}
	return &durable.Error{Op: strings.ToLower(op.Name), Path: op.Path, Other: op.Other, Err: errno}
}
