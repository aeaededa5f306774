package manage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/scope"
	"upkeep/internal/survey"
)

// OwnTool is how the vendor has the product's own upgrade tool upgraded, before
// an upgrade of the product is planned: what it brings counts in the plan.
type OwnTool struct {
	Title   string
	Command []string
	As      string // account; empty: that of whoever gives the command
	Within  time.Duration

	in  *Installation
	env []string
}

// errToolUpgraded says that the tool was upgraded: all is looked at anew.
var errToolUpgraded = errors.New("the product's own tool was upgraded")

// ownTool is that of the release; nil where its product has none.
func (in *Installation) ownTool(s *survey.Surveyor, target Release, facts plan.Facts) (*OwnTool, error) {
	step := target.Product.SelfUpgrade
	if step == nil {
		return nil, nil
	}
	r, err := s.Resolver(target.Product, in.Doc, facts)
	if err != nil {
		return nil, err
	}
	t := &OwnTool{in: in, env: r.Env, Within: step.Within}
	if t.Within == 0 {
		t.Within = carryWithin
	}
	if t.Command, err = r.Scope.ExpandAll(step.Args); err == nil {
		t.As, err = r.CommandAccount(step.As)
	}
	if err == nil && step.Title != "" {
		t.Title, err = r.Scope.Expand(step.Title)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell how the product's own tool is upgraded (%s): %w", step.Pos, err)
	}
	return t, nil
}

// note is what a plan says of the tool.
func (t *OwnTool) note() string {
	return fmt.Sprintf("upgrade has the product's own tool upgraded before it plans, outside of the run: %s, as %s", strings.Join(t.Command, " "), t.Account())
}

// Account is whose rights the command has.
func (t *OwnTool) Account() string {
	if t.As == "" {
		return t.in.Account
	}
	return t.As
}

// toolLog is where its upgrades are noted.
func (in *Installation) toolLog() string { return filepath.Join(in.State, "tool.log") }

// Upgrade runs the command, for the person by, under the installation's lock; it
// is refused while a run is open. What it writes goes to out. It is no part of a
// run: nothing takes it back.
func (t *OwnTool) Upgrade(ctx context.Context, by string, out io.Writer) error {
	in := t.in
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return fmt.Errorf("cannot make the state folder: %w", err)
	}
	l, err := in.exclusive(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	if err := in.quiet(ctx); err != nil {
		return err
	}
	what := strings.Join(t.Command, " ")
	in.note(in.toolLog(), by, what, "begun")
	as := t.As
	if as == in.Account {
		as = ""
	}
	env := append([]string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}, t.env...)
	_, err = in.runner.Run(ctx, scope.Command{OpID: fmt.Sprintf("tool/%d-%d", os.Getpid(), time.Now().UnixNano()), Args: t.Command, Env: env,
		Account: as, Deadline: t.Within, Output: out})
	if err != nil {
		in.note(in.toolLog(), by, what, "failed: "+err.Error())
		return fmt.Errorf("cannot upgrade the product's own tool, without which its vendor has nothing upgraded: %w; the product is as it was", err)
	}
	in.note(in.toolLog(), by, what, "done")
	return nil
}
