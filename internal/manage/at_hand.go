package manage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"upkeep/internal/bundle"
	"upkeep/internal/plan"
	"upkeep/internal/scratch"
)

// AtHand is the newest release in a folder of bundles.
type AtHand struct {
	Version string
	Known   bool // which release is installed
	Behind  bool // a unit is on an older one
}

// NewestIn opens the bundles at from, and says which release of the product is the
// newest that is not withdrawn, against what s says is installed. That reads each
// bundle whole.
func (in *Installation) NewestIn(ctx context.Context, from string, s Status) (AtHand, error) {
	temp, err := scratch.New(in.FS, "", "releases")
	if err != nil {
		return AtHand{}, fmt.Errorf("cannot make a folder for reading the releases: %w", err)
	}
	defer temp.Close()
	rs, err := in.OpenReleases(ctx, from, temp.Path)
	if err != nil {
		return AtHand{}, err
	}
	order, err := plan.OrderOf(rs[0].Product)
	if err != nil {
		return AtHand{}, err
	}
	best, _, err := latest(order, rs)
	if err != nil || best.Release == nil {
		return AtHand{}, err
	}
	out := AtHand{Version: best.Release.Version}
	installed := releasesOf(s.Record, s.Found)
	out.Known = len(installed) > 0
	for _, v := range installed {
		c, err := order.Compare(v, out.Version)
		out.Behind = out.Behind || err == nil && c < 0 // what cannot be compared is no reason to offer it
	}
	return out, nil
}

// Stamp changes when a bundle at from is exchanged or another one comes.
func Stamp(from string) string {
	paths, err := bundlePaths(from)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, p := range paths {
		if i, err := os.Stat(p); err == nil && i.IsDir() {
			p = filepath.Join(p, bundle.SumsName)
		}
		if i, err := os.Stat(p); err == nil {
			fmt.Fprintf(&b, "%s %d %d\n", p, i.Size(), i.ModTime().UnixNano())
		}
	}
	return b.String()
}
