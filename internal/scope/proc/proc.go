// Package proc reads the processes of this machine, and signals one of them
// without ever hitting another that got its number later.
//
// A pid alone names nothing: numbers are used again. A pid together with the
// start time (in clock ticks since boot, field 22 of /proc/PID/stat, proc(5))
// and the boot id names one process for good.
//
// It works on Linux; elsewhere every function returns ErrUnsupported. It may
// import the standard library and golang.org/x/sys only.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// ErrUnsupported is returned where processes cannot be read.
var ErrUnsupported = errors.New("processes cannot be read on this system")

// ErrGone is returned when the process does not exist any more.
var ErrGone = errors.New("process is gone")

// ID names one process of this boot.
type ID struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks since boot
}

// Proc is one process as the kernel shows it.
type Proc struct {
	ID
	PPID    int    `json:"ppid"`
	PGID    int    `json:"pgid"`
	Session int    `json:"session"`
	TTY     int    `json:"-"` // number of its terminal's device; 0: it has none
	State   byte   `json:"-"` // R, S, D, T, Z …
	Name    string `json:"name"`
	Threads int    `json:"-"` // that have not ended; 1 in a process that only waits to be collected
	Kernel  bool   `json:"-"` // a thread of the kernel
}

// kernelThread is PF_KTHREAD of linux/sched.h, the same since Linux 2.6.
const kernelThread = 0x00200000

// Dead tells whether the process has ended and only waits to be collected. Its
// first thread may end before others, which still hold its files and ports:
// that is not dead.
func (p Proc) Dead() bool {
	return p.Threads <= 1 && (p.State == 'Z' || p.State == 'X' || p.State == 'x')
}

// Terminal names the terminal of the process, as in pts/3; empty where it has
// none, or one that is not a console or a window (proc(5), tty_nr).
func (p Proc) Terminal() string {
	major, minor := p.TTY>>8&0xff, p.TTY&0xff|p.TTY>>12&0xfff00
	switch {
	case major >= 136 && major <= 143: // of Unix 98, in devices.txt
		return "pts/" + strconv.Itoa((major-136)<<8+minor)
	case major == 4 && minor < 64:
		return "tty" + strconv.Itoa(minor)
	case major == 4:
		return "ttyS" + strconv.Itoa(minor-64)
	}
	return ""
}

// String shows pid and name.
func (p Proc) String() string { return fmt.Sprintf("%d (%s)", p.PID, p.Name) }

// ParseStat reads the text of /proc/PID/stat. The name may hold spaces,
// brackets and newlines; it ends at the last closing bracket.
func ParseStat(b []byte) (Proc, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 1 || end < open {
		return Proc{}, fmt.Errorf("cannot read process state: no name in %.60q", b)
	}
	var p Proc
	var err error
	if p.PID, err = strconv.Atoi(string(bytes.TrimSpace(b[:open]))); err != nil {
		return Proc{}, fmt.Errorf("cannot read process state: %w", err)
	}
	p.Name = string(b[open+1 : end])
	f := bytes.Fields(b[end+1:])
	if len(f) < 20 || len(f[0]) != 1 {
		return Proc{}, fmt.Errorf("cannot read process state of %d: %d fields after the name, want at least 20", p.PID, len(f))
	}
	p.State = f[0][0]
	for i, dst := range [...]*int{1: &p.PPID, 2: &p.PGID, 3: &p.Session, 4: &p.TTY, 17: &p.Threads} {
		if dst == nil {
			continue
		}
		if *dst, err = strconv.Atoi(string(f[i])); err != nil {
			return Proc{}, fmt.Errorf("cannot read process state of %d: %w", p.PID, err)
		}
	}
	fl, err := strconv.ParseUint(string(f[6]), 10, 64)
	if err != nil {
		return Proc{}, fmt.Errorf("cannot read process state of %d: %w", p.PID, err)
	}
	p.Kernel = fl&kernelThread != 0
	if p.Start, err = strconv.ParseUint(string(f[19]), 10, 64); err != nil {
		return Proc{}, fmt.Errorf("cannot read process state of %d: %w", p.PID, err)
	}
	return p, nil
}

// HasEntry tells whether an environment block (entries ended by NUL, as in
// /proc/PID/environ) holds exactly this entry.
func HasEntry(environ []byte, entry string) bool {
	for len(environ) > 0 {
		i := bytes.IndexByte(environ, 0)
		if i < 0 {
			return string(environ) == entry
		}
		if string(environ[:i]) == entry {
			return true
		}
		environ = environ[i+1:]
	}
	return false
}
