package manage

import (
	"context"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"time"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// takeOver writes what adopt found: the state first, the installation document
// last, so that an interrupted adopt leaves no installation.
func (in *Installation) takeOver(ctx context.Context, a *Adoption, before *Adopted, document []byte, baseline map[string][]byte, text []byte) error {
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return fmt.Errorf("cannot make the state folder: %w", err)
	}
	lock, err := in.exclusive(ctx)
	if err != nil {
		return err
	}
	defer lock.release()
	if err := in.quiet(ctx); err != nil {
		return err
	}
	if before != nil && len(a.Changes) == 0 {
		a.At, a.By = before.At, before.By // nothing has changed: neither does the record
	}
	if err := in.keepAdopted(&a.Adopted, document, baseline); err != nil {
		return err
	}
	a.Assumed = append(a.Assumed, in.recordStandards(ctx, "", a.Version, a.databases)...)
	return in.claim(text)
}

// claim notes whose state this is, and writes the installation document where
// it is new.
func (in *Installation) claim(text []byte) error {
	if err := in.FS.WriteFile(in.ownerPath(), []byte(in.Path+"\n"), 0o600); err != nil {
		return fmt.Errorf("cannot note whose state this is: %w", err)
	}
	if text == nil {
		return nil
	}
	if err := in.FS.MkdirAll(filepath.Dir(in.Path), 0o755); err != nil {
		return fmt.Errorf("cannot make the folder of the installation document: %w", err)
	}
	if err := in.FS.WriteFile(in.Path, text, 0o644); err != nil {
		return fmt.Errorf("cannot write the installation document: %w", err)
	}
	return nil
}

// assume lists what was not found, and what is taken for granted instead.
func (in *Installation) assume(ctx context.Context, p *manifest.Product, f plan.Facts, a *Adopted) {
	say := func(format string, args ...any) { a.Assumed = append(a.Assumed, fmt.Sprintf(format, args...)) }
	for _, i := range a.Instances {
		switch {
		case i.Kind == "tree" && !i.Known:
			say("%s: what its release shipped is not known, so the files are taken as they are: what was edited before today cannot be told, later edits can", i.Component)
		case i.Edited > 0:
			say("%s: %d files are not as its release shipped them; the plan of an upgrade lists them", i.Component, i.Edited)
		}
	}
	for _, s := range p.Services {
		if f.Services[s.ID] {
			continue
		}
		if unit := f.Systemd[s.ID]; unit.Unit != "" {
			say("service %s (%s, %s) does not run: an upgrade leaves it as it is", s.ID, unit.Unit, unit.Start)
			continue
		}
		if port := in.answering(ctx, p, s); port != "" {
			say("service %s: something answers at port %s, but Upkeep did not start it and cannot tell which process it is: give it a pid-file, or stop it and start it with Upkeep; until then it counts as stopped", s.ID, port)
			continue
		}
		say("service %s does not run: an upgrade leaves it stopped", s.ID)
	}
	for _, m := range a.Modes {
		say("%s mode is on: it stays on after an upgrade, since Upkeep did not switch it on", m)
	}
	say("which once-only steps of earlier releases were done is not known: those of the releases to come are done")
}

// answering gives a port of a service at which somebody listens on this
// computer.
func (in *Installation) answering(ctx context.Context, p *manifest.Product, s manifest.Service) string {
	r, err := in.surveyor().Resolver(p, in.Doc, plan.Facts{})
	if err != nil {
		return ""
	}
	d := net.Dialer{Timeout: 500 * time.Millisecond}
	for _, text := range s.Ports {
		port, err := r.Scope.Expand(text)
		if err != nil {
			continue
		}
		if c, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			c.Close()
			return port
		}
	}
	return ""
}

// changes says what is not as it was when the product was adopted before.
func changes(was, is *Adopted) []string {
	if was == nil {
		return nil
	}
	var out []string
	find := func(list []AdoptedInstance, i AdoptedInstance) (AdoptedInstance, bool) {
		n := slices.IndexFunc(list, func(o AdoptedInstance) bool { return o.Component == i.Component && o.Instance == i.Instance })
		if n < 0 {
			return AdoptedInstance{}, false
		}
		return list[n], true
	}
	for _, now := range is.Instances {
		old, ok := find(was.Instances, now)
		switch {
		case !ok:
			out = append(out, now.Component+" is new")
		case old.At != now.At:
			out = append(out, fmt.Sprintf("%s was at %s, is at %s", now.Component, old.At, now.At))
		case old.Version != now.Version:
			out = append(out, fmt.Sprintf("%s was %s, is %s", now.Component, old.Version, now.Version))
		case old.Sums != now.Sums:
			out = append(out, fmt.Sprintf("%s: its files are not those of %s any more", now.Component, was.At.Local().Format("2006-01-02 15:04")))
		}
	}
	for _, old := range was.Instances {
		if _, ok := find(is.Instances, old); !ok {
			out = append(out, old.Component+" is not there any more")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(is.Services)) {
		old, ok := was.Services[id]
		if now := is.Services[id]; ok && (old.Unit != now.Unit || old.Start != now.Start) {
			out = append(out, fmt.Sprintf("service %s: %s, was: %s", id, now.Text(), old.Text()))
		}
	}
	if was.Exact != is.Exact || was.Document != is.Document {
		out = append(out, "the product's document is another one")
	}
	return out
}
