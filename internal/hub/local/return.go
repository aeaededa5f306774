package local

import (
	"context"
	"errors"
	"fmt"

	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// Return implements ask.Engine.
func (e *Engine) Return(ctx context.Context, _ string, q ask.Of) (ask.Return, error) {
	in, err := e.quiet(ctx, q.Installation)
	if err != nil {
		return ask.Return{}, err
	}
	r, err := e.prepareReturn(ctx, in)
	if err != nil {
		return ask.Return{}, err
	}
	defer r.Close()
	out := ask.Return{Run: r.Run, Closed: r.Closed, Plan: ask.Plan{Installed: r.Installed, To: r.To}}
	_ = manage.SavePlan(r.Plan) // without it, what has moved since cannot be named
	planView(&out.Plan, r.Prepared)
	return out, nil
}

func (e *Engine) prepareReturn(ctx context.Context, in *manage.Installation) (*manage.Return, error) {
	r, err := in.PrepareReturn(ctx)
	var none *manage.NoReturnError
	if errors.As(err, &none) {
		return nil, &ask.Error{Kind: ask.Refused, Text: fmt.Sprintf("there is no way back: %s; the restore points can be put back one by one", none.Why)}
	}
	return r, told(err)
}

// TakeBack implements ask.Engine. The plan is made anew, and must be the one that
// the yes names.
func (e *Engine) TakeBack(ctx context.Context, by string, y ask.Yes) (ask.Started, error) {
	if len(y.Digest) != 64 {
		return ask.Started{}, &ask.Error{Kind: ask.Invalid, Text: "a yes names the whole digest of the plan that was shown"}
	}
	in, err := e.quiet(ctx, y.Installation)
	if err != nil {
		return ask.Started{}, err
	}
	r, err := e.prepareReturn(ctx, in)
	if err != nil {
		return ask.Started{}, err
	}
	defer r.Close()
	if err := manage.SameAs(r.Plan, y.Digest); err != nil {
		return ask.Started{}, told(err)
	}
	id, err := in.Start(context.WithoutCancel(ctx), r.Prepared, by)
	if err != nil {
		return ask.Started{}, told(err)
	}
	return ask.Started{Run: id}, nil
}
