package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/feed/trust"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/service/systemd"
)

const stampLayout = "2006-01-02 15:04 UTC"

func stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

// lookFeed finds what keeps releases from being seen, and those that are to come
// by themselves from coming. Where nobody has ever looked, nobody wants to know.
func lookFeed(ctx context.Context, c *consultation) ([]Symptom, error) {
	w := c.status.Watching
	if _, err := c.watched(); err != nil {
		return nil, err
	}
	if w == nil {
		return nil, nil
	}
	now := time.Now()
	var out []Symptom
	if w.Tried.After(now.Add(5 * time.Minute)) {
		out = append(out, Symptom{ID: "feed-clock", Text: "the clock of this computer was set back, or was ahead when it looked for releases", Evidence: fmt.Sprintf("it looked at %s, and now is %s", stamp(w.Tried), stamp(now)),
			Try: []Remedy{{Command: []string{"timedatectl"}, Text: "says what the clock is kept by", Shows: true}}})
	}
	s, err := c.feedTimer(ctx, w)
	if err != nil {
		return out, err
	}
	out = append(out, s...)
	if w.Problem != "" {
		out = append(out, c.feedProblem(w))
	} else if s := c.feedWord(now); s != nil {
		out = append(out, *s)
	}
	s, err = c.feedFolder(ctx)
	if err != nil {
		return out, err
	}
	out = append(out, s...)
	if f := w.Fetched; f != nil && f.Problem != "" {
		out = append(out, Symptom{ID: "feed-fetch", Text: fmt.Sprintf("release %s could not be fetched ahead of its upgrade", f.Version), Evidence: fmt.Sprintf("%s (%s)", f.Problem, stamp(f.At)),
			Try: []Remedy{{Command: []string{"df", "-h", c.feedDir()}, Text: "says how much room is left there", Shows: true}, {Upkeep: []string{"feed", "fetch"}, Text: "goes on where it stopped"}}})
	}
	if i := w.Install; i != nil && i.Why != "" && w.Wants() && i.Version == w.Published.Version {
		out = append(out, Symptom{ID: "feed-install", Text: fmt.Sprintf("%s is not installed by itself", i.Version), Evidence: fmt.Sprintf("%s (%s)", i.Why, stamp(i.At)),
			Try: []Remedy{{Upkeep: []string{"plan", "--to", i.Version}, Text: "says what is in the way", Shows: true}, {Upkeep: []string{"upgrade", "--to", i.Version}, Text: "shows the plan and asks", Choice: true}}})
	}
	return out, nil
}

// feedTimer finds that nobody looks any more.
func (c *consultation) feedTimer(ctx context.Context, w *Watching) ([]Symptom, error) {
	unit := feedUnit + c.Doc.ID + ".timer"
	since := "it was never looked at with success"
	if !w.Looked.IsZero() {
		since = "it was looked at last on " + stamp(w.Looked)
	}
	if w.Timer && systemd.Booted() {
		v, err := c.probes.Check(ctx, plan.Probe{Source: "timer", Args: []string{unit}, Expect: []string{"active"}})
		if err != nil {
			return nil, err
		}
		if !v.OK {
			return []Symptom{{ID: "feed-timer", Text: "the timer that looks for releases does not run", Evidence: v.Evidence + "; " + since,
				Try: []Remedy{{Command: []string{"systemctl", "enable", "--now", unit}, As: "root", Text: "starts it, now and with the computer"}}}}, nil
		}
	}
	if !w.Lost || w.Problem != "" {
		return nil, nil
	}
	s := Symptom{ID: "feed-lost", Text: "nobody looks for releases any more", Evidence: since, Try: []Remedy{{Upkeep: []string{"feed", "refresh"}, Text: "looks once"}}}
	if c.Root && systemd.Booted() && !w.Timer {
		s.Try = []Remedy{{Upkeep: []string{"setup-host", "--feed", "hourly"}, Text: "has a timer look", Choice: true}, s.Try[0]}
	}
	return []Symptom{s}, nil
}

// feedProblem is why the last look was no success.
func (c *consultation) feedProblem(w *Watching) Symptom {
	s := Symptom{ID: "feed-failing", Text: "the feed could not be looked at since " + stamp(w.Since), Evidence: w.Problem, Else: c.support()}
	kind := trust.Kind("")
	if f, err := c.Feed(nil); err == nil {
		if _, state, err := f.Known(); err == nil {
			kind = state.Kind
		}
	}
	switch kind {
	case trust.ClockBack:
		s.Try = append(s.Try, Remedy{Command: []string{"timedatectl"}, Text: "says what the clock is kept by", Shows: true})
	case trust.Expired:
		s.Try = append(s.Try, Remedy{Command: []string{"timedatectl"}, Text: "says whether the clock of this computer is right", Shows: true},
			Remedy{Text: "if the clock is right, the vendor has to sign the feed anew: ask for it"})
	}
	s.Try = append(s.Try, Remedy{Upkeep: []string{"feed", "refresh"}, Text: "looks again"})
	return s
}

