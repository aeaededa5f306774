//go:build !windows

package local

import (
	"context"

	"upkeep/internal/service"
)

// Timer reads a timer of systemd.
func (m Services) Timer(ctx context.Context, name string) (service.Timer, bool, error) {
	return m.Systemd.Timer(ctx, name)
}
