package host

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"upkeep/internal/lab"
)

// insideEnv is the environment of what is run inside: a plain one, nothing of
// the test's own.
func insideEnv() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh",
		"LANG=C.UTF-8", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive"}
}

// Cmd prepares a command inside, as root, in a cgroup beside the units. It
// sees the host's files, processes, network and services; it may do what root
// may in a real machine but for the kernel itself (its clock, its modules).
func (h *Host) Cmd(args ...string) *exec.Cmd {
	line := append(entering(h.sessionGroups()), "nsenter", "-t", strconv.Itoa(h.leader), "-m", "-u", "-i", "-n", "-p", "-C", "--",
		"/usr/bin/setpriv", "--bounding-set=-sys_time,-sys_module,-sys_rawio,-sys_pacct", "--")
	line = append(line, args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = insideEnv()
	cmd.Dir = "/"
	return cmd
}

// Run runs a command inside and gives what it said on both outputs, and its
// exit code. err is only set when it could not be run at all, or was killed.
func (h *Host) Run(args ...string) (out string, code int, err error) {
	if h.leader == 0 {
		return "", -1, fmt.Errorf("cannot run %s in %s: it is down", args[0], h.Name)
	}
	text, err := h.Cmd(args...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return string(text), exit.ExitCode(), nil
	}
	if err != nil {
		return string(text), -1, fmt.Errorf("cannot run %s in %s: %w", args[0], h.Name, err)
	}
	return string(text), 0, nil
}

// Must runs a command inside that has to succeed.
func (h *Host) Must(t testing.TB, args ...string) string {
	t.Helper()
	out, code, err := h.Run(args...)
	if err != nil || code != 0 {
		t.Fatalf("%s: %s: code %d, %v\n%s", h.Name, strings.Join(args, " "), code, err, out)
	}
	return out
}

// Start starts a command inside and does not wait for it.
func (h *Host) Start(args ...string) (*exec.Cmd, error) {
	if h.leader == 0 {
		return nil, fmt.Errorf("cannot start %s in %s: it is down", args[0], h.Name)
	}
	cmd := h.Cmd(args...)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s in %s: %w", args[0], h.Name, err)
	}
	return cmd, nil
}

// Path gives where a path of the host is seen from outside. Not for what the
// host itself mounts: /run, /tmp, /dev, /proc.
func (h *Host) Path(inside string) string { return filepath.Join(h.dir, "root", inside) }

// Put copies a file or the content of a folder to a path inside, with modes
// and owners, whether the host is up or not. Folders above are made.
func (h *Host) Put(t testing.TB, local, inside string) {
	t.Helper()
	if err := h.Copy(local, inside); err != nil {
		t.Fatal(err)
	}
}

// Copy is Put without a test.
func (h *Host) Copy(local, inside string) error {
	target, err := h.target(inside)
	if err != nil {
		return err
	}
	info, err := os.Stat(local)
	if err != nil {
		return fmt.Errorf("cannot put %s into %s: %w", local, h.Name, err)
	}
	args := []string{"-a", "--remove-destination", "--", local, target}
	if info.IsDir() {
		args = []string{"-a", "--", local + "/.", target + "/"}
		if err := os.MkdirAll(target, 0o755); err != nil {
			return fmt.Errorf("cannot put %s into %s: %w", local, h.Name, err)
		}
	}
	if out, err := exec.Command("cp", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot put %s into %s: %w\n%s", local, h.Name, err, bytes.TrimSpace(out))
	}
	return nil
}

// Write writes a file inside, whether the host is up or not. Folders above
// are made.
func (h *Host) Write(t testing.TB, inside, content string, mode fs.FileMode) {
	t.Helper()
	if err := h.write(inside, content, mode); err != nil {
		t.Fatal(err)
	}
}

func (h *Host) write(inside, content string, mode fs.FileMode) error {
	target, err := h.target(inside)
	if err != nil {
		return err
	}
	if err := os.WriteFile(target, []byte(content), mode); err != nil {
		return fmt.Errorf("cannot write %s in %s: %w", inside, h.Name, err)
	}
	return os.Chmod(target, mode) // whatever the umask
}

// target gives where to write a path of the host from outside, with the
// folders above it made. A link that leads out of the host is refused.
func (h *Host) target(inside string) (string, error) {
	if !strings.HasPrefix(inside, "/") {
		return "", fmt.Errorf("cannot put anything at %s: not an absolute path", inside)
	}
	root := filepath.Join(h.dir, "root")
	if h.leader != 0 {
		root = fmt.Sprintf("/proc/%d/root", h.leader) // with what is mounted inside
	}
	target := filepath.Join(root, inside)
	at := root
	for part := range strings.SplitSeq(strings.Trim(inside, "/"), "/") {
		at = filepath.Join(at, part)
		if link, err := os.Readlink(at); err == nil && strings.HasPrefix(link, "/") {
			return "", fmt.Errorf("cannot put anything at %s: %s is a link to %s; name that", inside, strings.TrimPrefix(at, root), link)
		}
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return "", fmt.Errorf("cannot make the folders above %s in %s: %w", inside, h.Name, err)
	}
	return target, nil
}

// Upkeep gives the path of an upkeep binary, static, built once in a test
// process (UPKEEP_BIN names another to take).
func Upkeep(t testing.TB) string {
	t.Helper()
	return lab.Build(t)
}
