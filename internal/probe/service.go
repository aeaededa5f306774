package probe

import (
	"context"
	"errors"
)

// readService: "running" or "stopped". It asks the service manager and starts
// nothing; whether the service is ready is another probe's question.
func readService(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if e.deps.Services == nil {
		return Value{}, unreadable("", errors.New("there is no service manager here"))
	}
	running, evidence, err := e.deps.Services.Running(ctx, *q.Service)
	if err != nil {
		return Value{}, unreadable("", err)
	}
	v := Value{Text: "stopped", Present: true, Evidence: "service " + q.Service.ID + " is stopped"}
	if running {
		v = Value{Text: "running", Present: true, Evidence: "service " + q.Service.ID + " is running"}
	}
	if evidence != "" {
		v.Evidence += ": " + oneLine(evidence, 120)
	}
	return v, nil
}

func checkService(q query) error {
	if q.Service == nil {
		return malformed("it names no service of the product")
	}
	return nil
}
