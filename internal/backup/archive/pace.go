package archive

import (
	"context"

	"golang.org/x/time/rate"
)

// burst is how much passes at once, in bytes.
const burst = 256 << 10

type paceKey struct{}

// paced has what is written to and read from the place of restore points keep
// to the limit: while users work, and never in an outage.
func (a *Archive) paced(ctx context.Context) context.Context {
	if a.pace == nil {
		return ctx
	}
	return context.WithValue(ctx, paceKey{}, a.pace)
}

// wait waits until so many bytes may pass.
func wait(ctx context.Context, n int) error {
	limit, ok := ctx.Value(paceKey{}).(*rate.Limiter)
	for ok && n > 0 {
		part := min(n, burst)
		if err := limit.WaitN(ctx, part); err != nil {
			return context.Cause(ctx)
		}
		n -= part
	}
	return nil
}
