package restic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"upkeep/internal/backup"
)

// Oldest is the first version of restic that will do: older ones lack --sparse,
// keep no sums of what they upload, or have other exit codes.
const Oldest = "0.18.0"

// The exit codes of restic (since 0.17).
const (
	exitIncomplete = 3
	exitMissing    = 10
	exitLocked     = 11
	exitPassword   = 12
)

// call is one run of restic.
type call struct {
	args   []string
	dir    string                // working directory
	stdin  *os.File              // closed by the caller, after the end
	stdout func([]byte)          // hears of each line; nil: lines are kept
	raw    func(io.Reader) error // reads the output instead
	writes bool
	warned *string // what restic said though it ended well; nil: nobody cares
	live   bool    // a source that cannot be read any more is no error
}

// failure is what restic said when it ended badly.
type failure struct {
	command string
	code    int
	said    string
}

func (f *failure) Error() string {
	if f.said == "" {
		return fmt.Sprintf("restic %s ended with exit code %d", f.command, f.code)
	}
	return fmt.Sprintf("restic %s: %s", f.command, f.said)
}

func code(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return 0
}

type paceKey struct{}

// paced has restic keep to the limit: while users work, and never in an outage.
func paced(ctx context.Context) context.Context { return context.WithValue(ctx, paceKey{}, true) }

// find looks for the program, and refuses one that is too old.
func (e *Engine) find(ctx context.Context) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.program != "" {
		return e.program, nil
	}
	path, version, err := Program(ctx, e.Program)
	if err != nil {
		return "", err
	}
	if !enough(version) {
		return "", &backup.PlaceError{Msg: fmt.Sprintf("%s is restic %s, and at least %s is needed: older ones cannot keep holes of files, and do not tell their errors apart", path, version, Oldest),
			Now: "install a newer one beside it and name it under backup: {program: PATH}; docs/how-to/operators.md says how"}
	}
	e.program = path
	return path, nil
}

// Version gives the program and its version, once it will do.
func (e *Engine) Version(ctx context.Context) (path, version string, err error) {
	if path, err = e.find(ctx); err != nil {
		return "", "", err
	}
	return Program(ctx, path)
}

// Program finds restic, at a path or by PATH, and reads its version.
func Program(ctx context.Context, at string) (path, version string, err error) {
	if at == "" {
		at = "restic"
	}
	path, err = exec.LookPath(at)
	if err != nil {
		return "", "", &backup.PlaceError{Msg: fmt.Sprintf("the program %s that keeps the restore points is not there", at), Err: err,
			Now: "install restic " + Oldest + " or newer, or name it under backup: {program: PATH}; docs/how-to/operators.md says how"}
	}
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, path, "version")
	cmd.Env = []string{}
	out, err := cmd.Output()
	words := strings.Fields(string(out))
	if err != nil || len(words) < 2 || words[0] != "restic" {
		return "", "", &backup.PlaceError{Msg: fmt.Sprintf("%s does not tell a version as restic does: %.80q", path, out), Err: err, Now: "name the right program under backup: {program: PATH}"}
	}
	return path, words[1], nil
}

// enough compares versions of three numbers; what comes after them (-dev) counts
// for nothing.
func enough(version string) bool {
	have, want := numbers(version), numbers(Oldest)
	for i := range want {
		if have[i] != want[i] {
			return have[i] > want[i]
		}
	}
	return true
}

func numbers(version string) (out [3]int) {
	for i, text := range strings.SplitN(version, ".", len(out)) {
		end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 {
			end = len(text)
		}
		out[i], _ = strconv.Atoi(text[:end]) // none is 0: older than any
	}
	return out
}

// run runs restic once; where a lock of a process that died stands in the way,
// it is taken away, and restic runs again.
func (e *Engine) run(ctx context.Context, c call) ([]byte, error) {
	if e.before != nil {
		if err := e.before(c.writes); err != nil {
			return nil, err
		}
	}
	out, err := e.once(ctx, c)
	if code(err) == exitLocked && c.stdin == nil {
		if cleared, lockErr := e.unlock(ctx); lockErr != nil || !cleared {
			return nil, errors.Join(e.explain(err), lockErr)
		}
		out, err = e.once(ctx, c)
	}
	return out, e.explain(err)
}

