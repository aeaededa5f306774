package probe

import (
	"context"
	"errors"
	"testing"
)

func TestLastRun(t *testing.T) {
	after := func(step string, err error) *Evaluator {
		return New(Deps{Failure: func(context.Context) (string, string, error) { return step, "run 7 went back", err }})
	}
	went, files, other := after("", nil), after("drain@shop", nil), after("h1.verify", nil)
	for _, r := range []struct {
		e *Evaluator
		row
	}{
		{went, row{p: probe("last-run", "failed-at"), ok: true, got: "none", evidence: "run 7 went back"}},
		{files, row{p: probe("last-run", "failed-at"), got: "drain@shop", evidence: "run 7 went back"}},
		{files, row{p: probe("last-run", "failed-at", "select=^drain"), got: "drain"}},
		{other, row{p: probe("last-run", "failed-at", "select=^drain"), ok: true, got: "none"}},
		{after("", errors.New("no journal")), row{p: probe("last-run", "failed-at"), err: "no journal"}},
		{New(Deps{}), row{p: probe("last-run", "failed-at"), err: "runs cannot be looked at here"}},
		{files, row{p: probe("last-run", "result"), err: "failed-at"}},
	} {
		r.check(t, r.e)
	}
}
