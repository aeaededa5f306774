package check_test

import (
	"errors"
	"strings"
	"testing"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/check"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

type folder = childtest.Folder

func params(w folder) plan.CheckParams {
	return plan.CheckParams{Checks: []plan.CheckItem{
		{ID: "licence", Probe: childtest.FileReads(w.Path("licence"), "valid"), Effect: "the new version would not start"},
		{ID: "queue", Probe: childtest.FileReads(w.Path("queue"), "0")},
		{ID: "other", Probe: childtest.FileReads(w.Path("licence"), "present")},
	}}
}

func TestContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[folder]{Check: true,
		New: func(t *testing.T, _ *steptest.Killer) (step.Handler, plan.Step, folder) {
			w := folder(t.TempDir())
			w.Write(t, "licence", "valid")
			w.Write(t, "queue", "0")
			return check.New(probe.New(probe.Deps{})), childtest.Step(t, plan.Step{Verb: "check"}, params(w)), w
		}})
}

func TestAllFailuresAreListed(t *testing.T) {
	w := folder(t.TempDir())
	w.Write(t, "licence", "expired")
	s := childtest.Step(t, plan.Step{Verb: "check"}, params(w))
	env, _ := childtest.Env(t, s, step.Forward)
	err := check.New(probe.New(probe.Deps{})).Do(t.Context(), env, s, nil)
	var user *step.UserError
	if !errors.As(err, &user) {
		t.Fatalf("Do gives %v", err)
	}
	for _, want := range []string{"2 of 3 checks", "check licence: it reads expired, wanted is valid", "the new version would not start", "check queue: it reads none, wanted is 0"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "other") {
		t.Errorf("the error lists a check that holds: %v", err)
	}
}
