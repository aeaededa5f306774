package hold

import (
	"context"
	"fmt"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/record/setting"
	"upkeep/internal/step/run/child"
	"upkeep/internal/step/service"
)

// heldService is a service that is held stopped.
type heldService struct {
	c   service.Control
	env step.Env
	s   plan.Service
	was service.State
	why string // of its inhibit
	// lasts: two runs may hold it one after the other, and the reason tells whose
	// hold it is.
	lasts bool
}

// reason is what keeps a service stopped, for whoever wants to start it.
func reason(env step.Env, p *plan.HoldParams) string {
	if p.Lasts == nil {
		return service.Reason(env)
	}
	return fmt.Sprintf("run %s keeps it stopped until %s; upkeep holds end %s ends that", env.Run, p.Lasts.Text, p.Target())
}

func (h *heldService) idle() bool { return !h.was.Running }

func (h *heldService) hold(ctx context.Context) error {
	return h.c.Stop(ctx, h.env, h.s, h.why)
}

func (h *heldService) free(ctx context.Context) error { return h.c.Restore(ctx, h.env, h.s, h.was) }

func (h *heldService) is(ctx context.Context) (held, free bool, evidence string, err error) {
	now, err := h.c.State(ctx, h.env, h.s)
	if err != nil {
		return false, false, "", err
	}
	held = !now.Running && now.Inhibited && (!h.lasts || now.Reason == h.why)
	if held && h.was.Running {
		return true, false, service.Describe(h.s, now), nil
	}
	free, evidence, err = h.c.Restored(ctx, h.env, h.s, h.was)
	return held, free, evidence, err
}

// heldSetting is a setting that is held at a value.
type heldSetting struct {
	a   setting.Settings
	env step.Env
	st  plan.Step
	s   plan.Setting
	to  string
	was setting.Value
}

func (h *heldSetting) idle() bool { return h.was.Text == h.to }

func (h *heldSetting) hold(ctx context.Context) error { return h.set(ctx, h.to) }

// free puts the value back that it had, whatever it has now: a hold that ends
// with another one would have changed it.
func (h *heldSetting) free(ctx context.Context) error { return h.set(ctx, h.was.Text) }

func (h *heldSetting) set(ctx context.Context, value string) error {
	now, err := h.a.Read(ctx, h.env, h.s)
	if err != nil || now.Present && now.Text == value {
		return err
	}
	if now.Text != h.was.Text && now.Text != h.to {
		child.Log(h.env, "setting %s was changed meanwhile, to %s; it is set to %s", h.s.ID, now, value)
	}
	return h.a.Write(ctx, h.env, h.st, h.s, value)
}

func (h *heldSetting) is(ctx context.Context) (held, free bool, evidence string, err error) {
	now, err := h.a.Read(ctx, h.env, h.s)
	if err != nil {
		return false, false, "", err
	}
	return now.Present && now.Text == h.to, now == h.was, fmt.Sprintf("setting %s reads %s; before the hold it read %s", h.s.ID, now, h.was), nil
}
