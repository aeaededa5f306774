// Package kin starts processes that belong together and finds all of them
// again: a step's children, or a service with its workers.
//
// A Group is a name that is decided before anything is started, so that it can
// be stored first and used after a crash. Its members are found, best first, by
//   - a control group (v2) of their own, into which the first process is born
//     (clone3 with CLONE_INTO_CGROUP) and which no child leaves by forking;
//   - a marker, an entry of the environment, read from /proc/PID/environ;
//   - the first process, when its start time is still the stored one;
//   - and then everything in a session or process group that one of these
//     leads, and all their descendants.
//
// What escapes: without a control group (not root, no cgroup v2), a process
// that clears its environment, leaves the session and loses its parent, all
// before it was ever seen. Nothing here relies on PR_SET_CHILD_SUBREAPER: it
// would hand a Go program orphans that it does not know.
//
// A control group lies under one parent ("upkeep") at the top of the
// hierarchy, outside the engine's own, so that ending the engine does not end
// it. The parent stays, empty, until the next boot.
//
// It works on Linux; elsewhere Launch returns ErrUnsupported and nothing is
// ever found. It may import the standard library, golang.org/x/sys and
// internal/scope/proc.
package kin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strings"

	"upkeep/internal/scope/proc"
)

// ErrUnsupported is returned by Launch where processes cannot be kept together.
var ErrUnsupported = errors.New("cannot start processes in a scope of their own on this system: only Linux is supported")

// ErrNotRoot is wrapped when another account is wanted and the engine is not root.
var ErrNotRoot = errors.New("not root")

// Group names processes that belong together.
type Group struct {
	Cgroup string  // absolute directory of its control group; "" = none
	Marker string  // KEY=VALUE in the environment of its processes; "" = none
	Boot   string  // boot id it lives in; "" = unknown. In another boot it has no members.
	Leader proc.ID // its first process; zero = unknown
	Also   []proc.ID
	Since  uint64 // no member started before (clock ticks since boot); 0 = unknown
}

// Launch says what to start as a group's first process, in a new session.
type Launch struct {
	Path    string     // program, absolute or /proc/self/fd/N
	Args    []string   // with Args[0]
	Dir     string     // "" = /
	Env     []string   // complete; the group's marker is added
	Files   []*os.File // descriptors 0, 1, 2, …; nothing else is inherited
	Account string     // "" = the same
}

// CgroupName makes a directory name out of any identifier: readable, and
// unique by a part of its SHA-256.
func CgroupName(kind, id string) string {
	sum := sha256.Sum256([]byte(id))
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, id)
	if len(safe) > 60 {
		safe = safe[:60]
	}
	return kind + "-" + safe + "-" + hex.EncodeToString(sum[:6])
}
