package plan

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"upkeep/internal/manifest"
)

// toolFile stands for the file that a vendor's tool writes or reads until it runs.
const toolFile = "{backup.file}"

// defaultToolTime bounds a vendor's tool that says no limit of its own.
const defaultToolTime = time.Hour

// backupOf gives the backup that the vendor declares for a component.
func (r *Resolver) backupOf(component string) (string, manifest.Backup, bool) {
	for _, id := range slices.Sorted(maps.Keys(r.Product.Backups)) {
		if k := r.Product.Backups[id]; k.Make != nil && slices.Contains(k.Of, ComponentOf(component)) {
			return id, k, true
		}
	}
	return "", manifest.Backup{}, false
}

// Told says that a person backs the component up.
func (r *Resolver) Told(component string) bool {
	_, k, ok := r.backupOf(component)
	return ok && k.Make.Verb == "tell"
}

// tool gives the vendor's own tool for a component; nil where there is none.
func (r *Resolver) tool(component string, c manifest.Component) (*Tool, error) {
	id, k, ok := r.backupOf(component)
	if ok && k.Make.Verb == "tell" {
		return nil, nil
	}
	if !ok && c.Kind == "command" {
		return nil, fmt.Errorf("component %s at %s is of kind command, and nothing says how it is backed up: add backups: {NAME: {of: [%s], make: {run: […]}, restore: {run: […]}}}", component, c.Pos, component)
	}
	if !ok {
		return nil, nil
	}
	fail := func(err error) (*Tool, error) { return nil, fmt.Errorf("backup %s at %s: %w", id, k.Pos, err) }
	if len(k.Of) > 1 {
		return fail(fmt.Errorf("a tool that runs backs up one component: write one backup for each of its %d", len(k.Of)))
	}
	t := &Tool{Env: r.Env}
	var err error
	if t.Make, err = r.toolCall(*k.Make); err != nil {
		return fail(fmt.Errorf("make: %w", err))
	}
	if t.Restore, err = r.toolCall(*k.Restore); err != nil {
		return fail(fmt.Errorf("restore: %w", err))
	}
	if c.Kind == "command" && c.Version != nil && c.Version.Source != "ask" {
		if t.Version, err = r.Probe(*c.Version); err != nil {
			return fail(err)
		}
	}
	for _, v := range k.Verify {
		pr, err := r.verifies(v)
		if err != nil {
			return fail(fmt.Errorf("verify: %w", err))
		}
		t.Verify = append(t.Verify, *pr)
	}
	if k.Content != nil {
		if t.Content, err = r.Probe(*k.Content); err != nil {
			return fail(err)
		}
	}
	return t, nil
}

// verifies resolves a probe that may speak of the file that the tool wrote.
func (r *Resolver) verifies(p manifest.Probe) (*Probe, error) {
	own := *r
	own.Scope = r.Scope.With("backup.file", toolFile)
	return own.Probe(p)
}

func (r *Resolver) toolCall(s manifest.Step) (c ToolCall, err error) {
	if s.Verb != "run" {
		return c, fmt.Errorf("%s: where one of make and restore is a command, both must be (run: […])", s.Verb)
	}
	if c.Args, err = r.Scope.With("backup.file", toolFile).ExpandAll(s.Args); err != nil {
		return c, err
	}
	if len(c.Args) == 0 || c.Args[0] == "" {
		return c, fmt.Errorf("run needs a command")
	}
	if c.Within = s.Within; c.Within == 0 {
		c.Within = defaultToolTime
	}
	c.As, err = r.CommandAccount(s.As)
	return c, err
}
