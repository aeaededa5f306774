package backup

import "context"

type progressKey struct{}

// WithProgress has what reads or restores a restore point say how far it is: in
// bytes, of which Part.Reading is all, each time since the last one, and of which
// part. Calls may come side by side.
func WithProgress(ctx context.Context, told func(n int64, part string)) context.Context {
	return context.WithValue(ctx, progressKey{}, told)
}

// Progressed is for engines: n more bytes of a part were read.
func Progressed(ctx context.Context, n int64, part string) {
	if told, ok := ctx.Value(progressKey{}).(func(int64, string)); ok && n > 0 {
		told(n, part)
	}
}
