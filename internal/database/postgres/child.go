package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// child is a client program whose two ends of text are in our hands. Its
// parent's death ends it: its input ends or its output breaks, and the server
// then throws the open transaction away.
type child struct {
	cmd    *exec.Cmd
	stderr tail
}

// program prepares one; nothing is inherited from our environment.
func program(ctx context.Context, path string, env []string, args ...string) *child {
	c := &child{cmd: exec.CommandContext(ctx, path, args...)}
	c.cmd.Env = env
	c.cmd.Dir = os.TempDir()
	c.cmd.Stderr = &c.stderr
	c.cmd.WaitDelay = 5 * time.Second
	return c
}

// wait gives nil only for exit status 0.
func (c *child) wait() error { return c.explain(c.cmd.Wait()) }

func (c *child) explain(err error) error {
	if err == nil {
		return nil
	}
	name := filepath.Base(c.cmd.Path)
	said := c.stderr.String()
	var exit *exec.ExitError
	if !errors.As(err, &exit) && said == "" {
		return fmt.Errorf("%s: %w", name, err)
	}
	text := fmt.Sprintf("%s failed (%v)", name, err)
	if said != "" {
		text += ": " + said
	}
	if kind := fromTool(said); kind != nil {
		return fmt.Errorf("%w: %s", kind, text)
	}
	return errors.New(text)
}

// tail keeps the first and the last part of what a program writes to its
// standard error: the cause is at one of the two ends.
type tail struct {
	head, last []byte
	cut        int
}

const tailLimit = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if room := tailLimit - len(t.head); room > 0 {
		take := min(room, len(p))
		t.head = append(t.head, p[:take]...)
		p = p[take:]
	}
	t.last = append(t.last, p...)
	if over := len(t.last) - tailLimit; over > 0 {
		t.cut += over
		t.last = append([]byte(nil), t.last[over:]...)
	}
	return n, nil
}

func (t *tail) String() string {
	s := string(t.head)
	if t.cut > 0 {
		s += fmt.Sprintf(" … %d bytes left out … ", t.cut)
	}
	s = strings.TrimSpace(s + string(t.last))
	return strings.Join(strings.Fields(s), " ")
}
