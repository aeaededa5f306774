// Package record is the verb `record`: settings of the product are read and
// kept, and after the upgrade compared and written again where they differ.
//
// It may import the model, internal/step, internal/probe, its own
// sub-packages and internal/step/run/child.
package record

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/record/setting"
	"upkeep/internal/step/run/child"
)

// Handler carries out `record` steps, both the reading and the re-applying.
type Handler struct{ settings setting.Settings }

var _ step.Handler = (*Handler)(nil)

// New makes the handler.
func New(r child.Runner, p *probe.Evaluator) *Handler {
	return &Handler{setting.Settings{Run: r, Probes: p}}
}

// memo holds values by setting.
type memo struct {
	Now      map[string]setting.Value `json:"now"`                // when the step was prepared
	Recorded map[string]setting.Value `json:"recorded,omitempty"` // what is to be applied again
}

// Prepare implements step.Handler.
func (h *Handler) Prepare(ctx context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.RecordParams](s)
	if err != nil {
		return nil, err
	}
	m := memo{}
	if m.Now, err = h.read(ctx, env, p.Settings); err != nil {
		return nil, err
	}
	for id, v := range p.Want {
		if m.Recorded == nil {
			m.Recorded = map[string]setting.Value{}
		}
		m.Recorded[id] = setting.Value{Text: v, Present: true}
	}
	if p.Apply != "" {
		raw, err := env.Recall(p.Apply)
		if err != nil {
			return nil, fmt.Errorf("cannot tell what %s recorded: %w", p.Apply, err)
		}
		if raw != nil {
			was, err := decode(s, raw)
			if err != nil {
				return nil, err
			}
			m.Recorded = was.Now
		}
	}
	return json.Marshal(m)
}

func decode(s plan.Step, raw step.Memo) (memo, error) {
	var m memo
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("cannot read a memo for %s: %w", s.ID, err)
	}
	return m, nil
}

func (h *Handler) read(ctx context.Context, env step.Env, list []plan.Setting) (map[string]setting.Value, error) {
	out := map[string]setting.Value{}
	for _, set := range list {
		v, err := h.settings.Read(ctx, env, set)
		if err != nil {
			return nil, err
		}
		out[set.ID] = v
	}
	return out, nil
}

// Do implements step.Handler. Recording is done with the memo; applying writes
// what differs from it.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	p, err := step.Params[plan.RecordParams](s)
	if err != nil {
		return err
	}
	m, err := decode(s, raw)
	if err != nil {
		return err
	}
	for _, set := range p.Settings {
		was, ok := m.Recorded[set.ID]
		switch {
		case !ok:
			continue
		case !was.Present:
			child.Log(env, "setting %s had no value before; it is left as it is", set.ID)
			continue
		}
		now, err := h.settings.Read(ctx, env, set)
		if err != nil {
			return err
		}
		if now == was {
			continue
		}
		if _, wanted := p.Want[set.ID]; wanted {
			child.Log(env, "setting %s reads %s, and has to be %s on this route: it is set", set.ID, now, was)
		} else {
			child.Log(env, "setting %s reads %s after the upgrade and read %s before: it is set again", set.ID, now, was)
		}
		if err := h.settings.Write(ctx, env, s, set, was.Text); err != nil {
			return err
		}
	}
	return nil
}

// Undo implements step.Handler. What was applied again lies in data that the
// restore point brings back; what the route wants may lie anywhere, and is set
// back here.
func (h *Handler) Undo(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	p, err := step.Params[plan.RecordParams](s)
	if err != nil || len(p.Want) == 0 {
		return err
	}
	m, err := decode(s, raw)
	if err != nil {
		return err
	}
	for _, set := range p.Settings {
		was := m.Now[set.ID]
		now, err := h.settings.Read(ctx, env, set)
		if err != nil {
			return err
		}
		switch {
		case now == was:
			continue
		case !was.Present:
			child.Log(env, "setting %s had no value before; it is left to the restore point", set.ID)
			continue
		}
		child.Log(env, "setting %s reads %s and read %s before: it is set back", set.ID, now, was)
		if err := h.settings.Write(ctx, env, s, set, was.Text); err != nil {
			return err
		}
	}
	return nil
}

// Observe implements step.Handler.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	p, err := step.Params[plan.RecordParams](s)
	switch {
	case err != nil:
		return step.Observation{}, err
	case env.Direction == step.Back && p.Apply != "":
		return step.Observation{State: step.Old, Evidence: "the restore point brings back what it changed"}, nil
	case env.Direction == step.Back && len(p.Want) == 0:
		return step.Observation{State: step.Old, Evidence: "it changes nothing"}, nil
	}
	m, err := decode(s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	if env.Direction == step.Back {
		return h.setBack(ctx, env, p, m)
	}
	if p.Apply == "" && len(p.Want) == 0 {
		return step.Observation{State: step.New, Evidence: fmt.Sprintf("%d settings are recorded", len(m.Now))}, nil
	}
	now, err := h.read(ctx, env, p.Settings)
	if err != nil {
		return step.Observation{}, err
	}
	var differ []string
	untouched := true
	for _, set := range p.Settings {
		if was, ok := m.Recorded[set.ID]; ok && was.Present && now[set.ID] != was {
			differ = append(differ, fmt.Sprintf("%s reads %s, wanted is %s", set.ID, now[set.ID], was))
		}
		untouched = untouched && now[set.ID] == m.Now[set.ID]
	}
	switch {
	case len(differ) == 0:
		return step.Observation{State: step.New, Evidence: fmt.Sprintf("%d settings read as wanted", len(m.Recorded))}, nil
	case untouched:
		return step.Observation{State: step.Old, Evidence: strings.Join(differ, ", ")}, nil
	}
	return step.Observation{State: step.Mixed, Evidence: strings.Join(differ, ", ")}, nil
}

// setBack observes what was wanted on the way back.
func (h *Handler) setBack(ctx context.Context, env step.Env, p *plan.RecordParams, m memo) (step.Observation, error) {
	now, err := h.read(ctx, env, p.Settings)
	if err != nil {
		return step.Observation{}, err
	}
	old, wanted := true, true
	var evidence []string
	for _, set := range p.Settings {
		was := m.Now[set.ID]
		old = old && (now[set.ID] == was || !was.Present)
		wanted = wanted && now[set.ID] == m.Recorded[set.ID]
		evidence = append(evidence, fmt.Sprintf("%s reads %s and read %s before", set.ID, now[set.ID], was))
	}
	o := step.Observation{State: step.Mixed, Evidence: strings.Join(evidence, ", ")}
	switch {
	case old:
		o.State = step.Old
	case wanted:
		o.State = step.New
	}
	return o, nil
}
