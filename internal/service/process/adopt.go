package process

import (
	"path/filepath"
	"slices"

	"upkeep/internal/scope/kin"
	"upkeep/internal/scope/proc"
	"upkeep/internal/service"
)

// named returns the process that Spec.PIDFile names, if it is this service's:
// a member of its group, or a process that runs Spec.Run under its account. The
// number alone is not believed: it may have been another's for long.
func (m *Manager) named(s service.Spec, g kin.Group) (proc.Proc, bool) {
	if s.PIDFile == "" {
		return proc.Proc{}, false
	}
	b, err := m.FS.ReadFile(s.PIDFile)
	if err != nil {
		return proc.Proc{}, false
	}
	pid, ok := service.ParsePIDFile(b)
	if !ok {
		return proc.Proc{}, false
	}
	p, err := proc.Read(pid)
	if err != nil || p.Dead() {
		return proc.Proc{}, false
	}
	if g.Has(p) {
		return p, true
	}
	return p, m.runs(p, s) && kin.RunsAs(p.PID, s.As)
}

// runs tells whether a process runs the program of Spec.Run, directly or
// through an interpreter.
func (m *Manager) runs(p proc.Proc, s service.Spec) bool {
	if len(s.Run) == 0 {
		return false
	}
	want := s.Run[0]
	if exe, err := proc.Exe(p.PID); err == nil {
		if real, err := filepath.EvalSymlinks(want); exe == want || err == nil && exe == real {
			// An interpreter runs much: then the script must be the same too.
			args, err := proc.Args(p.PID)
			return err == nil && (len(s.Run) == 1 || len(args) < 2 || slices.Contains(args, s.Run[1]))
		}
	}
	args, err := proc.Args(p.PID)
	return err == nil && len(args) > 1 && args[1] == want // the #! line put its interpreter first
}
