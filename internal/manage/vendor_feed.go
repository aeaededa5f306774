package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/bundle"
	"upkeep/internal/channel"
	"upkeep/internal/feed"
	"upkeep/internal/step"
	"upkeep/internal/vendor"
)

// What package vendor says, for faces.
type (
	FeedApplied   = vendor.Applied
	FeedPending   = vendor.Pending
	FeedStatus    = vendor.Status
	FeedDraft     = vendor.Draft
	FeedPublished = vendor.Published
	FeedRotation  = vendor.Rotation
)

// The levels of a feed's status.
const (
	FeedFine    = vendor.LevelFine
	FeedSoon    = vendor.LevelSoon
	FeedExpired = vendor.LevelExpired
)

// VendorFeed is a feed as its vendor changes it.
type VendorFeed struct {
	Dir        string
	Keys       []string          // files and folders of those who sign
	Passphrase vendor.Passphrase // of a key
	Lifetimes  []string          // ROLE=DAYS
	feed       *vendor.Feed
	keys       []*vendor.Key
}

// open takes the feed's lock and reads the keys.
func (v *VendorFeed) open(fresh bool) (done func(), err error) {
	dir, err := filepath.Abs(v.Dir)
	if err != nil {
		return nil, err
	}
	fsys := realFiles()
	v.feed = &vendor.Feed{FS: fsys, Dir: dir, Now: time.Now, Lifetimes: vendor.Lifetimes{}, Patch: feed.Patches{FS: fsys}}
	for _, l := range v.Lifetimes {
		role, text, _ := strings.Cut(l, "=")
		n, err := strconv.Atoi(strings.TrimSuffix(text, "d"))
		if _, known := vendor.DefaultLifetimes()[role]; err != nil || n < 1 || n > 3650 || !known {
			return nil, &step.UserError{Msg: fmt.Sprintf("%q is no lifetime", l), Now: "say ROLE=DAYS with a role among root, targets, product, snapshot, timestamp: timestamp=30d"}
		}
		v.feed.Lifetimes[role] = time.Duration(n) * 24 * time.Hour
	}
	if len(v.Keys) > 0 {
		if v.keys, err = readKeys(v.Passphrase, v.Keys); err != nil {
			return nil, err
		}
	}
	if !fresh && !isFolder(filepath.Join(dir, vendor.PendingDir)) {
		return nil, &step.UserError{Msg: dir + " is no feed", Now: "make one with: upkeep vendor feed create"}
	}
	if err := fsys.MkdirAll(filepath.Join(dir, vendor.PendingDir), 0o755); err != nil {
		return nil, err
	}
	l, held, err := takeLock(filepath.Join(dir, vendor.PendingDir, ".lock"))
	if err != nil {
		return nil, err
	}
	if held > 0 {
		return nil, &step.UserError{Msg: fmt.Sprintf("another command changes the feed %s (process %d)", dir, held), Now: "wait for it, and try again"}
	}
	return l.release, nil
}

func readKeys(passphrase vendor.Passphrase, paths []string) ([]*vendor.Key, error) {
	var all []string
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, err
		}
		all = append(all, abs)
	}
	return vendor.ReadKeys(realFiles(), passphrase, all...)
}

// change drafts something, and has the keys bring it live.
func (v *VendorFeed) change(renew bool, draft func() error) (FeedApplied, error) {
	return v.changeAt(false, renew, draft)
}

func (v *VendorFeed) changeAt(fresh, renew bool, draft func() error) (FeedApplied, error) {
	done, err := v.open(fresh)
	if err != nil {
		return FeedApplied{}, err
	}
	defer done()
	if err := draft(); err != nil {
		return FeedApplied{}, err
	}
	return v.feed.Apply(renew, v.keys...)
}

// Create makes the feed of the keys, by their names: root-…, targets-…, snapshot,
// timestamp. Public halves are enough for a draft.
func (v *VendorFeed) Create(rootNeeds, targetsNeeds int) (FeedApplied, error) {
	return v.changeAt(true, false, func() error {
		c := vendor.Ceremony{RootNeeds: rootNeeds, TargetsNeeds: targetsNeeds}
		for _, k := range v.keys {
			switch {
			case strings.HasPrefix(k.Name, vendor.RoleRoot):
				c.Root = append(c.Root, k)
			case strings.HasPrefix(k.Name, vendor.RoleTargets):
				c.Targets = append(c.Targets, k)
			case strings.HasPrefix(k.Name, vendor.RoleSnapshot):
				c.Snapshot = k
			case strings.HasPrefix(k.Name, vendor.RoleTimestamp):
				c.Timestamp = k
			}
		}
		return v.feed.Create(c)
	})
}

// AddProduct leaves a product's releases to keys, whose public halves are enough.
func (v *VendorFeed) AddProduct(product string, threshold int, of []string) (FeedApplied, error) {
	return v.change(false, func() error {
		keys, err := readKeys(v.Passphrase, of)
		if err != nil {
			return err
		}
		return v.feed.AddProduct(product, threshold, keys...)
	})
}

// Rotate changes who signs for a role or a product. add are key files.
func (v *VendorFeed) Rotate(role string, add, remove []string, threshold int) (FeedApplied, error) {
	return v.change(false, func() error {
		r := vendor.Rotation{Remove: remove, Threshold: threshold}
		if len(add) > 0 {
			var err error
			if r.Add, err = readKeys(v.Passphrase, add); err != nil {
				return err
			}
		}
		return v.feed.Rotate(role, r)
	})
}

// Renew signs roles anew; snapshot and timestamp in any case.
func (v *VendorFeed) Renew(roles []string) (FeedApplied, error) {
	return v.change(len(roles) == 0 || slices.Contains(roles, vendor.RoleTimestamp) || slices.Contains(roles, vendor.RoleSnapshot), func() error { return v.feed.Renew(roles...) })
}

