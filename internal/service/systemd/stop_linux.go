package systemd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/scope/kin"
	"upkeep/internal/scope/proc"
	"upkeep/internal/service"
)

// Stop implements service.Manager. The unit stops as its file says, with its
// own time for it; processes that left its control group, or that the file
// says to spare (KillMode=process), are ended afterwards. When the service is
// inhibited, what triggers it is stopped first.
func (m *Manager) Stop(ctx context.Context, s service.Spec) error {
	if err := s.Check(); err != nil {
		return err
	}
	defer m.locks.Lock(s.ID)()
	u, err := m.find(ctx, s)
	if err != nil {
		return fmt.Errorf("cannot stop %s: %w", s.ID, err)
	}
	rec, err := m.load(s)
	if err != nil {
		return err
	}
	family, err := m.family(ctx, u)
	if err != nil {
		return fmt.Errorf("cannot stop %s: %w", s.ID, err)
	}
	if err := m.note(s, &rec, u, family); err != nil {
		return err
	}
	if rec.Reason != "" {
		for _, t := range u.TriggeredBy {
			if err := m.stopUnit(ctx, t); err != nil {
				return fmt.Errorf("cannot stop %s: %w", s.ID, err)
			}
		}
	}
	for _, n := range append([]unit{u}, family...) {
		if !n.known() {
			continue
		}
		if err := m.stopUnit(ctx, n.Name); err != nil {
			return fmt.Errorf("cannot stop %s: %w", s.ID, err)
		}
	}
	for _, g := range rec.groups() {
		if _, err := g.End(ctx, s.StopWithin()); err != nil {
			return fmt.Errorf("cannot stop %s: %w", s.ID, err)
		}
	}
	now, err := m.bus.unit(ctx, u.Name)
	if err != nil {
		return err
	}
	if !now.idle() && now.Invocation != u.Invocation {
		return fmt.Errorf("cannot stop %s: something started %s again meanwhile: systemctl status %s may say what", s.ID, u.Name, u.Name)
	}
	rec.Boot, rec.Calls, rec.Procs = "", nil, nil
	return m.save(s, rec)
}

// family are the units that stop when a unit does, and are not stopped now.
func (m *Manager) family(ctx context.Context, u unit) ([]unit, error) {
	var out []unit
	seen := []string{u.Name}
	todo := slices.Clone(u.StopsToo)
	for len(todo) > 0 {
		n := todo[0]
		todo = todo[1:]
		if contains(seen, n) {
			continue
		}
		seen = append(seen, n)
		f, err := m.bus.unit(ctx, n)
		if err != nil {
			return nil, err
		}
		if f.idle() {
			continue
		}
		out = append(out, f)
		todo = append(todo, f.StopsToo...)
	}
	return out, nil
}

// note writes down, before anything is stopped, what a stop that is cut off
// must find again.
func (m *Manager) note(s service.Spec, rec *record, u unit, family []unit) error {
	if u.idle() && len(family) == 0 {
		return nil
	}
	boot, err := proc.BootID()
	if err != nil {
		return err
	}
	if rec.Boot != boot {
		rec.Boot, rec.Calls, rec.Procs = boot, nil, nil
	}
	rec.Unit = u.Name
	for _, f := range family {
		if !contains(rec.With, f.Name) && !strings.HasSuffix(f.Name, ".scope") {
			rec.With = append(rec.With, f.Name)
		}
	}
	for _, x := range append([]unit{u}, family...) {
		if x.idle() || x.Invocation == "" {
			continue
		}
		if !contains(rec.Calls, x.Invocation) {
			rec.Calls = append(rec.Calls, x.Invocation)
		}
		g := kin.Group{Boot: boot, Marker: "INVOCATION_ID=" + x.Invocation}
		g.Cgroup = cgroupDir(x.Cgroup)
		if p, err := proc.Read(x.MainPID); x.MainPID > 1 && err == nil {
			g.Leader = p.ID
		}
		members, err := g.Members()
		if err != nil {
			return err
		}
		for _, p := range members {
			if !slices.Contains(rec.Procs, p.ID) {
				rec.Procs = append(rec.Procs, p.ID)
			}
		}
	}
	return m.save(s, *rec)
}

// cgroupDir finds the folder of a control group: in the unified hierarchy, or
// where older machines have it beside the others (cgroups(7)).
func cgroupDir(path string) string {
	if path == "" || path == "/" {
		return ""
	}
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"} {
		dir := filepath.Join(root, path)
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			return dir
		}
	}
	return ""
}

// stopUnit stops one unit, and waits for what is under way of it.
func (m *Manager) stopUnit(ctx context.Context, name string) error {
	for {
		u, err := m.bus.unit(ctx, name)
		if err != nil || !u.known() || u.idle() && !u.Job {
			return err
		}
		result, err := m.bus.job(ctx, "stop", name)
		if err != nil {
			return err
		}
		if result == "" || result == "done" || result == "skipped" {
			u, err := m.bus.unit(ctx, name)
			if err != nil || u.idle() || u.Active != "deactivating" {
				return err
			}
		}
		if result == "canceled" { // a start came in between: once more, until the inhibit holds
			continue
		}
		if result != "" && result != "done" && result != "skipped" && result != "canceled" {
			return fmt.Errorf("%s does not stop: %s", name, result)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
