package proctest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const stage = "PROCTEST_STAGE"

func apart(m *testing.M) int {
	switch os.Getenv(stage) {
	case "init":
		os.Unsetenv(stage)
		return initMain()
	case "run":
		os.Unsetenv(stage) // a program that a test starts from this binary is no test run
		return m.Run()
	}
	if os.Geteuid() != 0 {
		return m.Run() // an ordinary account can end its own processes only
	}
	c := again("init")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := c.Run()
	if errors.Is(err, unix.EPERM) {
		fmt.Fprintln(os.Stderr, "proctest: no namespace for these tests, and without one they could hit others' processes:", err)
		return 1
	}
	return code(err)
}

func again(as string) *exec.Cmd {
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Args[0] = os.Args[0]
	c.Env = append(os.Environ(), stage+"="+as)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	return c
}

// initMain is process 1 of the namespace: it shows only its own processes, runs
// the tests, and collects orphans.
func initMain() int {
	if err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("proc", "/proc", "proc", 0, "")); err != nil {
		fmt.Fprintln(os.Stderr, "proctest: cannot show the namespace's own processes:", err)
		return 1
	}
	c := again("run")
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "proctest:", err)
		return 1
	}
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			fmt.Fprintln(os.Stderr, "proctest:", err)
			return 1
		case pid == c.Process.Pid && ws.Exited():
			return ws.ExitStatus()
		case pid == c.Process.Pid:
			fmt.Fprintln(os.Stderr, "proctest: the tests were ended by", ws.Signal())
			return 1
		}
	}
}

func code(err error) int {
	var e *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return max(e.ExitCode(), 1)
	}
	fmt.Fprintln(os.Stderr, "proctest:", err)
	return 1
}
