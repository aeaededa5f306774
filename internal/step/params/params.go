// Package params is the verb that writes the parameters which were changed for
// an upgrade into the installation document. What takes it back is the text
// from before.
//
// It imports the model, internal/step and internal/durable.
package params

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Handler carries out the verb.
type Handler struct{ fs durable.FS }

// New makes a handler.
func New(fsys durable.FS) *Handler { return &Handler{fs: fsys} }

// memo is the document as it was.
type memo struct {
	Text string      `json:"text"`
	Mode fs.FileMode `json:"mode"`
	UID  uint32      `json:"uid"`
	GID  uint32      `json:"gid"`
}

func sum(text []byte) string {
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:])
}

// Prepare reads the document, which must be the one that the plan was made of.
func (h *Handler) Prepare(_ context.Context, _ step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.ParamsParams](s)
	if err != nil {
		return nil, err
	}
	text, err := h.fs.ReadFile(p.Path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the installation document: %w", err)
	}
	if sum(text) != p.Was {
		return nil, &step.UserError{Msg: p.Path + " was changed since the plan was made", Now: "start the upgrade again"}
	}
	info, err := h.fs.Stat(p.Path)
	if err != nil {
		return nil, err
	}
	return json.Marshal(memo{Text: string(text), Mode: info.Mode.Perm(), UID: info.UID, GID: info.GID})
}

// Do writes the document with the new values.
func (h *Handler) Do(_ context.Context, _ step.Env, s plan.Step, raw step.Memo) error {
	p, m, err := open(s, raw)
	if err != nil {
		return err
	}
	return h.write(p.Path, p.Text, m)
}

// Undo writes the document as it was.
func (h *Handler) Undo(_ context.Context, _ step.Env, s plan.Step, raw step.Memo) error {
	p, m, err := open(s, raw)
	if err != nil {
		return err
	}
	return h.write(p.Path, m.Text, m)
}

func open(s plan.Step, raw step.Memo) (*plan.ParamsParams, memo, error) {
	var m memo
	p, err := step.Params[plan.ParamsParams](s)
	if err != nil {
		return nil, m, err
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, m, fmt.Errorf("cannot read the memo of step %s: %w", s.ID, err)
	}
	return p, m, nil
}

// write puts a text in place, with the mode and the owner that the document
// had. Nothing is written where it reads so already.
func (h *Handler) write(path, text string, m memo) error {
	now, err := h.fs.ReadFile(path)
	if err != nil {
		return fmt.Errorf("cannot read the installation document: %w", err)
	}
	if string(now) != text {
		if err := h.fs.WriteFile(path, []byte(text), m.Mode); err != nil {
			return fmt.Errorf("cannot write the installation document: %w", err)
		}
	}
	info, err := h.fs.Stat(path)
	if err != nil {
		return err
	}
	if info.UID == m.UID && info.GID == m.GID {
		return nil
	}
	return h.fs.Chown(path, m.UID, m.GID)
}

// Observe tells the two texts apart; a third one is somebody else's.
func (h *Handler) Observe(_ context.Context, _ step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	p, m, err := open(s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	now, err := h.fs.ReadFile(p.Path)
	if err != nil {
		return step.Observation{}, fmt.Errorf("cannot read the installation document: %w", err)
	}
	info, err := h.fs.Stat(p.Path)
	if err != nil {
		return step.Observation{}, err
	}
	owned := info.UID == m.UID && info.GID == m.GID
	switch {
	case !owned && (string(now) == p.Text || string(now) == m.Text):
		return step.Observation{State: step.Mixed, Evidence: p.Path + " has another owner than before"}, nil
	case string(now) == p.Text:
		return step.Observation{State: step.New, Evidence: p.Path + " holds the new values"}, nil
	case string(now) == m.Text:
		return step.Observation{State: step.Old, Evidence: p.Path + " is as it was"}, nil
	}
	return step.Observation{State: step.Foreign, Evidence: p.Path + " was edited during the run"}, nil
}
