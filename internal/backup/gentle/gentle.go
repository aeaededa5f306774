// Package gentle has an engine of restore points give way to everything else on
// the computer while users work: in the first pass, in the making of a live
// restore point, and in verifying. What lies in an outage keeps its pace.
//
// It may import internal/backup and the standard library; on Linux also x/sys.
package gentle

import (
	"context"

	"upkeep/internal/backup"
)

// Engine is an engine that gives way.
type Engine struct{ backup.Engine }

// New makes one of another.
func New(e backup.Engine) Engine { return Engine{e} }

// Prepare gives way: users work.
func (g Engine) Prepare(ctx context.Context, r backup.Request) error {
	defer lower()()
	return g.Engine.Prepare(ctx, r)
}

// Finish gives way where the product runs meanwhile.
func (g Engine) Finish(ctx context.Context, r backup.Request) (backup.Point, error) {
	if r.Live {
		defer lower()()
	}
	return g.Engine.Finish(ctx, r)
}

// Verify gives way: nobody waits for it in an outage.
func (g Engine) Verify(ctx context.Context, id string) error {
	defer lower()()
	return g.Engine.Verify(ctx, id)
}
