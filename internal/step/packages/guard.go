package packages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// Guard is the verb guard. A policy-rc.d that answers 101 keeps invoke-rc.d
// and deb-systemd-invoke from starting services; masks that last until the next
// boot keep everything else from it. Both are put back as they were.
//
// Its last effect is the policy, in both directions: where that reads as
// wanted, everything else was done.
type Guard struct {
	run      child.Runner
	fs       durable.FS
	managers Managers
	root     string
}

var _ step.Handler = (*Guard)(nil)

// NewGuard makes the handler; root is where the machine's files lie, / but for
// tests.
func NewGuard(r child.Runner, m Managers, root string) *Guard {
	return &Guard{run: r, fs: r.FS, managers: m, root: root}
}

// The files that it changes, and the one under which the site's own policy is
// kept meanwhile.
const (
	policyFile = "usr/sbin/policy-rc.d"
	policyKept = "usr/sbin/.policy-rc.d.upkeep-kept"
	unitsDir   = "run/systemd/system"
	permanent  = "etc/systemd/system"
	nowhere    = "/dev/null"
)

// ours is the policy while packages are installed: 101 is "forbidden by
// policy" (invoke-rc.d's own protocol).
const ours = "#!/bin/sh\n# made by Upkeep while it installs packages; it is taken away again\nexit 101\n"

// guarded is the state from before.
type guarded struct {
	Policy  bool     `json:"policy"`          // the site had a policy of its own
	None    bool     `json:"none,omitempty"`  // there is nowhere to put one
	Systemd bool     `json:"systemd"`         // systemd runs the machine
	Units   []string `json:"units,omitempty"` // those to be masked; others were masked before, or are the site's own
	Idle    bool     `json:"idle,omitempty"`  // the guard that is to be ended was never put up
}

func (h *Guard) path(p string) string { return filepath.Join(h.root, p) }

// Prepare finds out what there was.
func (h *Guard) Prepare(_ context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.GuardParams](s)
	if err != nil {
		return nil, err
	}
	if p.Release != "" {
		raw, err := env.Recall(p.Release)
		if err != nil {
			return nil, fmt.Errorf("cannot tell what %s guarded: %w", p.Release, err)
		}
		if raw == nil {
			return json.Marshal(guarded{Idle: true})
		}
		return raw, nil
	}
	g := guarded{}
	if dir, err := there(h.fs, h.path(filepath.Dir(policyFile))); err != nil {
		return nil, err
	} else if g.None = !dir; dir {
		if g.Policy, err = there(h.fs, h.path(policyFile)); err != nil {
			return nil, err
		}
	}
	if g.Systemd, err = there(h.fs, h.path(unitsDir)); err != nil {
		return nil, err
	}
	for _, u := range p.Units {
		if !g.Systemd {
			break
		}
		if strings.ContainsRune(u, '/') || u == "" {
			return nil, fmt.Errorf("cannot guard the unit %q", u)
		}
		own, err := there(h.fs, h.path(filepath.Join(permanent, u)))
		if err != nil {
			return nil, err
		}
		masked, err := there(h.fs, h.path(filepath.Join(unitsDir, u)))
		if err != nil {
			return nil, err
		}
		if !own && !masked {
			g.Units = append(g.Units, u)
		}
	}
	return json.Marshal(g)
}

func (h *Guard) open(s plan.Step, raw step.Memo) (g guarded, ends bool, err error) {
	p, err := step.Params[plan.GuardParams](s)
	if err != nil {
		return g, false, err
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		return g, false, fmt.Errorf("cannot read the memo of step %s: %w", s.ID, err)
	}
	return g, p.Release != "", nil
}

// Do implements step.Handler.
func (h *Guard) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	g, ends, err := h.open(s, raw)
	if err != nil || g.Idle {
		return err
	}
	if ends {
		return h.lift(ctx, env, s, g)
	}
	if err := h.quiet(ctx, env, s); err != nil {
		return err
	}
	return h.putUp(ctx, env, s, g)
}

// quiet waits until nobody is at work on packages: the restore point that
// follows must not be of the middle of somebody else's work.
func (h *Guard) quiet(ctx context.Context, env step.Env, s plan.Step) error {
	p, err := step.Params[plan.GuardParams](s)
	if err != nil || p.Manager == "" {
		return err
	}
	m, err := h.managers(p.Manager, exec(h.run, env, s))
	if err != nil {
		return err
	}
	return free(ctx, env, m, p.Wait)
}

// Undo implements step.Handler.
func (h *Guard) Undo(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	g, ends, err := h.open(s, raw)
	if err != nil || g.Idle {
		return err
	}
	if ends {
		return h.putUp(ctx, env, s, g)
	}
	return h.lift(ctx, env, s, g)
}

