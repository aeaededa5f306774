package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"upkeep/internal/durable"
)

// Inhibits are the durable files that keep services stopped: Dir/ID.inhibit,
// holding the reason. Kinds embed it.
type Inhibits struct {
	FS  durable.FS
	Dir string // of the installation's service state; made when needed
}

func (i Inhibits) file(s Spec) string { return filepath.Join(i.Dir, s.ID+".inhibit") }

// Inhibit implements Manager.
func (i Inhibits) Inhibit(_ context.Context, s Spec, reason string) error {
	if err := s.Check(); err != nil {
		return err
	}
	if strings.TrimSpace(reason) == "" {
		return fmt.Errorf("cannot inhibit %s: no reason is given", s.ID)
	}
	if err := i.FS.MkdirAll(i.Dir, 0o700); err != nil {
		return fmt.Errorf("cannot inhibit %s: %w", s.ID, err)
	}
	if err := i.FS.WriteFile(i.file(s), []byte(strings.TrimSpace(reason)+"\n"), 0o600); err != nil {
		return fmt.Errorf("cannot inhibit %s: %w", s.ID, err)
	}
	return nil
}

// Allow implements Manager.
func (i Inhibits) Allow(_ context.Context, s Spec) error {
	if err := s.Check(); err != nil {
		return err
	}
	if err := i.FS.Remove(i.file(s)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot allow %s to start: %w", s.ID, err)
	}
	return nil
}

// Inhibited implements Manager. A file that cannot be read inhibits too: better
// a service that stays stopped than one that starts in the middle of a run.
func (i Inhibits) Inhibited(_ context.Context, s Spec) (string, bool, error) {
	if err := s.Check(); err != nil {
		return "", false, err
	}
	b, err := i.FS.ReadFile(i.file(s))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", true, fmt.Errorf("cannot tell whether %s may start: %w", s.ID, err)
	}
	return strings.TrimSpace(string(b)), true, nil
}

// Permit returns *InhibitedError when the service must not start.
func (i Inhibits) Permit(ctx context.Context, s Spec) error {
	reason, no, err := i.Inhibited(ctx, s)
	if err != nil {
		return err
	}
	if no {
		return &InhibitedError{Service: s.ID, Reason: reason}
	}
	return nil
}
