// Package packages holds the verbs for software that the machine's package
// manager installs: fetch puts the package files at hand while the product
// runs, guard keeps what is installed from starting anything, packages
// installs.
//
// What scripts of packages do cannot be taken back by other scripts of them.
// So installing is taken back by the restore point, which holds everything that
// the packages can touch: fetch writes down what that is.
//
// It may import the model, internal/step, internal/step/run/child,
// internal/packages, internal/durable, internal/files and internal/scope.
package packages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/packages"
	"upkeep/internal/plan"
	"upkeep/internal/scope"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// Managers gives the package manager of that kind, whose commands exec runs.
type Managers func(kind string, exec packages.Exec) (packages.Manager, error)

// exec runs a manager's commands for a step: what changes something is a child
// of the step, ended with it and logged; what only reads is none.
func exec(r child.Runner, env step.Env, s plan.Step) packages.Exec {
	return func(ctx context.Context, c packages.Command) error {
		if c.Stdout == nil {
			_, err := r.Run(ctx, env, s, child.Call{RunParams: plan.RunParams{Args: c.Args, Env: c.Env, Dir: c.Dir, OutputMax: 8 << 20}})
			return err
		}
		within := s.Deadline
		if end, ok := ctx.Deadline(); ok {
			within = time.Until(end)
		}
		_, err := r.Commands.Run(ctx, scope.Command{OpID: env.OpID + "/read", Args: c.Args, Env: c.Env, Dir: c.Dir, Stdout: c.Stdout, Deadline: max(within, time.Millisecond)})
		return err
	}
}

// Install is the verb packages.
type Install struct {
	run      child.Runner
	managers Managers
	files    durable.Reader
}

var _ step.Handler = (*Install)(nil)

// NewInstall makes the handler.
func NewInstall(r child.Runner, m Managers) *Install {
	return &Install{run: r, managers: m, files: r.FS}
}

// open gives the parameters and the manager.
func (h *Install) open(env step.Env, s plan.Step) (*plan.PackageParams, packages.Manager, error) {
	p, err := step.Params[plan.PackageParams](s)
	if err != nil {
		return nil, nil, err
	}
	m, err := h.managers(p.Manager, exec(h.run, env, s))
	return p, m, err
}

// Prepare sees that the packages are still those that the plan was made for.
func (h *Install) Prepare(ctx context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, m, err := h.open(env, s)
	if err != nil {
		return nil, err
	}
	now, err := versions(ctx, m, p)
	if err != nil {
		return nil, err
	}
	for _, c := range p.Changes {
		if got := now[c.Name]; got.Version != c.From && got.Version != c.To {
			return nil, &step.UserError{Msg: fmt.Sprintf("package %s is %s now, and the plan was made for %s", c.Name, orNone(got.Version), orNone(c.From)), Now: "somebody else has changed it: go back, and make a new plan"}
		}
	}
	was := before{}
	var there []string
	for _, c := range p.Changes {
		switch {
		case now[c.Name].Version != "":
			there = append(there, c.Name)
		case c.Needed:
			was.Automatic = append(was.Automatic, c.Name) // it comes because others need it
		}
	}
	auto, err := m.Automatic(ctx, there...)
	if err != nil {
		return nil, h.short(err)
	}
	was.Automatic = append(was.Automatic, auto...)
	return json.Marshal(was)
}

// before is what there was before.
type before struct {
	Automatic []string `json:"automatic,omitempty"` // packages that are there only because others need them
}

func orNone(version string) string {
	if version == "" {
		return "not installed"
	}
	return version
}

// versions are the installed packages of the plan, by name.
func versions(ctx context.Context, m packages.Manager, p *plan.PackageParams) (map[string]packages.Package, error) {
	var names []string
	for _, c := range p.Changes {
		names = append(names, c.Name)
	}
	out := map[string]packages.Package{}
	if len(names) == 0 {
		return out, nil
	}
	list, err := m.Installed(ctx, names...)
	for _, i := range list {
		out[i.Name] = i
	}
	return out, err
}

