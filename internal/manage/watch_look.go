package manage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/site"
	"upkeep/internal/step"
)

// Look looks for releases now, whatever the kind of feed, and notes what came of it,
// also where that is no success. fresh are the versions that were not seen before.
func (in *Installation) Look(ctx context.Context) (fresh []string, err error) {
	fresh, err = in.lookNow(ctx)
	if err != nil && ctx.Err() == nil {
		in.unseen(ctx, time.Now())
	}
	return fresh, err
}

// unseen tells people, once, that nobody has seen the releases for long.
func (in *Installation) unseen(ctx context.Context, now time.Time) {
	w, err := in.watched()
	since := cmp.Or(w.Looked, w.Since)
	if err != nil || w.Problem == "" || !w.Told.IsZero() || since.IsZero() || now.Sub(since) <= watchLost || len(in.Doc.Notifications) == 0 {
		return
	}
	if _, err := in.noteWatch(ctx, func(w *Watch) { w.Told = now.UTC().Truncate(time.Second) }); err != nil {
		return // the next look tells
	}
	in.tell(ctx, notice{event: site.FeedUnseen, why: fmt.Sprintf("not since %s: %s", since.Format(timeForm), w.Problem)}, nil)
}

func (in *Installation) lookNow(ctx context.Context) (fresh []string, err error) {
	if in.Doc.Feed != nil {
		return in.lookSigned(ctx)
	}
	p, err := in.telling(ctx)
	if err != nil {
		return nil, err
	}
	return in.lookTold(ctx, p)
}

// CanLook says why there is nothing to look at.
func (in *Installation) CanLook(ctx context.Context) error {
	switch d := in.Doc.Feed; {
	case d == nil:
		_, err := in.telling(ctx)
		return err
	case len(d.URLs) == 0:
		return &step.UserError{Msg: "the installation document names no address of the feed", Now: "bring its releases with upkeep feed import FILE, or write feed: {url: …}"}
	}
	return nil
}

// telling is the product's document, which tells where versions are published.
func (in *Installation) telling(ctx context.Context) (*manifest.Product, error) {
	p, err := in.product(ctx, "")
	if err == nil && p.Feed == nil || errors.Is(err, errNoProduct) {
		return nil, &NoFeedError{Document: in.Path}
	}
	return p, err
}

