package probe

import (
	"context"
	"errors"

	"upkeep/internal/plan"
)

// StartTypes are Services that know whether a service starts with the computer.
type StartTypes interface {
	// StartType gives it in the words of the computer's service manager: enabled,
	// disabled, masked, static.
	StartType(ctx context.Context, s plan.Service) (mode string, err error)
}

// startType is the selector for it.
const startType = "start-type"

// readService: "running" or "stopped"; with the selector start-type, whether it
// starts with the computer. It asks the service manager and starts
// nothing; whether the service is ready is another probe's question.
func readService(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if e.deps.Services == nil {
		return Value{}, unreadable("", errors.New("there is no service manager here"))
	}
	if q.Select == startType {
		return readStartType(ctx, e, q)
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

func readStartType(ctx context.Context, e *Evaluator, q query) (Value, error) {
	m, ok := e.deps.Services.(StartTypes)
	if !ok {
		return Value{}, unreadable("", errors.New("there is no service manager here that knows start types"))
	}
	mode, err := m.StartType(ctx, *q.Service)
	if err != nil {
		return Value{}, unreadable("", err)
	}
	return Value{Text: mode, Present: true, Evidence: "service " + q.Service.ID + " is " + mode}, nil
}

func checkService(q query) error {
	if q.Service == nil {
		return malformed("it names no service of the product")
	}
	return nil
}
