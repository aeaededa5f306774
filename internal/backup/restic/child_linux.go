package restic

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// together runs the program, which dies with us: half a restore must not go on
// while the next process puts things right. The signal comes when the thread
// that started the program ends, so that is held until then.
func together(cmd *exec.Cmd, read func()) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			done <- err
			return
		}
		read()
		done <- cmd.Wait()
	}()
	return <-done
}

// secret hands the password over as a file that nobody else can open.
func secret(cmd *exec.Cmd, password string) (io.Closer, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = w.WriteString(password + "\n")
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = r.Close() // nothing was read from it
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{r}
	cmd.Env = append(cmd.Env, "RESTIC_PASSWORD_FILE=/dev/fd/3")
	return r, nil
}

// writable says why a folder cannot be written to; nil where nothing is there yet.
// restic would try for a quarter of an hour.
func writable(dir string) error {
	const write = 2 // W_OK
	err := syscall.Access(dir, write)
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}

// gone says that there is no such process.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
