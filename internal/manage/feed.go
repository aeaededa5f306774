package manage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"upkeep/internal/channel"
	"upkeep/internal/durable"
	"upkeep/internal/feed"
	"upkeep/internal/feed/fetch"
	"upkeep/internal/feed/trust"
	"upkeep/internal/step"
)

func (in *Installation) feedDir() string {
	return cmp.Or(in.feedAside, filepath.Join(in.State, "feed"))
}

// NoFeedError says that the installation has no feed.
type NoFeedError struct{ Document string }

func (e *NoFeedError) Error() string {
	return fmt.Sprintf("this installation has no feed: write feed: {url: …, root: {file: …}} in %s, or name a bundle with --from", e.Document)
}

// Feed is where the releases of the installation come from. It touches nothing
// yet. progress may be nil.
func (in *Installation) Feed(progress func(file string, done, total int64)) (*feed.Feed, error) {
	d := in.Doc.Feed
	if d == nil {
		return nil, &NoFeedError{Document: in.Path}
	}
	source, err := in.source()
	if err != nil {
		return nil, err
	}
	return feed.New(feed.Options{
		FS: in.FS, Dir: in.feedDir(), Product: in.Doc.Product, Channel: d.Channel, Source: source, Rate: d.Rate,
		Name: cmp.Or(strings.Join(d.URLs, ", "), "of "+in.Doc.Product), Lock: in.feedLock, Bundles: []string{in.bundlesDir()}, Patch: feed.Patches{FS: in.FS}, Progress: progress,
		Root: func() ([]byte, error) {
			raw, err := in.FS.ReadFile(in.place(d.Root))
			if err == nil && len(raw) > trust.MaxRoot {
				err = fmt.Errorf("%s is no root of a feed: it has %d bytes", in.place(d.Root), len(raw))
			}
			return raw, err
		},
	}), nil
}

// source is where the feed lies; nil when the document names no address.
func (in *Installation) source() (fetch.Source, error) {
	d := in.Doc.Feed
	return feedSource(in.FS, d.URLs, d.Proxy, in.place(d.CA))
}

// feedSource is where a feed lies: folders and addresses, tried in this order;
// nil when there is none.
func feedSource(fsys durable.FS, urls []string, proxy, ca string) (fetch.Source, error) {
	var all []fetch.Source
	for _, u := range urls {
		if filepath.IsAbs(u) {
			all = append(all, fetch.Dir(fsys, u))
			continue
		}
		s, err := fetch.HTTP(fetch.HTTPOptions{Mirrors: []string{u}, Proxy: proxy, CAFile: ca, Agent: "upkeep/" + Version()})
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		return all[0], nil
	}
	return fetch.Mirrors(all...), nil
}

// feedPatience is how long a command waits for another one that is at work on
// the feed.
const feedPatience = 30 * time.Second

// feedLock keeps other processes from the folder of the feed. It is none of the
// installation's lock: a feed is looked at while a run is under way.
func (in *Installation) feedLock(ctx context.Context) (func(), error) {
	return lockFeed(ctx, filepath.Join(in.feedDir(), "lock"), "the feed", feedPatience)
}

// lockFeed keeps other processes from the folder of a feed. It waits for one
// that is at work there.
func lockFeed(ctx context.Context, path, what string, patience time.Duration) (func(), error) {
	for until := time.Now().Add(patience); ; {
		l, held, err := takeLock(path)
		if err != nil {
			return nil, err
		}
		if held == 0 {
			return l.release, nil
		}
		if time.Now().After(until) {
			return nil, &step.UserError{Msg: fmt.Sprintf("another upkeep command (process %d) is at work on %s", held, what), Now: "wait until it has ended, then try again"}
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return nil, context.Cause(ctx)
		}
	}
}

// feedAge is how old what is known of a feed may be before a command that needs
// it looks again by itself.
const feedAge = time.Hour

// vouched gives the index of releases as the feed vouches for it now. The feed is
// looked at first, unless that was done within the hour; where it is out of reach, what
// is known counts as long as the feed's word holds. The feed is given with every
// error but those about how it is described.
func (in *Installation) vouched(ctx context.Context) (*feed.Feed, *channel.Index, feed.Vouch, error) {
	f, err := in.Feed(nil)
	if err != nil {
		return nil, nil, feed.Vouch{}, err
	}
	_, state, err := f.Known()
	if err != nil {
		return f, nil, feed.Vouch{}, err
	}
	var looked error
	if f.Remote() && (state.Refreshed.IsZero() || state.Problem != "" || time.Since(state.Refreshed) > feedAge || time.Since(state.Refreshed) < 0) {
		if _, looked = f.Refresh(ctx); ctx.Err() != nil {
			return f, nil, feed.Vouch{}, context.Cause(ctx)
		}
	}
	if looked != nil && !trust.Is(looked, trust.Unreachable, trust.Busy) && !readOnly(looked) {
		return f, nil, feed.Vouch{}, looked
	}
	x, v, err := f.Vouched(ctx)
	switch {
	case err != nil && looked != nil:
		err = looked
	case trust.Is(err, trust.NotPinned) && !f.Remote():
		err = &step.UserError{Msg: "nothing of the feed has come here yet, and the installation document names no address of it", Now: "bring its releases with upkeep feed import FILE"}
	}
	return f, x, v, err
}

// readOnly: somebody who may only look has asked.
func readOnly(err error) bool { return errors.Is(err, os.ErrPermission) }

// distrust makes a refusal of an upgrade out of what is wrong with a feed; what
// is not about trust stays an error.
func distrust(err error) error {
	var e *trust.Error
	if err == nil || !errors.As(err, &e) || e.Kind == trust.Unreachable || e.Kind == trust.Busy {
		return err
	}
	return &RefusedError{What: "the feed cannot be believed", Reasons: []string{err.Error(), "only upgrades wait for that: status, backup, back and restore go on working"}}
}

// distrust is that of a first install, too, which has nothing that goes on.
func (in *Installation) distrust(err error) error {
	err = distrust(err)
	var e *RefusedError
	if in.feedAside != "" && errors.As(err, &e) {
		e.Reasons = e.Reasons[:1]
	}
	return err
}
