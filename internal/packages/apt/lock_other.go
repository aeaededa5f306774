//go:build !linux

package apt

import (
	"context"

	"upkeep/internal/packages"
)

// Holder cannot be asked for here; there is no dpkg either.
func (m *Manager) Holder(context.Context) (*packages.Holder, error) { return nil, nil }
