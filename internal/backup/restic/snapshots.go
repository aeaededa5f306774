package restic

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"upkeep/internal/backup"
)

// Every snapshot of ours carries these tags.
const (
	tagAll   = "upkeep"
	tagIn    = "in="
	tagPoint = "point="
	tagPart  = "part="
	tagKind  = "kind="
	tagRev   = "revision="
)

// Kinds of snapshots.
const (
	kindRecord = "record"
	kindFiles  = "files"
	kindDump   = "dump"
	kindCheck  = "check" // only there to be read back
)

// snapshot is one of ours.
type snapshot struct {
	ID    string   `json:"id"`
	Tags  []string `json:"tags"`
	Paths []string `json:"paths"`

	point, kind string
	revision    int
}

func (e *Engine) tags(point, kind, part string, revision int) []string {
	list := []string{tagAll, tagIn + e.Name, tagPoint + point, tagKind + kind}
	if part != "" {
		list = append(list, tagPart+part)
	}
	if kind == kindRecord {
		list = append(list, tagRev+strconv.Itoa(revision))
	}
	return []string{"--host", cmp.Or(e.Host, "upkeep"), "--tag", strings.Join(list, ",")}
}

// snapshots lists those of this installation. That is always asked of the
// repository: what lies on this computer is no word on what is there.
func (e *Engine) snapshots(ctx context.Context) ([]snapshot, error) {
	list, _, err := e.listed(ctx)
	return list, err
}

// listed gives with them what restic says of snapshots that it cannot read: it
// leaves them out, and nobody can tell whose they are.
func (e *Engine) listed(ctx context.Context) (list []snapshot, unread string, err error) {
	made, err := e.made()
	if err != nil {
		return nil, "", err
	}
	out, err := e.look(ctx, call{args: []string{"snapshots", "--json", "--no-lock", "--tag", tagAll + "," + tagIn + e.Name}, warned: &unread})
	if code(err) == exitMissing && made == "" {
		return nil, "", nil // nothing was ever kept there
	}
	if err != nil {
		return nil, "", err
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, "", fmt.Errorf("cannot read restic's list of snapshots: %w", err)
	}
	for i := range list {
		s := &list[i]
		for _, tag := range s.Tags {
			if v, ok := strings.CutPrefix(tag, tagPoint); ok {
				s.point = v
			} else if v, ok := strings.CutPrefix(tag, tagKind); ok {
				s.kind = v
			} else if v, ok := strings.CutPrefix(tag, tagRev); ok {
				s.revision, _ = strconv.Atoi(v) // none is 0
			}
		}
	}
	return list, unread, nil
}

// look asks what takes no time, and does not wait for a place that does not answer.
func (e *Engine) look(ctx context.Context, c call) ([]byte, error) {
	late := &backup.PlaceError{Msg: fmt.Sprintf("the restic repository %s does not answer within %v", Shown(e.Repository), e.patience), Now: "is that computer up, and can it be reached from here?"}
	ctx, stop := context.WithTimeoutCause(ctx, e.patience, late)
	defer stop()
	out, err := e.run(ctx, c)
	var place *backup.PlaceError
	switch {
	case code(err) != 1 || errors.As(err, &place):
	case e.local():
		err = damaged(err)
	default:
		err = &backup.PlaceError{Msg: "the restic repository " + Shown(e.Repository) + " cannot be read", Err: err, Now: "is that place reachable, and the account there allowed to?"}
	}
	return out, err
}

// current gives the record that counts of each point: the one of the highest
// revision.
func current(list []snapshot) map[string]snapshot {
	out := map[string]snapshot{}
	for _, s := range list {
		if was, ok := out[s.point]; s.kind == kindRecord && s.point != "" && (!ok || s.revision > was.revision) {
			out[s.point] = s
		}
	}
	return out
}

// Find asks the repository, and reads the record of a complete point.
func (e *Engine) Find(ctx context.Context, id string) (backup.Point, error) {
	p, _, _, err := e.find1(ctx, id)
	return p, err
}

func (e *Engine) find1(ctx context.Context, id string) (backup.Point, snapshot, []snapshot, error) {
	if err := backup.CheckID(id); err != nil {
		return backup.Point{}, snapshot{}, nil, err
	}
	list, unread, err := e.listed(ctx)
	if err != nil {
		return backup.Point{}, snapshot{}, nil, fmt.Errorf("cannot look for restore point %s: %w", id, err)
	}
	s, ok := current(list)[id]
	if !ok && unread != "" {
		return backup.Point{}, s, list, &unreadError{id, unread}
	}
	if !ok {
		return backup.Point{}, s, list, fmt.Errorf("%w: %s in %s", backup.ErrNotFound, id, Shown(e.Repository))
	}
	p, err := e.read(ctx, s)
	if err != nil {
		err = fmt.Errorf("restore point %s in %s: %w", id, Shown(e.Repository), err)
	}
	return p, s, list, err
}

// unreadError says that a point may be there, in a snapshot that cannot be read.
type unreadError struct{ id, said string }

func (e *unreadError) Error() string {
	return fmt.Sprintf("%v, or was never there: of %s nothing can be read, and restic says: %s", backup.ErrDamaged, e.id, e.said)
}

func (e *unreadError) Unwrap() error { return backup.ErrDamaged }