// Do waits for the package manager, installs, and reads back.
func (h *Install) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	p, m, err := h.open(env, s)
	if err != nil {
		return err
	}
	was := before{}
	if err := json.Unmarshal(raw, &was); err != nil {
		return fmt.Errorf("cannot read the memo of step %s: %w", s.ID, err)
	}
	if o, err := h.look(ctx, m, p); err != nil || o.State == step.New {
		if err == nil {
			h.edits(env, p)
		}
		return err
	}
	files, err := h.listed(env.Expand(p.Staging))
	if err != nil {
		return err
	}
	if err := free(ctx, env, m, p.Wait); err != nil {
		return err
	}
	err = m.Install(ctx, files, packages.Options{Policy: packages.Policy(p.Policy), Wait: p.Wait, Automatic: was.Automatic})
	if err != nil {
		return h.failed(ctx, env, m, err)
	}
	o, err := h.look(ctx, m, p)
	if err == nil && o.State != step.New {
		err = &step.UserError{Msg: "the package manager says that all went well, but " + o.Evidence, Now: "look at the run's log"}
	}
	if err == nil {
		h.edits(env, p)
	}
	return err
}

// failed adds what state the packages were left in; the way back mends it.
func (h *Install) failed(ctx context.Context, env step.Env, m packages.Manager, err error) error {
	if broken, berr := m.Broken(context.WithoutCancel(ctx)); berr == nil && len(broken) > 0 {
		child.Log(env, "not installed whole: %s", strings.Join(broken, "; "))
	}
	return h.short(err)
}

// short says that there is hardly any space left, where that is so: package
// managers blame many other things.
func (h *Install) short(err error) error {
	const records, little = "/var/lib", 32 << 20
	v, ferr := h.run.FS.Free(records)
	if ferr != nil || v.Free >= little {
		return err
	}
	return &step.UserError{Msg: "there is hardly any space left on the volume of " + records, Err: err, Now: "make room, and start the upgrade again"}
}

// free waits for the lock of the package manager.
func free(ctx context.Context, env step.Env, m packages.Manager, most time.Duration) error {
	err := packages.WaitFree(ctx, m, most, func(line string) {
		child.Log(env, "%s", line)
		child.Progress(env, step.Progress{Line: line})
	})
	if errors.Is(err, packages.ErrLocked) {
		return &step.UserError{Msg: "cannot install packages", Err: err, Now: "let it end, or give it more time with limits: {package-lock: 30m} in the installation document"}
	}
	return err
}

// Undo leaves the packages to the restore point, once nobody is at work on
// them.
func (h *Install) Undo(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	p, m, err := h.open(env, s)
	if err != nil {
		return err
	}
	return free(ctx, env, m, p.Wait)
}

// Observe reads the versions back.
func (h *Install) Observe(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) (step.Observation, error) {
	if env.Direction == step.Back {
		return step.Observation{State: step.Old, Evidence: "the restore point brings the packages back"}, nil
	}
	p, m, err := h.open(env, s)
	if err != nil {
		return step.Observation{}, err
	}
	return h.look(ctx, m, p)
}

// look compares what is installed with the plan.
func (h *Install) look(ctx context.Context, m packages.Manager, p *plan.PackageParams) (step.Observation, error) {
	now, err := versions(ctx, m, p)
	if err != nil {
		return step.Observation{}, err
	}
	var old, done []string
	for _, c := range p.Changes {
		switch got := now[c.Name]; {
		case got.Version == c.To && got.Whole:
			done = append(done, c.Name)
		case got.Version == c.From && (got.Whole || c.From == ""):
			old = append(old, fmt.Sprintf("%s is %s, not %s", c.Name, orNone(got.Version), c.To))
		case got.Version == "":
			return step.Observation{State: step.Mixed, Evidence: c.Name + " is not installed"}, nil
		default:
			return step.Observation{State: step.Mixed, Evidence: fmt.Sprintf("%s %s is %s", c.Name, got.Version, got.State)}, nil
		}
	}
	switch {
	case len(old) == 0:
		return step.Observation{State: step.New, Evidence: fmt.Sprintf("%d packages have the versions of the plan", len(done))}, nil
	case len(done) == 0:
		return step.Observation{State: step.Old, Evidence: old[0]}, nil
	}
	return step.Observation{State: step.Mixed, Evidence: fmt.Sprintf("%d of %d packages have the versions of the plan: %s", len(done), len(p.Changes), old[0])}, nil
}

// listed gives the package files of the staging folder.
func (h *Install) listed(dir string) ([]string, error) {
	list, err := h.files.ReadDir(dir)
	if err != nil {
		return nil, &step.UserError{Msg: "the packages that were fetched are gone", Err: err, Now: "go back, and start the upgrade again"}
	}
	return packageFiles(dir, list), nil
}

// kinds are the endings of package files.
func kinds() []string { return []string{".deb", ".rpm", ".msi"} }

func isPackage(name string) bool {
	return slices.ContainsFunc(kinds(), func(k string) bool { return strings.HasSuffix(name, k) })
}
