package selfupgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Times within which a program answers.
const (
	VersionWithin = 20 * time.Second
	CheckWithin   = 3 * time.Minute // every journal of this computer is read
)

// Checked is what the command self-check prints: the contract between an
// Upkeep and the next one. Fields are only ever added.
type Checked struct {
	Version  string   `json:"version"`
	Journals int      `json:"journals"` // that it could open
	Problems []string `json:"problems"`
}

// Run asks the program at a path by running it. States are the folders of state
// that it must be able to go on with.
func Run(states []string) Asker {
	return func(ctx context.Context, path string) (Answer, error) {
		var v struct {
			Version string `json:"version"`
		}
		if err := answer(ctx, VersionWithin, &v, path, "version", "--format", "json"); err != nil {
			return Answer{}, err
		}
		a := Answer{Version: v.Version}
		if v.Version == "" {
			return a, errors.New("it does not say its version")
		}
		var c Checked
		if err := answer(ctx, CheckWithin, &c, append([]string{path, "self-check", "--format", "json", "--"}, states...)...); err != nil {
			return a, err
		}
		if c.Version != v.Version {
			return a, fmt.Errorf("it says %s, and then %q", v.Version, c.Version)
		}
		if c.Problems == nil {
			return a, errors.New("it does not say whether it can go on with what there is")
		}
		a.Problems = c.Problems
		return a, nil
	}
}

// answer runs a command and reads the JSON that it prints.
func answer(ctx context.Context, within time.Duration, v any, args ...string) error {
	timed, stop := context.WithTimeout(ctx, within)
	defer stop()
	cmd := exec.CommandContext(timed, args[0], args[1:]...)
	cmd.Dir, cmd.WaitDelay = "/", time.Second
	// nothing that says which installation, or from where, this command is about
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir()}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &bounded{&out, 1 << 20}, &bounded{&errs, 4 << 10}
	err := cmd.Run()
	what := strings.Join(args[:min(len(args), 2)], " ")
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case timed.Err() != nil:
		return fmt.Errorf("%s did not answer within %s", what, within)
	case err != nil:
		if said := strings.TrimSpace(errs.String()); said != "" {
			return fmt.Errorf("%s failed: %w: %s", what, err, said)
		}
		return fmt.Errorf("%s failed: %w", what, err)
	}
	if err := json.Unmarshal(out.Bytes(), v); err != nil {
		return fmt.Errorf("%s does not answer as an Upkeep does: %w", what, err)
	}
	return nil
}

// bounded keeps the beginning of what is written.
type bounded struct {
	to   *bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.to.Write(p[:n])
	b.left -= n
	return len(p), nil
}
