package reboot_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/reboot"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

// computer counts its boots. What a reboot leaves of it is the same.
type computer struct {
	boots int
	stays bool  // it does not go down
	err   error // it refuses
}

func (c *computer) Fingerprint() string     { return "as it was" }
func (c *computer) BootID() (string, error) { return fmt.Sprintf("boot-%d", c.boots), nil }

// killable dies with the engine right before the computer goes down.
type killable struct {
	*computer
	k *steptest.Killer
}

func (c killable) Reboot(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	boot := func() error {
		if c.err == nil && !c.stays {
			c.boots++
		}
		return c.err
	}
	if c.k == nil {
		return boot()
	}
	return c.k.Point("reboot", boot)
}

func TestContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[*computer]{
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *computer) {
			c := &computer{}
			return reboot.New(killable{c, k}), childtest.Step(t, plan.Step{Verb: "reboot"}, plan.RebootParams{}), c
		},
		Mixed: map[string]func(*testing.T, *computer){
			"rebooted by somebody else": func(_ *testing.T, c *computer) { c.boots++ },
		},
	})
}

func TestDo(t *testing.T) {
	for _, c := range []struct {
		name  string
		c     computer
		since int // boots by others
		boots int
		want  string
	}{
		{"reboots", computer{}, 0, 1, ""},
		{"was rebooted by somebody else", computer{}, 1, 1, ""},
		{"does not go down", computer{stays: true}, 0, 0, "did not"},
		{"refuses", computer{err: errors.New("no right to")}, 0, 0, "reboot it yourself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := reboot.New(killable{computer: &c.c})
			s := childtest.Step(t, plan.Step{Verb: "reboot"}, plan.RebootParams{})
			env, _ := childtest.Env(t, s, step.Forward)
			m, err := h.Prepare(t.Context(), env, s)
			if err != nil {
				t.Fatal(err)
			}
			c.c.boots += c.since
			err = h.Do(t.Context(), env, s, m)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
			if c.c.boots != c.boots {
				t.Errorf("%d boots, want %d", c.c.boots, c.boots)
			}
		})
	}
}
