package systemd

import (
	"context"
	"fmt"

	"upkeep/internal/plan"
	"upkeep/internal/service"
)

// Fact tells what systemd knows of a service.
func (m *Manager) Fact(ctx context.Context, s service.Spec) (plan.SystemdUnit, error) {
	if err := s.Check(); err != nil {
		return plan.SystemdUnit{}, err
	}
	u, err := m.find(ctx, s)
	if err != nil {
		return plan.SystemdUnit{}, fmt.Errorf("cannot tell how %s starts: %w", s.ID, err)
	}
	f := plan.SystemdUnit{Unit: u.Name, Load: u.Load, Start: u.File}
	if u.Load != "loaded" && u.Load != "masked" && u.known() {
		f.Broken = "it is " + u.Load
	}
	return f, nil
}
