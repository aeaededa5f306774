// Package service is how Upkeep starts, stops and watches a product's
// services, and keeps one stopped until a run lets it start again.
//
// Readiness is not decided here: a service that runs may not answer yet, which
// probes find out. What is promised here, and tested for every kind by
// package servicetest: Start and Stop are idempotent; Stop ends the whole
// service, also children that left its session; a service outlives the engine
// that started it; a pid is never mistaken for an earlier process with the same
// number; a zombie is not running; an inhibited service does not start.
//
// It may import the standard library and internal/durable; the kinds in its
// sub-packages also internal/scope.
package service

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Bounds that hold where a Spec does not say otherwise.
const (
	DefaultStopTimeout  = 30 * time.Second
	DefaultStartTimeout = 30 * time.Second
)

// Marker is the environment entry that a service's processes are found by.
const Marker = "UPKEEP_SERVICE"

// Spec says what a service is and how it runs. All values are resolved.
type Spec struct {
	ID    string   `json:"id"`
	Names []string `json:"names,omitempty"` // in the system's own service manager; the first that exists counts

	Run   []string `json:"run,omitempty"`   // kind process: a program that stays, or forks and writes PIDFile
	Start []string `json:"start,omitempty"` // kind command: ends when the service is started
	Stop  []string `json:"stop,omitempty"`

	As      string   `json:"as,omitempty"`      // account; "" = the engine's
	Env     []string `json:"env,omitempty"`     // complete
	Dir     string   `json:"dir,omitempty"`     // "" = /
	PIDFile string   `json:"pidFile,omitempty"` // written by the service itself; only read here
	Log     string   `json:"log,omitempty"`     // output is appended; "" = a file beside the state

	StopTimeout  time.Duration `json:"stopTimeout,omitempty"`  // TERM to KILL
	StartTimeout time.Duration `json:"startTimeout,omitempty"` // for a start command, or a fork with PIDFile
}

// State is what a service is doing.
type State struct {
	Running bool   `json:"running"`
	PID     int    `json:"pid,omitempty"`     // main process, where there is one
	Started string `json:"started,omitempty"` // identity of this invocation: another string after each start, the same in every engine
	Detail  string `json:"detail,omitempty"`  // for people: why it does not run, its last words
}

// Manager is one kind of service. Methods may be called concurrently; calls
// for one service are done one after the other.
type Manager interface {
	// State reads only.
	State(ctx context.Context, s Spec) (State, error)
	// Start starts the service unless it runs. *InhibitedError when it must not,
	// *DiedError when it ended at once.
	Start(ctx context.Context, s Spec) error
	// Stop ends the service and all its processes, and returns when they are gone.
	Stop(ctx context.Context, s Spec) error
	// Inhibit makes Start refuse, durably and over a reboot, until Allow. A
	// running service is not touched. The last reason given counts.
	Inhibit(ctx context.Context, s Spec, reason string) error
	Allow(ctx context.Context, s Spec) error
	// Inhibited returns the reason.
	Inhibited(ctx context.Context, s Spec) (reason string, inhibited bool, err error)
}

// InhibitedError says that a service must stay stopped for now.
type InhibitedError struct{ Service, Reason string }

func (e *InhibitedError) Error() string {
	return fmt.Sprintf("cannot start %s: it must stay stopped: %s", e.Service, e.Reason)
}

// DiedError says that a service ended at once after its start.
type DiedError struct {
	Service string
	How     string // "exit code 1", "signal: killed"
	Log     string // where its output is
	Last    string // last lines it wrote
}

func (e *DiedError) Error() string {
	s := fmt.Sprintf("cannot start %s: it ended at once with %s", e.Service, e.How)
	if e.Last != "" {
		return s + "; last lines of " + e.Log + ":\n" + indent(e.Last)
	}
	return s + "; it wrote nothing to " + e.Log
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ")
}

// ErrSpec is wrapped by Check.
var ErrSpec = errors.New("not a service that can be managed")

// Check refuses a Spec that no kind can manage: its id becomes a file name.
func (s Spec) Check() error {
	if s.ID == "" || len(s.ID) > 100 || strings.ContainsAny(s.ID, "/\\\x00\n") || s.ID[0] == '.' {
		return fmt.Errorf("%w: %q is no id", ErrSpec, s.ID)
	}
	for _, p := range []string{s.Dir, s.PIDFile, s.Log} {
		if p != "" && !filepath.IsAbs(p) {
			return fmt.Errorf("%w: %s: %s is not a whole path", ErrSpec, s.ID, p)
		}
	}
	return nil
}

// StopWithin and StartWithin are the timeouts with their defaults.
func (s Spec) StopWithin() time.Duration {
	if s.StopTimeout <= 0 {
		return DefaultStopTimeout
	}
	return s.StopTimeout
}

// StartWithin is the start's time limit.
func (s Spec) StartWithin() time.Duration {
	if s.StartTimeout <= 0 {
		return DefaultStartTimeout
	}
	return s.StartTimeout
}
