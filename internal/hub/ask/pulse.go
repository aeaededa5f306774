package ask

import "context"

// Feeling is how somebody who has the overview open learns that it has changed.
type Feeling interface {
	// Pulse costs little: it may be asked every second.
	Pulse(ctx context.Context) (Pulse, error)
}

// Pulse says whether anything has begun or ended.
type Pulse struct {
	Mark string `json:"mark"` // another one, as soon as a run has begun or ended; it means nothing else
}

func (a asking) Pulse(ctx context.Context) (Pulse, error) {
	return call[Pulse](ctx, a.c, a.session, "pulse", nil)
}
