package systemd

import (
	"context"

	"upkeep/internal/service"
)

// HalfStop does what Stop does until the unit is stopped, as an engine that is
// killed then.
func HalfStop(ctx context.Context, m *Manager, s service.Spec) error {
	u, err := m.find(ctx, s)
	if err != nil {
		return err
	}
	rec, err := m.load(s)
	if err != nil {
		return err
	}
	if err := m.note(s, &rec, u, nil); err != nil {
		return err
	}
	return m.stopUnit(ctx, u.Name)
}