// Apply has the keys sign the drafts, and brings live what has enough signatures.
func (v *VendorFeed) Apply() (FeedApplied, error) {
	return v.change(false, func() error { return nil })
}

// Promote, Withdraw and Block change what the feed says of a release. Empty
// reasons take a withdrawal or a block back.
func (v *VendorFeed) Promote(product, version string) (FeedApplied, error) {
	return v.change(false, func() error { return v.feed.Promote(product, version) })
}

// Withdraw is described at Promote.
func (v *VendorFeed) Withdraw(product, version, why string) (FeedApplied, error) {
	return v.change(false, func() error { return v.feed.Withdraw(product, version, why) })
}

// Block is described at Promote.
func (v *VendorFeed) Block(product, version, from, why string) (FeedApplied, error) {
	return v.change(false, func() error { return v.feed.Block(product, version, from, why) })
}

// FeedPublication is what came of publishing.
type FeedPublication struct {
	FeedPublished
	FeedApplied
}

// Publish brings a bundle into the feed and into a channel.
func (v *VendorFeed) Publish(ctx context.Context, path, in, notes string, patches int) (FeedPublication, error) {
	var out FeedPublication
	applied, err := v.change(false, func() error {
		if r := Lint(path); isFolder(path) && !r.Usable() {
			return &step.UserError{Msg: "the manifest of " + path + " has mistakes", Now: "see upkeep vendor lint " + path}
		}
		cache, err := os.MkdirTemp("", "upkeep-publish-")
		if err != nil {
			return fmt.Errorf("cannot unpack the bundle: %w", err)
		}
		defer func() { _ = realFiles().RemoveAll(cache) }()
		b, err := bundle.Open(ctx, realFiles(), path, bundle.Options{Cache: cache})
		if err != nil {
			return err
		}
		out.FeedPublished, err = v.feed.Publish(ctx, vendor.Publishing{Bundle: b, Channel: in, Notes: notes, Patches: patches})
		return err
	})
	out.FeedApplied = applied
	return out, err
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// FeedReport is a feed with its releases.
type FeedReport struct {
	FeedStatus
	Releases map[string][]channel.Release `json:"releases"` // by product
}

// Status tells what the feed is like. It changes nothing.
func (v *VendorFeed) Status() (FeedReport, error) {
	dir, err := filepath.Abs(v.Dir)
	if err != nil {
		return FeedReport{}, err
	}
	f := &vendor.Feed{FS: realFiles(), Dir: dir, Now: time.Now}
	out := FeedReport{Releases: map[string][]channel.Release{}}
	if out.FeedStatus, err = f.Status(); err != nil {
		return out, err
	}
	for _, product := range out.Products {
		x, err := f.Releases(product)
		if err != nil {
			return out, err
		}
		out.Releases[product] = x.Releases
	}
	return out, nil
}

// SignDraft adds signatures to a draft of a feed that was carried here.
func SignDraft(path string, keys []string, passphrase vendor.Passphrase) (FeedDraft, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return FeedDraft{}, err
	}
	var list []*vendor.Key
	if len(keys) > 0 {
		if list, err = signingKeys(keys, passphrase); err != nil {
			return FeedDraft{}, err
		}
	}
	return vendor.SignFile(realFiles(), abs, list...)
}

// signingKeys reads keys whose private halves are there.
func signingKeys(paths []string, passphrase vendor.Passphrase) ([]*vendor.Key, error) {
	list, err := readKeys(passphrase, paths)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(k *vendor.Key) bool { return !k.CanSign() })
	if len(list) == 0 {
		return nil, &step.UserError{Msg: "only public halves of keys are there", Now: "name the file that ends in " + vendor.PrivateSuffix}
	}
	return list, nil
}

// MadeKey is a key that was just made.
type MadeKey struct {
	Name      string `json:"name"`
	ID        string `json:"id"`
	File      string `json:"file"`
	Public    string `json:"public"`
	Encrypted bool   `json:"encrypted"`
}

// Ceremony are the names of all keys of a feed with one product.
func Ceremony() []string {
	return []string{"root-1", "root-2", "root-3", "root-4", "root-5", "targets-1", "targets-2", "targets-3", "release", vendor.RoleSnapshot, vendor.RoleTimestamp}
}

// OnlineKey says whether a key works by itself, on a computer that is always on.
func OnlineKey(name string) bool {
	return strings.HasPrefix(name, vendor.RoleSnapshot) || strings.HasPrefix(name, vendor.RoleTimestamp)
}

// CreateKeys makes keys in a folder. An empty passphrase leaves them readable.
func CreateKeys(dir string, names []string, passphrase func(name string) (string, error)) ([]MadeKey, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		for _, suffix := range []string{vendor.PrivateSuffix, vendor.PublicSuffix} {
			if _, err := realFiles().Lstat(filepath.Join(dir, name+suffix)); !errors.Is(err, fs.ErrNotExist) {
				return nil, &step.UserError{Msg: filepath.Join(dir, name+suffix) + " is there already: no key is ever replaced", Now: "name another folder"}
			}
		}
	}
	var out []MadeKey
	for _, name := range names {
		k, err := vendor.NewKey(name)
		if err != nil {
			return out, err
		}
		word, err := passphrase(name)
		if err != nil {
			return out, err
		}
		if err := vendor.WriteKey(realFiles(), dir, k, word, 0); err != nil {
			return out, err
		}
		out = append(out, MadeKey{name, k.ID, filepath.Join(dir, name+vendor.PrivateSuffix), filepath.Join(dir, name+vendor.PublicSuffix), word != ""})
	}
	return out, nil
}
