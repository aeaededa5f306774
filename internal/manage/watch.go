package manage

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/plan"
	"upkeep/internal/version"
)

// Watch is what was seen of the product's releases last, and what came of
// looking. It tells people; nothing is believed or installed for it.
type Watch struct {
	Feed      string        `json:"feed"`               // what people call it
	Signed    bool          `json:"signed,omitempty"`   // by its vendor; otherwise it only tells versions
	Looked    time.Time     `json:"looked,omitzero"`    // with success
	Tried     time.Time     `json:"tried,omitzero"`     // at all
	Problem   string        `json:"problem,omitempty"`  // what came of it, if that was no success
	Since     time.Time     `json:"since,omitzero"`     // of the problem: the first failure in a row
	Told      time.Time     `json:"told,omitzero"`      // when people were told of it
	Published Seen          `json:"published,omitzero"` // At: when, where that is told
	Detected  Seen          `json:"detected,omitzero"`  // by the product's own service, where it has one that looks
	Order     string        `json:"order,omitempty"`    // of versions
	Versions  []string      `json:"versions,omitempty"` // of a listed order
	Every     time.Duration `json:"every,omitempty"`    // how long a look counts as fresh, nanoseconds
	Fetched   *Prefetched   `json:"fetched,omitempty"`  // what was fetched ahead last
	Install   *AutoInstall  `json:"install,omitempty"`  // what was installed, or not, without a person
}

// Seen is a version with its times.
type Seen struct {
	Version string    `json:"version"`
	At      time.Time `json:"at,omitzero"`
	First   time.Time `json:"first,omitzero"` // seen here
}

// Prefetched is what came of fetching a release ahead of its upgrade.
type Prefetched struct {
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	Bytes   int64     `json:"bytes,omitempty"`
	Problem string    `json:"problem,omitempty"`
}

// AutoInstall is what came of an upgrade that no person has begun.
type AutoInstall struct {
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	Why     string    `json:"why,omitempty"` // it is not installed; empty: it is
	// Key stands for the circumstances, where it is not tried again under the same ones.
	Key string `json:"key,omitempty"`
}

// watchEvery is how long a look counts as fresh where the product does not say.
const watchEvery = time.Hour

// watchLost is how long nobody may look before that is worth saying.
const watchLost = 48 * time.Hour

func (in *Installation) watchPath() string { return filepath.Join(in.feedDir(), "watch.json") }

// watched reads what was seen last; empty when nobody has looked yet.
func (in *Installation) watched() (Watch, error) {
	var w Watch
	raw, err := in.FS.ReadFile(in.watchPath())
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return w, fmt.Errorf("cannot read what was seen of the releases: %w", err)
	}
	if json.Unmarshal(raw, &w) != nil {
		return Watch{}, nil // it is written anew
	}
	return w, nil
}

// noteWatch changes what is remembered.
func (in *Installation) noteWatch(ctx context.Context, change func(*Watch)) (Watch, error) {
	fail := func(err error) (Watch, error) {
		return Watch{}, fmt.Errorf("cannot note what was seen of the releases: %w", err)
	}
	if err := in.FS.MkdirAll(in.feedDir(), 0o700); err != nil {
		return fail(err)
	}
	release, err := in.feedLock(ctx)
	if err != nil {
		return fail(err)
	}
	defer release()
	w, err := in.watched()
	if err != nil {
		return fail(err)
	}
	change(&w)
	raw, err := json.MarshalIndent(w, "", " ")
	if err == nil {
		err = in.FS.WriteFile(in.watchPath(), append(raw, '\n'), 0o600)
	}
	if err != nil {
		return fail(err)
	}
	return w, nil
}

// failed takes down that a look was no success.
func (w *Watch) failed(now time.Time, err error) {
	if w.Problem == "" {
		w.Since = now
	}
	w.Tried, w.Problem = now, err.Error()
}

// saw takes down a success.
func (w *Watch) saw(now time.Time, published Seen) {
	w.Looked, w.Tried, w.Problem, w.Since, w.Told = now, now, "", time.Time{}, time.Time{}
	published.First = now
	if w.Published.Version == published.Version && !w.Published.First.IsZero() {
		published.First = w.Published.First
	}
	w.Published = published
}