func (e *Engine) once(ctx context.Context, c call) ([]byte, error) {
	var env []string
	if e.Environment != nil {
		var err error
		if env, err = e.Environment(ctx); err != nil {
			return nil, err
		}
	}
	program, err := e.find(ctx)
	if err != nil {
		return nil, err
	}
	if c.writes && e.local() {
		if err := writable(e.Repository); err != nil {
			return nil, &failure{command: c.args[0], code: 1, said: fmt.Sprintf("%s: %v", e.Repository, err)}
		}
	}
	password, err := e.Password(ctx)
	if err != nil {
		return nil, err
	}
	args := append([]string{"--repo", e.Repository, "--retry-lock", e.lockWait.String()}, e.cache()...)
	if e.Limit > 0 && ctx.Value(paceKey{}) != nil {
		limit := strconv.FormatInt(max(1, e.Limit>>10), 10)
		args = append(args, "--limit-upload", limit, "--limit-download", limit)
	}
	cmd := exec.CommandContext(ctx, program, append(args, c.args...)...)
	cmd.Dir, cmd.Env = c.dir, env
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	if c.stdin != nil {
		cmd.Stdin = c.stdin
	}
	const patience = 5 * time.Second // to take its lock away
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, patience
	hand, err := secret(cmd, password)
	if err != nil {
		return nil, err
	}
	defer hand.Close()
	said := &messages{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var kept []byte
	var readErr error
	err = together(cmd, func() {
		switch {
		case c.raw != nil:
			readErr = c.raw(out)
			_, _ = io.Copy(io.Discard, out) // restic must not be held up; what counts is how it ends
		case c.stdout != nil:
			readErr = lines(out, c.stdout)
		default:
			kept, readErr = io.ReadAll(out)
		}
	})
	if cause := context.Cause(ctx); cause != nil {
		if text := said.text(); text != "" {
			cause = fmt.Errorf("%w; restic said: %s", cause, text)
		}
		return nil, cause
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		if exit.ExitCode() == exitIncomplete && c.live {
			break
		}
		return nil, &failure{command: c.args[0], code: exit.ExitCode(), said: said.text()}
	case err != nil:
		return nil, fmt.Errorf("restic %s: %w", c.args[0], err)
	}
	if c.warned != nil {
		*c.warned = said.text()
	}
	return kept, readErr
}

// cache gives the options: a folder needs none, and one would hide damage.
func (e *Engine) cache() []string {
	if e.local() {
		return []string{"--no-cache"}
	}
	return []string{"--cache-dir", e.path("cache")}
}

// explain tells what a person can mend.
func (e *Engine) explain(err error) error {
	var f *failure
	if !errors.As(err, &f) {
		return err
	}
	place := "the restic repository " + Shown(e.Repository)
	switch {
	case f.code == exitMissing:
		return &backup.PlaceError{Msg: place + " is not there", Err: err, Now: "is its volume mounted, and the address right?"}
	case f.code == exitPassword:
		return &backup.PlaceError{Msg: "the password does not open " + place, Err: err, Now: "backup: {password: …} must refer to the one with which the repository was made"}
	case f.code == exitLocked:
		return &backup.PlaceError{Msg: place + " is locked by another restic", Err: err, Now: "wait until it has ended. Where that computer died meanwhile, take the lock away on it, or with restic unlock"}
	}
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EROFS, syscall.EACCES, syscall.EDQUOT} {
		if strings.Contains(f.said, errno.Error()) {
			return &backup.PlaceError{Msg: place + " cannot be used", Err: fmt.Errorf("%w: %w", errno, err), Now: map[syscall.Errno]string{
				syscall.ENOSPC: "make room there, or name another place under backup: in the installation document",
				syscall.EDQUOT: "make room there, or name another place under backup: in the installation document",
				syscall.EROFS:  "mount it writable, or name another place under backup: in the installation document",
				syscall.EACCES: "let the account that runs Upkeep write there",
			}[errno]}
		}
	}
	return err
}

// Shown is a repository's address without a password that stands in it.
func Shown(repository string) string {
	scheme, rest, ok := strings.Cut(repository, "://")
	if !ok {
		return repository
	}
	host, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		if user, _, hidden := strings.Cut(host[:at], ":"); hidden {
			host = user + ":…" + host[at:]
		}
	}
	return scheme + "://" + host + "/" + path
}

// messages takes what restic writes to its standard error, some of it as JSON,
// and keeps the last few things that it said.
type messages struct {
	rest bytes.Buffer
	list []string
}

const (
	messagesKept  = 8
	messageLength = 1000
)

func (m *messages) Write(p []byte) (int, error) {
	m.rest.Write(p)
	for {
		line, err := m.rest.ReadString('\n')
		if err != nil {
			m.rest.Reset()
			m.rest.WriteString(line)
			if m.rest.Len() > 1<<16 {
				m.take()
			}
			return len(p), nil
		}
		m.add(line)
	}
}

func (m *messages) take() {
	m.add(m.rest.String())
	m.rest.Reset()
}

func (m *messages) add(line string) {
	var v struct {
		Message string `json:"message"`
		Error   struct {
			Message string `json:"message"`
		} `json:"error"`
		Item string `json:"item"`
	}
	line = strings.TrimSpace(line)
	if json.Unmarshal([]byte(line), &v) == nil {
		line = strings.TrimSpace(v.Message + v.Error.Message)
		if v.Item != "" {
			line = v.Item + ": " + line
		}
	}
	if line == "" {
		return
	}
	m.list = append(m.list, strings.ReplaceAll(line[:min(len(line), messageLength)], "\n", "; "))
	if len(m.list) > messagesKept {
		m.list = append(m.list[:1], m.list[2:]...) // the cause is at one of the two ends
	}
}

func (m *messages) text() string {
	m.take()
	return strings.Join(m.list, "; ")
}

// lines hands each line of the output on.
func lines(r io.Reader, to func([]byte)) error {
	d := json.NewDecoder(r)
	for {
		var raw json.RawMessage
		if err := d.Decode(&raw); err == io.EOF {
			return nil
		} else if err != nil {
			_, _ = io.Copy(io.Discard, r) // so that restic can end
			return fmt.Errorf("cannot read what restic says: %w", err)
		}
		to(raw)
	}
}