// read reads a record.
func (e *Engine) read(ctx context.Context, s snapshot) (backup.Point, error) {
	e.mu.Lock()
	text, ok := e.records[s.ID]
	e.mu.Unlock()
	if !ok {
		var err error
		if text, err = e.slurp(ctx, s.ID, record); err != nil {
			return backup.Point{}, err
		}
	}
	p, err := backup.Decode(text)
	if err != nil {
		return backup.Point{}, err
	}
	if p.ID != s.point || p.Engine != e.Kind() {
		return backup.Point{}, fmt.Errorf("%w: its record is that of %s, made by %s", backup.ErrDamaged, p.ID, p.Engine)
	}
	e.mu.Lock()
	e.records[s.ID] = text
	e.mu.Unlock()
	return p, nil
}

// slurp reads a small file of a snapshot.
func (e *Engine) slurp(ctx context.Context, id, name string) ([]byte, error) {
	var data []byte
	err := e.dumped(ctx, []string{id, "/" + name}, func(r io.Reader) (err error) {
		data, err = io.ReadAll(r)
		return err
	})
	return data, err
}

// dumped hands what restic gives of a snapshot to read, which may be called a
// second time. It is read without a lock, so that what lies on a medium that
// cannot be written can be read; where that fails it may be because somebody
// tidies up there, and is tried with one.
func (e *Engine) dumped(ctx context.Context, args []string, read func(io.Reader) error) error {
	_, err := e.run(ctx, call{args: append([]string{"dump", "--no-lock"}, args...), raw: read})
	if code(err) != 1 {
		return err
	}
	_, again := e.run(ctx, call{args: append([]string{"dump"}, args...), raw: read})
	if again == nil || !unwritable(again) {
		err = again
	}
	return damaged(err)
}

// unwritable says that restic could not make its lock.
func unwritable(err error) bool {
	return strings.Contains(err.Error(), "unable to create lock")
}

// damaged says so of what restic could not read, unless the place is to blame.
func damaged(err error) error {
	var place *backup.PlaceError
	if code(err) != 1 || errors.As(err, &place) || errors.Is(err, backup.ErrDamaged) {
		return err
	}
	return fmt.Errorf("%w: %w", backup.ErrDamaged, err)
}

// List gives the points, oldest first.
func (e *Engine) List(ctx context.Context) ([]backup.Point, error) {
	all, unread, err := e.listed(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot list restore points: %w", err)
	}
	var list []backup.Point
	points := current(all)
	for _, id := range slices.Sorted(maps.Keys(points)) {
		p, err := e.read(ctx, points[id])
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if err != nil {
			p = backup.Point{ID: id, Broken: err.Error()}
		}
		list = append(list, p)
	}
	if unread != "" { // whose it is nobody can tell
		list = append(list, backup.Point{ID: "unreadable", Broken: unread})
	}
	slices.SortStableFunc(list, func(x, y backup.Point) int { return x.Made.Compare(y.Made) })
	return list, nil
}

// made is the id of the repository that points were kept in, by the note of this
// computer; empty: none yet.
func (e *Engine) made() (string, error) {
	text, err := e.FS.ReadFile(e.path(known))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("cannot tell which repository is meant: %w", err)
	}
	id, place, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if place != e.Repository {
		return "", nil // it has moved
	}
	return id, nil
}

// open makes sure that the repository is there, and that it is the same one. A
// volume that is not mounted is no place for a new one.
func (e *Engine) open(ctx context.Context) error {
	e.mu.Lock()
	there := e.there
	e.mu.Unlock()
	if there {
		return nil
	}
	made, err := e.made()
	if err != nil {
		return err
	}
	out, err := e.look(ctx, call{args: []string{"cat", "config", "--no-lock"}})
	if code(err) == exitMissing && made == "" {
		if _, err := e.run(ctx, call{args: []string{"init", "--json"}, writes: true}); err != nil {
			return err
		}
		out, err = e.run(ctx, call{args: []string{"cat", "config", "--no-lock"}})
	}
	if err != nil {
		return err
	}
	id, err := e.identify(out, made)
	if err != nil {
		return err
	}
	if made == "" {
		if err := e.FS.MkdirAll(e.Dir, 0o700); err != nil {
			return err
		}
		if err := e.FS.WriteFile(e.path(known), []byte(id+" "+e.Repository+"\n"), 0o600); err != nil {
			return err
		}
	}
	e.mu.Lock()
	e.there = true
	e.mu.Unlock()
	return nil
}

// Reach looks whether points can be kept in the repository, and makes nothing.
func (e *Engine) Reach(ctx context.Context) error {
	made, err := e.made()
	if err != nil {
		return err
	}
	out, err := e.look(ctx, call{args: []string{"cat", "config", "--no-lock"}})
	switch {
	case code(err) == exitMissing && made == "" && e.local():
		list, err := e.FS.ReadDir(e.Repository)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot look at %s: %w", e.Repository, err)
		}
		if len(list) > 0 {
			return &backup.PlaceError{Msg: e.Repository + " is no restic repository, and not empty", Now: "name an empty folder, or one that is not there yet"}
		}
		return nil
	case code(err) == exitMissing && made == "":
		return nil
	case err != nil:
		return err
	}
	_, err = e.identify(out, made)
	return err
}

// identify reads which repository it is, and refuses another than that of the
// note.
func (e *Engine) identify(config []byte, made string) (string, error) {
	var c struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(config, &c); err != nil || c.ID == "" {
		return "", fmt.Errorf("cannot read what restic says of the repository: %.200q", config)
	}
	if made != "" && made != c.ID {
		return "", &backup.PlaceError{Msg: fmt.Sprintf("another restic repository lies at %s than the one that restore points were kept in", Shown(e.Repository)),
			Now: "is the right volume mounted? If it is meant, remove " + e.path(known)}
	}
	return c.ID, nil
}
