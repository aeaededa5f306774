// Package tap puts a hook around every operation by which Upkeep changes
// something durably: the calls that write of a durable.FS, and the writes of a
// journal. A hook may let the operation through, end the process before or
// after it, fail it, or leave it out; the crash harnesses and the test build of
// the binary are made of such hooks. Nothing that ships imports it.
package tap

import (
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Op is one operation that is about to happen.
type Op struct {
	Kind     string // "file", or "journal"
	Name     string // of the call, as durable.Writer names it: "WriteFile", "SyncDir"; "fill" and "Sync" of a file being written
	Path     string // what it changes; of a journal the kind of entry and the step
	Other    string // the second path of a rename, an exchange, a link
	Site     string // the place in Upkeep's code that asked for it: "internal/step/stage/stage.go:88"
	Unsynced bool   // through a view that does not sync
	// Torn makes half of the operation, where there is a half: what a process
	// that is killed within it leaves. Nil: there is none.
	Torn func() error
	// Lazy makes the operation without its syncs; nil where it has none.
	Lazy func() error
}

func (o Op) String() string {
	s := o.Kind + " " + o.Name + " " + o.Path
	if o.Other != "" {
		s += " " + o.Other
	}
	if o.Site != "" {
		s += " (" + o.Site + ")"
	}
	return s
}

// Hook is called around each operation; do makes it. What the hook returns is
// what the caller of the operation gets. A hook may be called by several
// goroutines at once.
type Hook func(op Op, do func() error) error

// site finds the place outside of durable and of the wrappers that asked.
func site() string {
	var pcs [24]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		pkg, own := strings.CutPrefix(packageOf(f.Function), "upkeep/")
		if own && pkg != "internal/lab/tap" && pkg != "internal/durable" {
			return pkg + "/" + filepath.Base(f.File) + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return ""
		}
	}
}

// packageOf cuts "upkeep/internal/step/stage" out of
// "upkeep/internal/step/stage.(*Handler).Do".
func packageOf(function string) string {
	dir, name := "", function
	if i := strings.LastIndexByte(function, '/'); i >= 0 {
		dir, name = function[:i+1], function[i+1:]
	}
	name, _, _ = strings.Cut(name, ".")
	return dir + name
}
