package kin

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"upkeep/internal/scope/proc"
)

// Launch starts the group's first process: in a session of its own, born in
// the control group if there is one, with the marker in its environment, under
// the account, and with no descriptor but the given ones. The caller must Wait
// for it. When the kernel refuses the control group (a filter on clone3, say),
// the process is started without: the marker and the session remain.
func (g Group) Launch(l Launch) (*os.Process, proc.ID, error) {
	cred, err := credential(l.Account)
	if err != nil {
		return nil, proc.ID{}, err
	}
	env := make([]string, 0, len(l.Env)+1)
	key, _, _ := strings.Cut(g.Marker, "=")
	for _, e := range l.Env {
		k, _, ok := strings.Cut(e, "=")
		if !ok || k == "" || strings.IndexByte(e, 0) >= 0 {
			return nil, proc.ID{}, fmt.Errorf("cannot start %s: environment entry %q is not NAME=VALUE", l.Args[0], k)
		}
		if k != key || g.Marker == "" {
			env = append(env, e)
		}
	}
	if g.Marker != "" {
		env = append(env, g.Marker)
	}
	attr := &os.ProcAttr{Dir: l.Dir, Env: env, Files: l.Files, Sys: &syscall.SysProcAttr{Setsid: true, Credential: cred}}
	if attr.Dir == "" {
		attr.Dir = "/"
	}
	closeOnExec()
	var p *os.Process
	if g.Cgroup != "" {
		if fd, cerr := openCgroup(g.Cgroup); cerr == nil {
			attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, fd
			p, err = os.StartProcess(l.Path, l.Args, attr)
			unix.Close(fd)
			attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = false, 0
		} else {
			err = unix.ENOSYS
		}
	}
	if p == nil && (g.Cgroup == "" || refused(err)) {
		p, err = os.StartProcess(l.Path, l.Args, attr)
	}
	if err != nil {
		return nil, proc.ID{}, startError(l, err)
	}
	// Not waited for yet, so it is there to be read, if only as a zombie.
	st, err := proc.Read(p.Pid)
	if err != nil {
		_ = p.Kill()
		_, _ = p.Wait()
		return nil, proc.ID{}, fmt.Errorf("cannot start %s: cannot read its start time: %w", l.Args[0], err)
	}
	return p, st.ID, nil
}

// closeOnExec keeps descriptors that this process was itself started with from
// reaching children; all that Go opens is closed on exec already.
func closeOnExec() {
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	entries, err := os.ReadDir("/proc/self/fd") // before Linux 5.11
	if err != nil {
		return
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// refused tells errors of clone3 with a control group from those of the program itself.
func refused(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EBUSY) ||
		errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENODEV)
}

func startError(l Launch, err error) error {
	as := ""
	if l.Account != "" {
		as = " as " + l.Account
	}
	switch {
	case errors.Is(err, unix.ENOENT) && l.Dir != "" && !isDir(l.Dir):
		return fmt.Errorf("cannot start %s%s: no directory %s: %w", l.Args[0], as, l.Dir, unix.ENOENT)
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("cannot start %s%s: no such program, or its interpreter (the #! line) is missing: %w", l.Args[0], as, unix.ENOENT)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("cannot start %s%s: not executable, or a directory is closed to this account: %w", l.Args[0], as, unix.EACCES)
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("cannot start %s%s: not a program for this machine, or a script without a #! line: %w", l.Args[0], as, unix.ENOEXEC)
	case errors.Is(err, unix.E2BIG):
		return fmt.Errorf("cannot start %s%s: arguments and environment are too long: %w", l.Args[0], as, unix.E2BIG)
	}
	return fmt.Errorf("cannot start %s%s: %w", l.Args[0], as, err)
}

func isDir(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.IsDir()
}
