package feed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"upkeep/internal/channel"
	"upkeep/internal/feed/fetch"
	"upkeep/internal/feed/trust"
	"upkeep/internal/step"
)

// State is what is remembered of looking at the feed. Nothing is believed for it:
// it tells people when.
type State struct {
	Refreshed time.Time            `json:"refreshed,omitzero"` // looked at with success
	Tried     time.Time            `json:"tried,omitzero"`     // looked at
	Problem   string               `json:"problem,omitempty"`  // what came of it, if that was no success
	Kind      trust.Kind           `json:"kind,omitempty"`     // of the problem
	Until     time.Time            `json:"until,omitzero"`     // until when the feed's word holds
	Seen      map[string]time.Time `json:"seen,omitempty"`     // version to when it was seen first
}

func (f *Feed) state() (State, error) {
	var s State
	raw, err := f.o.FS.ReadFile(f.at("state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("cannot read when the feed was looked at: %w", err)
	}
	if json.Unmarshal(raw, &s) != nil {
		return State{}, nil // it is written anew
	}
	return s, nil
}

func (f *Feed) setState(s State) error {
	raw, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	if err := f.o.FS.WriteFile(f.at("state.json"), append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot note when the feed was looked at: %w", err)
	}
	return nil
}

// Known gives what is stored, whether or not the feed's word for it holds any
// more. The index is nil before the first look. For showing; nothing may be installed by it.
func (f *Feed) Known() (*channel.Index, State, error) {
	s, err := f.state()
	if err != nil {
		return nil, s, err
	}
	raw, err := f.o.FS.ReadFile(f.index())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s, nil
	}
	if err != nil {
		return nil, s, fmt.Errorf("cannot read the index of releases: %w", err)
	}
	x, err := f.decode(raw)
	return x, s, err
}

// Refreshed is what a look at the feed has found.
type Refreshed struct {
	trust.Report
	Index *channel.Index
	New   []string // versions that were not seen before
}

// Refresh looks at the feed.
func (f *Feed) Refresh(ctx context.Context) (Refreshed, error) {
	if f.o.Source == nil {
		return Refreshed{}, &step.UserError{Msg: "the installation document names no address of the feed", Now: "bring its releases with upkeep feed import FILE, or write feed: {url: …}"}
	}
	release, err := f.lock(ctx)
	if err != nil {
		return Refreshed{}, err
	}
	defer release()
	return f.refresh(ctx, f.o.Source)
}

// refresh looks at the feed in a source, and notes what came of it. The lock is held.
func (f *Feed) refresh(ctx context.Context, from fetch.Source) (Refreshed, error) {
	s, err := f.state()
	if err != nil {
		return Refreshed{}, err
	}
	out, err := f.look(ctx, from)
	s.Tried, s.Problem, s.Kind = f.o.Now().UTC().Truncate(time.Second), "", ""
	if err != nil {
		if ctx.Err() != nil {
			return out, err
		}
		s.Problem = err.Error()
		var e *trust.Error
		if errors.As(err, &e) {
			s.Kind = e.Kind
		}
		return out, errors.Join(err, f.setState(s))
	}
	s.Refreshed, s.Until = s.Tried, out.Expires
	seen := map[string]time.Time{}
	for _, r := range out.Index.Releases {
		if seen[r.Version] = s.Seen[r.Version]; seen[r.Version].IsZero() {
			seen[r.Version], out.New = s.Tried, append(out.New, r.Version)
		}
	}
	s.Seen = seen
	return out, f.setState(s)
}

func (f *Feed) look(ctx context.Context, from fetch.Source) (Refreshed, error) {
	var out Refreshed
	c, err := f.client(from)
	if err != nil {
		return out, err
	}
	name := channel.IndexTarget(f.o.Product)
	var next bool
	var fetched int64
	// The new metadata counts when the index that it names is here, too: whatever
	// comes in between, one pair of both is believed.
	out.Report, err = c.RefreshHaving(ctx, func(t trust.Target) error {
		raw, brought, err := f.kept(t)
		if err != nil {
			return err
		}
		next = brought
		if raw == nil {
			if raw, err = f.small(ctx, from, t, channel.MaxBytes); err != nil {
				return err
			}
			fetched = int64(len(raw))
		}
		if out.Index, err = f.decode(raw); err != nil || fetched == 0 {
			return err
		}
		next = true
		if err := f.o.FS.WriteFile(f.nextIndex(), raw, 0o600); err != nil {
			return fmt.Errorf("cannot keep the index of releases: %w", err)
		}
		return nil
	}, name)
	if fetched > 0 {
		out.Requests++
		out.Bytes += fetched
	}
	if err != nil {
		return out, err
	}
	if out.Index == nil {
		_, err := c.Target(ctx, name)
		return out, f.noProduct(err)
	}
	if next {
		out.Changed = true
		if err := f.o.FS.Replace(f.nextIndex(), f.index()); err != nil {
			return out, fmt.Errorf("cannot keep the index of releases: %w", err)
		}
	}
	return out, f.sweep(out.Index)
}

// kept gives the index that is here, if it is the one that the metadata names;
// next says that a look has brought it, and was ended before it was in its place.
func (f *Feed) kept(t trust.Target) (raw []byte, next bool, err error) {
	for _, path := range []string{f.index(), f.nextIndex()} {
		raw, err := f.o.FS.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, false, fmt.Errorf("cannot read the index of releases: %w", err)
		}
		if sum := sha256.Sum256(raw); err == nil && hex.EncodeToString(sum[:]) == t.SHA256 {
			return raw, path == f.nextIndex(), nil
		}
	}
	return nil, false, nil
}

// small fetches a target into memory.
func (f *Feed) small(ctx context.Context, from fetch.Source, t trust.Target, most int64) ([]byte, error) {
	if t.Length > most {
		return nil, &trust.Error{Kind: trust.TooLong, Feed: f.o.Name, File: t.Name}
	}
	raw, err := f.fetcher(from, "").Small(ctx, "targets/"+t.Path, t.Length)
	if err != nil {
		kind := trust.Unreachable
		if errors.Is(err, fs.ErrNotExist) {
			kind = trust.NotThere
		}
		return nil, &trust.Error{Kind: kind, Feed: f.o.Name, File: t.Name, Err: err}
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != t.SHA256 {
		return nil, &trust.Error{Kind: trust.MixUp, Feed: f.o.Name, File: t.Name}
	}
	return raw, nil
}

// sweep removes what came of releases that the index does not have (any more),
// and what was begun of payloads that no release has.
func (f *Feed) sweep(x *channel.Index) error {
	payloads := map[string]bool{}
	for _, r := range x.Releases {
		for _, p := range r.Payloads {
			payloads[p.SHA256+fetch.Part] = true
		}
	}
	for dir, keeps := range map[string]func(name string) bool{
		"releases":  func(name string) bool { return x.Find(name) != nil },
		"documents": func(name string) bool { return x.Find(strings.TrimSuffix(name, fetch.Part)) != nil },
		"coming":    func(name string) bool { return payloads[name] },
	} {
		list, err := f.o.FS.ReadDir(f.at(dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot tidy up what has come: %w", err)
		}
		for _, e := range list {
			if keeps(e.Name) {
				continue
			}
			if err := f.o.FS.RemoveAll(f.at(dir, e.Name)); err != nil {
				return fmt.Errorf("cannot tidy up what has come: %w", err)
			}
		}
	}
	return nil
}