// putUp masks, and then forbids.
func (h *Guard) putUp(ctx context.Context, env step.Env, s plan.Step, g guarded) error {
	for _, u := range g.Units {
		at := h.path(filepath.Join(unitsDir, u))
		if masked, err := there(h.fs, at); err != nil {
			return err
		} else if masked {
			continue
		}
		if err := h.fs.Symlink(nowhere, at); err != nil {
			return err
		}
	}
	if len(g.Units) > 0 {
		if err := h.reload(ctx, env, s, g); err != nil {
			return err
		}
	}
	if g.None {
		return nil
	}
	mine, err := h.mine()
	if err != nil || mine {
		return err
	}
	if g.Policy {
		if kept, err := there(h.fs, h.path(policyKept)); err != nil {
			return err
		} else if !kept {
			if err := h.fs.Link(h.path(policyFile), h.path(policyKept)); err != nil {
				return err
			}
		}
	}
	return h.fs.WriteFile(h.path(policyFile), []byte(ours), 0o755)
}

// lift takes the masks away, and gives the site its policy back. Where there was
// no mask, packages have told systemd what they changed, and who starts a unit
// sees whether it has to be read anew: that takes long where units are many, and
// users wait.
func (h *Guard) lift(ctx context.Context, env step.Env, s plan.Step, g guarded) error {
	for _, u := range g.Units {
		at := h.path(filepath.Join(unitsDir, u))
		if mask, err := h.isMask(at); err != nil {
			return err
		} else if !mask {
			continue
		}
		if err := h.fs.Remove(at); err != nil {
			return err
		}
	}
	if len(g.Units) > 0 {
		if err := h.reload(ctx, env, s, g); err != nil {
			return err
		}
	}
	if g.None {
		return nil
	}
	mine, err := h.mine()
	if err != nil {
		return err
	}
	kept, err := there(h.fs, h.path(policyKept))
	if err != nil {
		return err
	}
	switch {
	case mine && kept:
		return h.fs.Replace(h.path(policyKept), h.path(policyFile))
	case mine && g.Policy:
		return &step.UserError{Msg: fmt.Sprintf("the site's own %s was kept as %s, and is gone", h.path(policyFile), h.path(policyKept)), Now: "put it back by hand, then: upkeep resume"}
	case mine:
		return h.fs.Remove(h.path(policyFile))
	case kept: // killed before ours was written: both are the site's
		return h.fs.Remove(h.path(policyKept))
	}
	return nil
}

func (h *Guard) isMask(at string) (bool, error) {
	i, err := h.fs.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil || !i.IsLink() {
		return false, err
	}
	target, err := h.fs.Readlink(at)
	return target == nowhere, err
}

// mine says whether the policy is that of Upkeep.
func (h *Guard) mine() (bool, error) {
	i, err := h.fs.Lstat(h.path(policyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil || !i.IsRegular() {
		return false, err
	}
	text, err := h.fs.ReadFile(h.path(policyFile))
	return bytes.Equal(text, []byte(ours)), err
}

// reload lets systemd read all units again, also those that a restore has put
// back.
func (h *Guard) reload(ctx context.Context, env step.Env, s plan.Step, g guarded) error {
	if !g.Systemd {
		return nil
	}
	_, err := h.run.Run(ctx, env, s, child.Call{RunParams: plan.RunParams{Args: []string{"systemctl", "daemon-reload"}, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}}})
	return err
}

// Observe implements step.Handler.
func (h *Guard) Observe(_ context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	g, ends, err := h.open(s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	before, after := step.Old, step.New
	if ends {
		before, after = step.New, step.Old
	}
	if g.Idle || g.None && len(g.Units) == 0 {
		if env.Direction == step.Back {
			return step.Observation{State: step.Old, Evidence: "there is nothing to guard"}, nil
		}
		return step.Observation{State: step.New, Evidence: "there is nothing to guard"}, nil
	}
	masked := 0
	for _, u := range g.Units {
		mask, err := h.isMask(h.path(filepath.Join(unitsDir, u)))
		if err != nil {
			return step.Observation{}, err
		}
		if mask {
			masked++
		}
	}
	mine, err := h.mine()
	if err != nil {
		return step.Observation{}, err
	}
	kept, err := there(h.fs, h.path(policyKept))
	if err != nil {
		return step.Observation{}, err
	}
	say := fmt.Sprintf("%d of %d units masked, policy-rc.d forbids: %v", masked, len(g.Units), mine)
	switch {
	case masked == len(g.Units) && (g.None || mine && kept == g.Policy):
		return step.Observation{State: after, Evidence: say}, nil
	case masked == 0 && !mine && !kept:
		return step.Observation{State: before, Evidence: say}, nil
	}
	return step.Observation{State: step.Mixed, Evidence: say}, nil
}
