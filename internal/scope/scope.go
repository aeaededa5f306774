// Package scope runs children (hooks, dumps, installers, `run` steps), each in
// a scope of its own that can be named before it exists, bounded while it
// lives, and ended with everything it forked, also by another engine after a
// crash.
//
// Order of use: Plan the scope, store the Ref in the memo, then Run. Recovery
// calls End with the stored Ref before it observes anything. How members are
// found, and what could escape, is said in package kin.
//
// Nothing is inherited: not the environment, not a descriptor, not the
// controlling terminal. A child gets /dev/null as input unless it is given
// one, and / as its directory unless it is given one.
//
// It works on Linux. Elsewhere Run returns kin.ErrUnsupported (Windows will
// use job objects). It may import the standard library, golang.org/x/sys and
// its own sub-packages.
package scope

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"upkeep/internal/scope/kin"
	"upkeep/internal/scope/proc"
)

// Bounds that hold where a Command does not say otherwise.
const (
	DefaultOutputLimit = 1 << 20         // bytes of output handed on
	DefaultGrace       = 5 * time.Second // between TERM and KILL
	TailSize           = 16 << 10        // bytes of output kept in the Result
	settle             = 200 * time.Millisecond
)

// Marker is the environment entry that children are found by.
const Marker = "UPKEEP_OP"

var (
	// ErrDeadline is wrapped when a child was ended because its time had passed.
	ErrDeadline = errors.New("its time limit passed")
	// ErrBusy is wrapped when processes of the same operation still run.
	ErrBusy = errors.New("processes of this operation still run")
	// ErrChanged is wrapped when a script is not the one that was approved.
	ErrChanged = errors.New("changed since it was approved")
)

// Ref names a scope. Plan makes it before anything is started; it is stored as
// JSON. PGID and StartTime are known after the start only, and not needed.
type Ref struct {
	OpID      string `json:"op"`
	Cgroup    string `json:"cgroup,omitempty"` // absolute directory; "" = no control groups here
	Boot      string `json:"boot,omitempty"`   // boot id: after a reboot nothing of it is left
	PGID      int    `json:"pgid,omitempty"`   // first process, leader of session and process group
	StartTime uint64 `json:"start,omitempty"`  // of that process, clock ticks since boot
}

func (r Ref) group() kin.Group {
	return kin.Group{
		Cgroup: r.Cgroup, Boot: r.Boot, Marker: Marker + "=" + r.OpID,
		Leader: proc.ID{PID: r.PGID, Start: r.StartTime},
	}
}

// Proc is a living process of a scope.
type Proc = proc.Proc

// Command says what to run and within what bounds.
type Command struct {
	OpID     string        // run/step/direction; names the scope
	Fresh    bool          // OpID was never used before: nothing that could still run is looked for
	Args     []string      // program and arguments; a bare name is looked up in the PATH of Env
	Dir      string        // "" = /
	Env      []string      // complete: nothing is inherited. UPKEEP_OP is added.
	Account  string        // user to run as; "" = the engine's
	Deadline time.Duration // required: no step is without one
	Grace    time.Duration // from TERM to KILL; 0 = DefaultGrace

	// File is an opened script or program that runs in place of a path, so that
	// what was checked is what runs. With SHA256 (hex) its content is copied
	// into memory, compared, sealed against changes, and run from there. Args[0]
	// is its name in messages; a script sees /proc/self/fd/N as $0.
	File   *os.File
	SHA256 string

	Stdin  io.Reader  // nil = empty. A read error of it fails the run.
	Extra  []*os.File // descriptors 3, 4, … (secrets, sockets)
	Stdout io.Writer  // nil = to Output. Else raw bytes (a dump); a write error of it fails the run.

	Output      io.Writer           // standard error and output, one whole line a Write; nil = only the tail is kept
	OutputLimit int64               // bytes handed to Output; 0 = DefaultOutputLimit. The rest is counted and cut.
	Redact      func([]byte) []byte // applied to each line before anybody sees it; one longer than 8 KiB comes in parts
}

// Result is what became of a child. It is filled also when Run returns an error.
type Result struct {
	ExitCode   int           `json:"exit"`             // -1 when ended by a signal or not started
	Signal     string        `json:"signal,omitempty"` // that ended it
	Duration   time.Duration `json:"duration"`
	Output     string        `json:"output,omitempty"` // last lines, at most TailSize bytes
	Bytes      int64         `json:"bytes"`            // written by the child to Output
	Truncated  int64         `json:"truncated"`        // of these, not handed on
	LeftBehind int           `json:"left_behind"`      // processes that outlived the child and were ended
	Scope      Ref           `json:"scope"`
}

// ExitError says that a child ended by itself, and badly.
type ExitError struct {
	Name   string
	Code   int    // -1 with Signal
	Signal string // "" with Code
	Last   string // last line it wrote
}

func (e *ExitError) Error() string {
	s := fmt.Sprintf("%s failed with exit code %d", e.Name, e.Code)
	if e.Signal != "" {
		s = fmt.Sprintf("%s was ended by a signal: %s", e.Name, e.Signal)
	}
	if e.Last != "" {
		s += ": " + e.Last
	}
	return s
}

// ExitCode is the code, for whoever does not know this type.
func (e *ExitError) ExitCode() int { return e.Code }

// Options of a Runner.
type Options struct {
	Cgroups string // name of the parent control group; "" = "upkeep", "-" = use none
}

// Runner runs children. It is safe for concurrent use.
type Runner struct {
	parent string // directory of control groups; "" = none
	why    string // why none
	boot   string
}

// New finds out what this machine offers. Not being able to use control groups
// is no error: Mechanism says what is used.
func New(o Options) (*Runner, error) {
	r := &Runner{}
	var err error
	if r.boot, err = proc.BootID(); err != nil && !errors.Is(err, proc.ErrUnsupported) {
		return nil, err
	}
	switch o.Cgroups {
	case "-":
		r.why = "not wanted"
		return r, nil
	case "":
		o.Cgroups = "upkeep"
	}
	if r.parent, err = kin.CgroupParent(o.Cgroups); err != nil {
		r.why = err.Error()
	}
	return r, nil
}

// Mechanism tells how children are kept together: "cgroup", or "session" and
// why there are no control groups.
func (r *Runner) Mechanism() (name, why string) {
	if r.parent != "" {
		return "cgroup", ""
	}
	return "session", r.why
}

// Plan names the scope of an operation. The same operation has the same name
// in every engine on this machine, until the next boot.
func (r *Runner) Plan(opID string) Ref {
	ref := Ref{OpID: opID, Boot: r.boot}
	if r.parent != "" {
		ref.Cgroup = r.parent + "/" + kin.CgroupName("op", opID)
	}
	return ref
}

// Alive returns what is left of a scope, zombies left out.
func (r *Runner) Alive(ref Ref) ([]Proc, error) {
	if err := ref.check(); err != nil {
		return nil, err
	}
	return ref.group().Members()
}

// End ends what is left of a scope, TERM then KILL, and returns how many
// processes that were. It is idempotent, and never hits a process that only
// got the number of one that ended.
func (r *Runner) End(ctx context.Context, ref Ref) (int, error) {
	if err := ref.check(); err != nil {
		return 0, err
	}
	n, err := ref.group().End(ctx, DefaultGrace)
	if err != nil {
		return n, fmt.Errorf("cannot end the scope of %s: %w", ref.OpID, err)
	}
	return n, nil
}

func (r Ref) check() error {
	if r.OpID == "" {
		return errors.New("cannot tell the scope's processes: it has no operation id")
	}
	return nil
}
