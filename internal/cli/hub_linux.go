package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"time"
)

// A page that ends within shortLife of its start this often in a row is given up.
const (
	shortLife = 5 * time.Second
	shortMost = 10
)

// keepPage starts the page, and starts it anew when it dies: browsers wait
// meanwhile, since the listener is this process's.
func (a *App) keepPage(ctx context.Context, account *user.User, l *net.TCPListener, args []string) error {
	f, err := l.File()
	if err != nil {
		return fmt.Errorf("cannot hand the page its address: %w", err)
	}
	defer f.Close()
	for short := 0; ; {
		began := time.Now()
		err := a.startPage(ctx, account, f, args)
		if ctx.Err() != nil {
			return nil
		}
		if short++; time.Since(began) > shortLife {
			short = 0
		}
		if short >= shortMost {
			return fmt.Errorf("the page ended %d times right after its start: %w", short, err)
		}
		a.hubLog().Warn("the page has ended, and is started anew", "why", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(short) * 200 * time.Millisecond):
		}
	}
}

// startPage is the page's process from its beginning to its end. It is this very
// program, also when another one has taken its place since.
func (a *App) startPage(ctx context.Context, account *user.User, listener *os.File, args []string) error {
	cmd, err := a.pageProcess(ctx, account, listener, args, true)
	if err != nil {
		return err
	}
	err = cmd.Start()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
		// as in a container that may make no network of its own
		if cmd, err = a.pageProcess(ctx, account, listener, args, false); err == nil {
			err = cmd.Start()
		}
	}
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("the page's process: %w", err)
	}
	return fmt.Errorf("the page's process ended by itself")
}

// pageProcess prepares it. Alone, it gets a network with nothing in it: it has its
// listener, and the socket of the engine side is a file.
func (a *App) pageProcess(ctx context.Context, account *user.User, listener *os.File, args []string, alone bool) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{"hub", "page"}, args...)...)
	cmd.Args[0] = a.Exe
	cmd.Env = []string{"LANG=C.UTF-8", "TZ=" + a.Getenv("TZ")}
	if a.Getenv("TZ") == "" {
		cmd.Env = cmd.Env[:1]
	}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = a.Err, a.Err
	cmd.ExtraFiles = []*os.File{listener}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if os.Geteuid() == 0 {
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("cannot read the account of the page: %w", err)
		}
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("cannot read the group of the page: %w", err)
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if alone {
			cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
		}
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd, nil
}
