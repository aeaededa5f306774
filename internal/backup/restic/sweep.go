package restic

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"upkeep/internal/backup"
)

// forget takes snapshots away, and with prune gives the room back.
func (e *Engine) forget(ctx context.Context, ids []string, prune bool) error {
	if len(ids) == 0 {
		return nil
	}
	const most = 500 // at a time: arguments have a limit
	for chunk := range slices.Chunk(ids, most) {
		if _, err := e.run(ctx, call{args: append([]string{"forget", "--json"}, chunk...), writes: true}); err != nil {
			return err
		}
	}
	if !prune {
		return nil
	}
	// Packs of which little is unused are not written anew: far away that costs
	// more than the room does.
	_, err := e.run(ctx, call{args: []string{"prune", "--max-unused", "20%"}, writes: true})
	return err
}

// Remove takes the record away first: with it the point is gone.
func (e *Engine) Remove(ctx context.Context, id string) error {
	if err := backup.CheckID(id); err != nil {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("cannot remove restore point %s: %w", id, err) }
	list, err := e.snapshots(ctx)
	if err != nil {
		return fail(err)
	}
	at, ok := current(list)[id]
	if !ok {
		return fail(backup.ErrNotFound)
	}
	var earlier, rest []string
	for _, s := range list {
		switch {
		case s.point != id || s.ID == at.ID:
		case s.kind == kindRecord:
			earlier = append(earlier, s.ID)
		default:
			rest = append(rest, s.ID)
		}
	}
	if err := e.forget(ctx, earlier, false); err != nil {
		return fail(err)
	}
	if err := e.forget(ctx, []string{at.ID}, false); err != nil {
		return fail(err)
	}
	if err := e.forget(ctx, rest, true); err != nil {
		return fmt.Errorf("cannot remove restore point %s, which is out of use already: %w", id, err)
	}
	return nil
}

// Sweep removes everything unfinished: snapshots of this installation that no
// record names, and notes on this computer.
func (e *Engine) Sweep(ctx context.Context, keep ...string) ([]string, error) {
	list, err := e.snapshots(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot sweep restore points: %w", err)
	}
	points := map[string]backup.Point{}
	for id, s := range current(list) {
		p, err := e.read(ctx, s)
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if err != nil {
			keep = append(slices.Clone(keep), id) // nobody knows what is part of it
			continue
		}
		points[id] = p
	}
	var gone []string
	swept := map[string]bool{}
	for _, s := range list {
		p, complete := points[s.point]
		if slices.Contains(keep, s.point) || complete && (current(list)[s.point].ID == s.ID || named(p, s.ID)) {
			continue
		}
		gone = append(gone, s.ID)
		if !complete {
			swept[s.point+partial] = true
		}
	}
	if err := e.forget(ctx, gone, true); err != nil {
		return nil, fmt.Errorf("cannot sweep restore points: %w", err)
	}
	entries, err := e.FS.ReadDir(e.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot sweep restore points: %w", err)
	}
	for _, n := range entries {
		id, unfinished := strings.CutSuffix(n.Name, partial)
		if !unfinished || !n.Type.IsDir() || slices.Contains(keep, id) {
			continue
		}
		if err := e.FS.RemoveAll(e.path(n.Name)); err != nil {
			return nil, fmt.Errorf("cannot sweep %s: %w", n.Name, err)
		}
		swept[n.Name] = true
	}
	return slices.Sorted(maps.Keys(swept)), nil
}
