package manage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"upkeep/internal/channel"
	"upkeep/internal/feed"
	"upkeep/internal/feed/trust"
	"upkeep/internal/site"
)

// fedReleases are releases of Upkeep from a feed.
type fedReleases struct {
	feed  *feed.Feed
	index *channel.Index
	vouch feed.Vouch
}

// ownFeed is the feed that the computer's document names. What is known of it,
// and what was fetched, is kept beside the states of installations.
func (m *Machine) ownFeed(d *site.Feed) (ownReleases, error) {
	dir, err := m.ownState()
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, "feed")
	source, err := feedSource(m.FS, d.URLs, d.Proxy, d.CA)
	if err != nil {
		return nil, err
	}
	return &fedReleases{feed: feed.New(feed.Options{
		FS: m.FS, Dir: dir, Product: ownProduct, Channel: d.Channel, Source: source, Rate: d.Rate, Name: strings.Join(d.URLs, ", "),
		Root: func() ([]byte, error) { return m.FS.ReadFile(d.Root) },
		Lock: func(ctx context.Context) (func(), error) {
			return lockFeed(ctx, filepath.Join(dir, "lock"), "the feed of Upkeep", patience)
		},
	})}, nil
}

// ownState is where Upkeep keeps what it knows of its own releases. Ids of
// installations do not begin with a dot.
func (m *Machine) ownState() (string, error) {
	if os.Geteuid() == 0 {
		return filepath.Join(m.Root, sharedState, ".self"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("cannot tell where to keep what is known of releases of Upkeep: %w", err)
	}
	return filepath.Join(home, ".local/state/upkeep/.self"), nil
}

// Newest looks at the feed. Where it is out of reach, what is known counts as long
// as the feed's word holds.
func (r *fedReleases) Newest(ctx context.Context, wanted string) (string, error) {
	_, looked := r.feed.Refresh(ctx)
	var e *trust.Error
	if looked != nil && !(errors.As(looked, &e) && e.Kind == trust.Unreachable) {
		return "", looked
	}
	var err error
	if r.index, r.vouch, err = r.feed.Vouched(ctx); err != nil {
		return "", errors.Join(looked, err)
	}
	if wanted != "" {
		if x := r.index.Find(wanted); x == nil {
			e := &feed.NoReleaseError{Feed: r.feed.Name(), Version: wanted}
			for _, have := range r.index.Releases {
				e.Have = append(e.Have, have.Version)
			}
			return "", e
		}
		return wanted, nil
	}
	latest := r.index.Latest(r.feed.Channel())
	if latest == nil {
		return "", fmt.Errorf("the feed %s has no release of Upkeep in the channel %s", r.feed.Name(), r.feed.Channel())
	}
	return latest.Version, nil
}

// At fetches the release.
func (r *fedReleases) At(ctx context.Context, version string) (string, string, error) {
	if x := r.index.Find(version); x != nil && x.Withdrawn != "" {
		return "", "", fmt.Errorf("Upkeep %s is withdrawn: %s", version, x.Withdrawn)
	}
	if _, _, err := r.feed.Fetch(ctx, version); err != nil {
		return "", "", err
	}
	return r.feed.Dir(version), fmt.Sprintf("of the feed %s (root %s)", r.vouch.Feed, r.vouch.RootID()), nil
}