func (in *Installation) lookSigned(ctx context.Context) ([]string, error) {
	f, err := in.Feed(nil)
	if err != nil {
		return nil, err
	}
	if err := in.CanLook(ctx); err != nil {
		return nil, err
	}
	got, err := f.Refresh(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	order, listed := "", []string(nil)
	if p, perr := in.product(ctx, ""); perr == nil {
		order, listed = p.Versions.Name, p.Versions.List
	}
	now := time.Now().UTC().Truncate(time.Second)
	_, noted := in.noteWatch(ctx, func(w *Watch) {
		w.Feed, w.Signed, w.Detected, w.Every = f.Name(), true, Seen{}, 0
		if order != "" || len(listed) > 0 {
			w.Order, w.Versions = order, listed
		}
		if err != nil {
			w.failed(now, err)
			return
		}
		var latest Seen
		if r := got.Index.Latest(f.Channel()); r != nil {
			latest = Seen{Version: r.Version, At: r.Published}
		}
		w.saw(now, latest)
	})
	return got.New, errors.Join(distrust(err), noted)
}

func (in *Installation) lookTold(ctx context.Context, p *manifest.Product) (fresh []string, err error) {
	t, err := in.teller(p)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	published, err := Seen{}, in.renew(ctx, t)
	if err == nil {
		r, lerr := t.source.Latest(ctx, in.states)
		published, err = Seen{Version: r.Version, At: r.At}, lerr
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	detected, seen := in.detected(ctx, t)
	_, noted := in.noteWatch(ctx, func(w *Watch) {
		w.Feed, w.Signed, w.Order, w.Versions, w.Every, w.Fetched, w.Install = t.source.Name, false, p.Versions.Name, p.Versions.List, t.every, nil, nil
		if seen == nil {
			w.Detected = detected
		}
		if err != nil {
			w.failed(now, err)
			return
		}
		if w.Published.Version != published.Version {
			fresh = []string{published.Version}
		}
		w.saw(now, published)
	})
	if seen != nil {
		seen = fmt.Errorf("cannot read what the product itself has seen: %w", seen)
	}
	return fresh, errors.Join(err, seen, noted)
}

// Prefetch brings the releases of the way to what is published, where the
// installation document wants that, and notes what came of it. It changes nothing
// of the product.
func (in *Installation) Prefetch(ctx context.Context) (FeedFetched, error) {
	if in.Doc.Feed == nil || !in.Doc.Feed.Prefetch {
		return FeedFetched{}, nil
	}
	s, err := in.Status(ctx)
	w := s.Watching
	if err != nil || w == nil || !w.Wants() {
		return FeedFetched{}, err
	}
	var got FeedFetched
	if err = in.roomAhead(ctx); err == nil {
		got, err = in.FeedFetch(ctx, "", nil)
	}
	if ctx.Err() != nil {
		return got, context.Cause(ctx)
	}
	if err == nil && got.Files == 0 && w.Fetched != nil && w.Fetched.Problem == "" && w.Fetched.Version == w.Published.Version {
		return got, nil
	}
	_, noted := in.noteWatch(ctx, func(w *Watch) {
		f := &Prefetched{Version: w.Published.Version, At: time.Now().UTC().Truncate(time.Second), Bytes: got.Bytes}
		if err != nil {
			f.Problem = err.Error()
		}
		w.Fetched = f
	})
	return got, errors.Join(err, noted)
}

// roomAhead refuses to fetch ahead what would leave the volume almost full: the
// product may write there, too.
func (in *Installation) roomAhead(ctx context.Context) error {
	need, err := in.costAhead(ctx)
	if err != nil || need == 0 {
		return err
	}
	v, err := in.FS.Free(in.feedDir())
	if err != nil {
		return fmt.Errorf("cannot tell how much room there is: %w", err)
	}
	if crowds(need, v) {
		return &step.UserError{Msg: fmt.Sprintf("too little room on the volume of %s: it takes %s, and %s are free", in.feedDir(), plan.Size(need), plan.Size(v.Free)), Now: "make room there; it is fetched then by itself"}
	}
	return nil
}

// crowds says that so many bytes more leave a volume almost full.
func crowds(need int64, v durable.VolumeInfo) bool {
	left := v.Free - need
	return left < 0 || left < littleBytes && left < v.Total/littlePart
}

// costAhead is the room that the latest release still takes; 0 where none is known.
func (in *Installation) costAhead(ctx context.Context) (int64, error) {
	f, err := in.Feed(nil)
	if err != nil {
		return 0, err
	}
	x, _, err := f.Known()
	if err != nil || x == nil {
		return 0, err
	}
	r := x.Latest(f.Channel())
	if r == nil {
		return 0, nil
	}
	c, err := f.Cost(ctx, r)
	need := c.Documents + c.Whole
	if c.Payloads < c.Whole { // patches lie beside what they make
		need += c.Payloads
	}
	return need, err
}

// Due is the version that is to be installed now without a person; empty when none
// is, and then why tells the reason where there is one.
func (in *Installation) Due(ctx context.Context, now time.Time) (version, why string, err error) {
	zone, err := in.zone()
	if err != nil {
		return "", "", err
	}
	between, windows, ok := in.Doc.Automatic(zone)
	if !ok {
		return "", "", nil
	}
	if _, open := between.At(now); !open {
		return "", "", nil
	}
	if _, open := windows.At(now); !open {
		return "", "", nil
	}
	s, err := in.Status(ctx)
	if err != nil {
		return "", "", err
	}
	w := s.Watching
	switch {
	case w == nil || w.Problem != "" || !w.Wants():
		return "", "", nil
	case s.Open != nil:
		return "", fmt.Sprintf("run %s is open", s.Open.ID), nil
	case s.Restoring != nil:
		return "", s.Restoring.Error(), nil
	}
	key, err := in.circumstances(w.Published.Version)
	if err != nil {
		return "", "", err
	}
	before, forever, err := in.wentWrong(ctx, w.Published.Version)
	if err != nil || before == "" {
		return w.Published.Version, "", err
	}
	told := w.Install != nil && w.Install.Version == w.Published.Version && w.Install.Key != ""
	switch {
	case told && w.Install.Key == key || told && forever:
		return "", w.Install.Why, nil
	case told:
		return w.Published.Version, "", nil // something is different now
	}
	return "", before, in.NoteInstall(ctx, w.Published.Version, before, true)
}

// wentWrong says what a person has had to do with a version already: it was tried and
// went back, or was taken back. What a person took back no timer brings again.
func (in *Installation) wentWrong(ctx context.Context, version string) (why string, forever bool, err error) {
	rows, err := in.Runs(ctx)
	if err != nil && !errors.Is(err, ErrNoJournal) {
		return "", false, err
	}
	for _, r := range rows { // the latest first
		switch {
		case r.Trigger == plan.TriggerBack && r.From == version && r.Result == run.ResultNew:
			return fmt.Sprintf("%s has taken it back (run %s): upkeep upgrade --to %s brings it again", r.By, r.ID, version), true, nil
		case r.To == version && r.Result == run.ResultOld:
			return fmt.Sprintf("run %s went back to %s: upkeep runs show %s says why", r.ID, r.From, r.ID), false, nil
		case r.To == version:
			return "", false, nil
		}
	}
	return "", false, nil
}

// circumstances stand for what a failure may have come from, beside the world.
func (in *Installation) circumstances(version string) (string, error) {
	f, err := in.Feed(nil)
	if err != nil {
		return "", err
	}
	x, _, err := f.Known()
	if err != nil || x == nil {
		return "", err
	}
	digest := ""
	if r := x.Find(version); r != nil {
		digest = r.Digest
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{version, digest, Version(), string(in.text)}, "\x00")))
	return hex.EncodeToString(sum[:]), nil
}

// NoteInstall takes down what came of an upgrade that no person has begun; an
// empty why says that the version is installed. once: a run has failed, which is not
// tried again before something changes; what only was refused is tried every time.
func (in *Installation) NoteInstall(ctx context.Context, version, why string, once bool) error {
	key, err := in.circumstances(version)
	if err != nil {
		return err
	}
	_, err = in.noteWatch(ctx, func(w *Watch) {
		if !once {
			key = ""
			if w.Install != nil && w.Install.Version == version {
				key = w.Install.Key
			}
		}
		w.Install = &AutoInstall{Version: version, At: time.Now().UTC().Truncate(time.Second), Why: why, Key: key}
	})
	return err
}

// PersonNeeded says for what a plan needs a person; nothing where it needs none.
func PersonNeeded(p *plan.Plan) string {
	var what []string
	for _, o := range p.Open() {
		what = append(what, o.Text)
	}
	for _, s := range p.Steps {
		if s.Verb == "tell" {
			what = append(what, strings.TrimPrefix(s.Title, "a person: "))
		}
	}
	if len(what) == 0 {
		return ""
	}
	return "it needs a person: " + strings.Join(what, "; ")
}
