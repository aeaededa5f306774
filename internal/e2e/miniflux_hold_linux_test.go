package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// holdMigration makes the migration wait half way, by a lock that reads and
// dumps do not mind, until the function that it gives is called.
func (s *miniSite) holdMigration() (release func()) {
	s.t.Helper()
	return s.lock("integrations", "ACCESS SHARE")
}

// lockVersion lets nobody read the version of the data, or dump them, until the
// function that it gives is called.
func (s *miniSite) lockVersion() (release func()) {
	s.t.Helper()
	return s.lock("schema_version", "ACCESS EXCLUSIVE")
}

func (s *miniSite) lock(table, mode string) (release func()) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, s.PG.DSN(s.DB))
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := c.Exec(ctx, "BEGIN; LOCK TABLE "+table+" IN "+mode+" MODE"); err != nil {
		s.t.Fatal(err)
	}
	release = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = c.Close(ctx) // a way back has ended the session already
	}
	s.t.Cleanup(release)
	return release
}

// awaitMigration waits until the migration waits for the lock, some of its
// steps done.
func (s *miniSite) awaitMigration() {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		n, err := s.PG.Psql(context.Background(), "postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = '"+s.DB+"' AND wait_event_type = 'Lock' AND query ILIKE '%alter table%'")
		if err != nil {
			s.t.Fatal(err)
		}
		if n != "0" {
			if v, err := s.SchemaVersion(context.Background()); err != nil || v <= s.m.oldSchema || v >= s.m.newSchema {
				s.t.Fatalf("the migration waits at schema %d, %v: not half way", v, err)
			}
			return
		}
	}
	s.t.Fatalf("the migration did not come to wait\n%s", s.runLog())
}

// start gives a command of Upkeep that runs on, with what it writes.
func (s *miniSite) start(args ...string) (*exec.Cmd, *bytes.Buffer) {
	s.t.Helper()
	cmd := s.command(args...)
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return cmd, out
}

// terminal is a pseudo-terminal with a session of its own, as sshd gives one
// to a person.
type terminal struct {
	master *os.File
	cmd    *exec.Cmd
	text   chan string // all that was shown, once it has ended
}

// inTerminal starts a command in a terminal.
func (s *miniSite) inTerminal(args ...string) *terminal {
	s.t.Helper()
	return inTerminal(s.t, s.command(args...))
}

func inTerminal(t testing.TB, cmd *exec.Cmd) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_CLOEXEC|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100}); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	term := &terminal{master: master, cmd: cmd, text: make(chan string, 1)}
	// As a login has it, also where the tests run under nohup.
	env, err := exec.LookPath("env")
	if err != nil {
		t.Fatal(err)
	}
	term.cmd.Path, term.cmd.Args = env, append([]string{"env", "--default-signal=HUP"}, term.cmd.Args...)
	term.cmd.Env = append(term.cmd.Env, "TERM=xterm-256color")
	term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = slave, slave, slave
	term.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		var b bytes.Buffer
		_, _ = io.Copy(&b, master) // ends with an error when the last program has gone
		term.text <- b.String()
	}()
	t.Cleanup(func() { master.Close() })
	return term
}

// typed gives keys to the program.
func (term *terminal) typed(t testing.TB, keys string) {
	t.Helper()
	if _, err := io.WriteString(term.master, keys); err != nil {
		t.Fatal(err)
	}
}

// hangUp is what a lost connection does: the terminal goes, and the kernel
// tells its session by SIGHUP.
func (term *terminal) hangUp(t testing.TB) {
	t.Helper()
	if err := term.master.Close(); err != nil {
		t.Fatal(err)
	}
}

// ended waits for the program's end and gives its exit code; -1 when a signal
// ended it.
func (term *terminal) ended(t testing.TB) int {
	t.Helper()
	timer := time.AfterFunc(30*time.Second, func() { term.cmd.Process.Kill() })
	_ = term.cmd.Wait() // the code says how
	if !timer.Stop() {
		t.Fatal("the program did not end with its terminal")
	}
	return term.cmd.ProcessState.ExitCode()
}

// goneOrKilled waits until a process has ended.
func goneOrKilled(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	timer := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	_ = cmd.Wait() // its code is not what this is about
	if !timer.Stop() {
		t.Error("the program did not end when it was told to")
	}
}

// sameEngine fails the test unless that process still carries the run on.
func (s *miniSite) sameEngine(pid int) {
	s.t.Helper()
	if got := s.enginePID(); got != pid || pid == 0 {
		s.t.Errorf("the engine was process %d and is %d", pid, got)
	}
	// it stands outside of every terminal: a session of its own
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		s.t.Error(err)
		return
	}
	after := string(text)
	f := strings.Fields(after[strings.LastIndexByte(after, ')')+1:])
	if len(f) < 5 || f[3] != strconv.Itoa(pid) || f[4] != "0" {
		s.t.Errorf("the engine has not a session of its own without a terminal: %v", f)
	}
}
