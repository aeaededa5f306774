package service

import (
	"context"
	"maps"
)

// StartType is whether a service starts with the machine.
type StartType struct {
	Mode  string            `json:"mode"`            // in the words of the machine's service manager: enabled, disabled, masked, static, …
	Links map[string]string `json:"links,omitempty"` // what makes it so, exactly: of systemd, links and where they lead
}

// Equal says that two are the same in every detail.
func (s StartType) Equal(o StartType) bool { return s.Mode == o.Mode && maps.Equal(s.Links, o.Links) }

// StartTyper is a Manager whose services start with the machine, or do not.
type StartTyper interface {
	// StartType reads only.
	StartType(ctx context.Context, s Spec) (StartType, error)
	// SetStartType makes it enabled, disabled or masked, durably; a service that
	// the administrator masked is not unmasked. What runs is not touched.
	SetStartType(ctx context.Context, s Spec, mode string) error
	// PutStartType makes it exactly what it was.
	PutStartType(ctx context.Context, s Spec, was StartType) error
}