func (w *Watch) order() (version.Order, error) {
	if len(w.Versions) > 0 {
		return version.Listed(w.Versions)
	}
	return version.Parse(w.Order)
}

// older says that version a comes before b; false where that cannot be told.
func (w *Watch) older(a, b string) bool {
	o, err := w.order()
	if err != nil {
		return false
	}
	c, err := o.Compare(a, b)
	return err == nil && c < 0
}

// Watching is where an installation is against what is published. Nobody is asked
// for it.
type Watching struct {
	Watch
	Installed []string      `json:"installed"`        // releases that its units are on
	Behind    bool          `json:"behind,omitempty"` // one of them is older than what is published
	Late      time.Duration `json:"late,omitempty"`   // for how long the product's own service has not seen what is published, nanoseconds
	Lost      bool          `json:"lost,omitempty"`   // nobody looks any more
	Timer     bool          `json:"timer"`            // one of setup-host's looks
}

// Wants says that what is published is not installed, as far as is known.
func (w *Watching) Wants() bool {
	return w.Published.Version != "" && (w.Behind || len(w.Installed) == 0)
}

// lateDay is how long what is published may go without being seen.
const lateDay = 24 * time.Hour

// Doubt says that something keeps releases from being seen or offered.
func (w *Watching) Doubt() bool {
	return w.Lost || w.Late >= lateDay || w.Problem != "" || w.Fetched != nil && w.Fetched.Problem != ""
}

// watching gives it; nil where there is no feed, or nobody has looked yet.
func (in *Installation) watching(record []journal.Installed, found map[string]string, now time.Time) *Watching {
	w, err := in.watched()
	if err != nil {
		return nil // the doctor says so
	}
	in.known(&w)
	if w.Tried.IsZero() {
		return nil
	}
	out := &Watching{Watch: w, Installed: releasesOf(record, found), Timer: NewMachine(in.Exe).hasTimer(feedUnit + in.Doc.ID)}
	for _, v := range out.Installed {
		out.Behind = out.Behind || w.Published.Version != "" && w.older(v, w.Published.Version)
	}
	if out.Behind {
		out.Late = w.late(now)
	}
	quiet := max(watchLost, 3*cmp.Or(w.Every, watchEvery))
	carried := in.Doc.Feed != nil && len(in.Doc.Feed.URLs) == 0 // by hand: nobody is to look
	out.Lost = !carried && now.Sub(cmp.Or(w.Looked, w.Since)) > quiet
	return out
}

// known puts in what the signed feed knows meanwhile: other commands look, too,
// and import.
func (in *Installation) known(w *Watch) {
	f, err := in.Feed(nil)
	if err != nil {
		return
	}
	x, s, err := f.Known()
	if err != nil || s.Tried.IsZero() || s.Tried.Before(w.Tried) {
		return
	}
	w.Feed, w.Signed, w.Tried, w.Problem = f.Name(), true, s.Tried, s.Problem
	if !s.Refreshed.IsZero() {
		w.Looked = s.Refreshed
	}
	if s.Problem == "" {
		w.Since = time.Time{}
	} else if w.Since.IsZero() {
		w.Since = s.Tried
	}
	if x == nil {
		return
	}
	if r := x.Latest(f.Channel()); r != nil {
		w.Published = Seen{Version: r.Version, At: r.Published, First: s.Seen[r.Version]}
	}
}

// late is for how long the product's own service could have seen what is published
// and has not.
func (w *Watch) late(now time.Time) time.Duration {
	if w.Published.Version == "" || w.Detected.Version == "" || !w.older(w.Detected.Version, w.Published.Version) {
		return 0
	}
	return lateSince(now, w.Published)
}

// lateSince counts from the publication, or else from when it was seen here first.
func lateSince(now time.Time, published Seen) time.Duration {
	since := cmp.Or(published.At, published.First)
	if since.IsZero() || since.After(now) {
		return 0
	}
	return now.Sub(since)
}

// releasesOf are the releases that units are on, each once. What their files say
// counts before what was recorded.
func releasesOf(record []journal.Installed, found map[string]string) []string {
	out := []string{}
	for _, r := range record {
		v := cmp.Or(r.Release, r.Version)
		if is := found[plan.UnitID(r.Component, r.Instance)]; is != "" && is != r.Version {
			v = is
		}
		if v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