// feedWord finds that the word of a signed feed has ended, or soon will.
func (c *consultation) feedWord(now time.Time) *Symptom {
	f, err := c.Feed(nil)
	if err != nil {
		return nil
	}
	_, s, err := f.Known()
	if err != nil || s.Until.IsZero() || s.Until.Sub(now) > lateDay {
		return nil
	}
	out := &Symptom{ID: "feed-ends", Text: "the feed's word ends soon; upgrades wait then until its vendor has signed it anew", Evidence: "it holds until " + stamp(s.Until) + "; looked at on " + stamp(s.Refreshed)}
	if now.After(s.Until) {
		out.Text = "the feed's word has ended, and upgrades wait for a newer one"
		out.Evidence = "it held until " + stamp(s.Until) + "; looked at on " + stamp(s.Refreshed)
	}
	if f.Remote() {
		out.Try = []Remedy{{Upkeep: []string{"feed", "refresh"}, Text: "sees whether it was signed anew"}}
	} else {
		out.Try = []Remedy{{Text: "bring a newer file of the feed, for upkeep feed import"}}
	}
	out.Try = append(out.Try, Remedy{Text: "if that does not help, ask the vendor to sign the feed anew"})
	return out
}

// feedFolder finds folders that those cannot write who have to.
func (c *consultation) feedFolder(ctx context.Context) ([]Symptom, error) {
	var out []Symptom
	dir := c.feedDir()
	if v, err := c.probes.Check(ctx, plan.Probe{Source: "writable", Args: []string{dir}}); err == nil && !v.OK {
		out = append(out, Symptom{ID: "feed-folder", Text: "what is seen of releases cannot be kept: the folder cannot be written", Evidence: v.Evidence,
			Try: []Remedy{{Text: fmt.Sprintf("the system administrator grants %s write access to %s", c.Account, dir)}}})
	}
	return out, nil
}

// lookSeen finds a version that was published at least a day ago and that nobody
// here has seen, the product's own service above all. What the vendor asks by a
// probe of its own is not told twice.
func lookSeen(ctx context.Context, c *consultation) ([]Symptom, error) {
	if !c.looksFor(c.product) || c.unseen != nil {
		return nil, c.unseen
	}
	if slices.ContainsFunc(c.product.Remedies, func(r manifest.Remedy) bool { return r.Probe.Source == "feed" }) {
		return nil, nil
	}
	f, err := c.feedReading(ctx)
	if err != nil {
		return nil, err
	}
	out, err := c.feedCache(ctx)
	behind := slices.ContainsFunc(releasesOf(c.status.Record, c.status.Found), func(v string) bool {
		o, err := plan.OrderOf(c.product)
		if err != nil {
			return false
		}
		older, err := o.Compare(v, f.Published)
		return err == nil && older < 0
	})
	if f.Late < lateDay || !behind || err != nil {
		return out, err
	}
	s := Symptom{ID: "feed-unseen", Text: "a version that was published a day ago is not seen", Evidence: c.threeVersions(f), Else: c.support(), Try: []Remedy{{Upkeep: []string{"feed", "refresh"}, Text: "looks now"}}}
	if c.product.Feed.Cache != nil {
		s.Text, s.Try = "the product's own service has not seen a version that was published a day ago", []Remedy{{Text: "restart the service of the product that looks for versions, and wait for its next look"}}
	}
	return append(out, s), nil
}

// looksFor says that the product's document tells where versions are published, and
// that somebody should have looked there: Upkeep, or a service of the product's own.
func (c *consultation) looksFor(p *manifest.Product) bool {
	return p.Feed != nil && c.Doc.Feed == nil && (c.status.Watching != nil || p.Feed.Cache != nil)
}

// threeVersions names what is installed, detected and published, each with its time.
func (c *consultation) threeVersions(f probe.FeedReading) string {
	at := func(version, word string, t time.Time) string {
		if version == "" {
			version = "nothing"
		}
		if t.IsZero() {
			return version
		}
		return fmt.Sprintf("%s (%s %s)", version, word, stamp(t))
	}
	installed := strings.Join(releasesOf(c.status.Record, c.status.Found), " and ")
	return fmt.Sprintf("installed is %s, detected %s, published %s", installed, at(f.Detected, "at", f.DetectedAt), at(f.Published, "on", f.PublishedAt))
}

// feedCache finds that none of the accounts of the product's services can write
// what they have seen.
func (c *consultation) feedCache(ctx context.Context) ([]Symptom, error) {
	t, err := c.teller(c.product)
	if err != nil || t.cache == nil {
		return nil, err
	}
	var accounts []string
	for _, s := range c.product.Services {
		spec, err := c.resolver.Service(s)
		if err != nil {
			return nil, err
		}
		if as := spec.As; as != "" && !slices.Contains(accounts, as) {
			accounts = append(accounts, as)
		}
	}
	where := t.cache.File
	if _, err := c.FS.Stat(where); errors.Is(err, fs.ErrNotExist) {
		where = filepath.Dir(where)
	}
	evidence := ""
	for _, as := range accounts {
		v, err := c.probes.Check(ctx, plan.Probe{Source: "writable", Args: []string{where}, As: as})
		if err != nil || v.OK {
			return nil, err
		}
		evidence = v.Evidence
	}
	if len(accounts) == 0 {
		return nil, nil
	}
	who := strings.Join(accounts, " or ")
	return []Symptom{{ID: "feed-cache", Text: fmt.Sprintf("%s cannot write what the product has seen of versions", who), Evidence: evidence, Else: c.support(),
		Try: []Remedy{{Text: fmt.Sprintf("the system administrator grants %s write access to %s", who, filepath.Dir(t.cache.File))}}}}, nil
}
