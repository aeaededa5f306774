package trust

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"

	"upkeep/internal/durable"
)

// Getter fetches small files of a feed. Names are relative to the feed, with
// slashes: metadata/2.root.json. It refuses what is longer than max, with an
// error that has a method TooLong() bool; what is not there is fs.ErrNotExist.
// It is trusted with nothing.
type Getter interface {
	Small(ctx context.Context, name string, max int64) ([]byte, error)
}

// Options of a client. The zero value is good.
type Options struct {
	Feed string           // what errors call the feed: its address
	Now  func() time.Time // the clock; nil: the computer's
	// Lock keeps other processes from the folder until release is called;
	// nil: by a lock file in it, for which the folder is a real one.
	Lock func(ctx context.Context) (release func(), err error)
	// Root is for Offline: the root that the caller has pinned itself; nil:
	// the one that is pinned in the folder.
	Root []byte
	// EvenExpired is for Offline: what has expired since is believed, and
	// the clock is not asked. For a run that was begun and has to end.
	EvenExpired bool
}

// Client believes what a feed can prove.
type Client struct {
	fs   durable.FS
	dir  string
	get  Getter // nil: offline
	opt  Options
	mu   sync.Mutex
	set  *trustedmetadata.TrustedMetadata // nil before the first refresh
	work *work                            // of the set
}

// Target is a file that the feed vouches for.
type Target struct {
	Name   string // product/1.2.3/app.tar.zst
	Path   string // below targets/ of the feed, with its hash: product/1.2.3/HASH.app.tar.zst
	Length int64  // bytes
	SHA256 string // 64 hex digits
	Role   string // who has signed it
}

// Pin stores the root that everything begins with. Where roots are stored
// already they count, whatever was learnt of them since; another root of the
// same version is refused.
func Pin(fsys durable.FS, dir string, root []byte) error {
	c := &Client{fs: fsys, dir: dir}
	m, err := checkRoot(root)
	if err == nil && len(root) > MaxRoot {
		err = bad("it is longer than %d bytes", MaxRoot)
	}
	if err == nil {
		err = guard(func() error { return m.VerifyDelegate(metadata.ROOT, m) })
	}
	if err != nil {
		return c.fail("the root to pin", err, Damaged)
	}
	stored, err := c.versions(metadata.ROOT)
	if err != nil {
		return err
	}
	file := name(m.Signed.Version, metadata.ROOT)
	if len(stored) == 0 {
		if err := fsys.MkdirAll(dir, 0o755); err != nil {
			return storing(err)
		}
		return c.write(file, root)
	}
	if !slices.Contains(stored, m.Signed.Version) {
		return nil
	}
	there, err := c.stored(file, MaxRoot)
	if err != nil {
		return err
	}
	if old, err := checkRoot(there); err != nil || !reflect.DeepEqual(old.Signed, m.Signed) {
		return c.err(OtherRoot, file+" in "+dir, nil)
	}
	return nil
}

// Open gives a client for the folder dir, in which a root is pinned.
func Open(fsys durable.FS, dir string, get Getter, opt Options) (*Client, error) {
	c := &Client{fs: fsys, dir: dir, get: get, opt: opt}
	if _, err := c.roots(); err != nil {
		return nil, err
	}
	return c, nil
}

// Target finds out what the feed says of a target, after a Refresh or from
// Offline. It may fetch the metadata of the role that signs for it. A target
// that nobody vouches for is an error of the kind NotThere.
func (c *Client) Target(ctx context.Context, target string) (Target, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set == nil {
		return Target{}, c.err(Incomplete, "metadata", nil)
	}
	w := *c.work
	w.ctx, w.keep = ctx, false // without the lock nothing is stored
	if err := w.fresh(); err != nil {
		return Target{}, err
	}
	t, ok, err := w.find(target)
	if err == nil && !ok {
		err = c.err(NotThere, "the target "+target, nil)
	}
	return t, err
}

// now is the clock.
func (c *Client) now() time.Time {
	if c.opt.Now != nil {
		return c.opt.Now()
	}
	return time.Now()
}

// roots verifies the stored roots from the pinned one on. The chain ends where
// one is missing or cannot be verified: the next refresh fetches it again.
func (c *Client) roots() (*trustedmetadata.TrustedMetadata, error) {
	stored, err := c.versions(metadata.ROOT)
	if err != nil {
		return nil, err
	}
	first, file := c.opt.Root, "the pinned root"
	if first == nil {
		if len(stored) == 0 {
			return nil, c.err(NotPinned, c.dir, nil)
		}
		file = name(stored[0], metadata.ROOT) + " in " + c.dir
		if first, err = c.stored(name(stored[0], metadata.ROOT), MaxRoot); err != nil {
			return nil, c.err(NotPinned, file, err)
		}
	}
	if _, err := checkRoot(first); err != nil {
		return nil, c.err(NotPinned, file, err)
	}
	var set *trustedmetadata.TrustedMetadata
	err = guard(func() (err error) { set, err = trustedmetadata.New(first); return err })
	if err != nil {
		return nil, c.err(NotPinned, file, err)
	}
	for {
		next, err := c.stored(name(set.Root.Signed.Version+1, metadata.ROOT), MaxRoot)
		if err != nil || updateRoot(set, next) != nil {
			return set, nil
		}
	}
}

func updateRoot(set *trustedmetadata.TrustedMetadata, data []byte) error {
	if _, err := checkRoot(data); err != nil {
		return err
	}
	return guard(func() error { _, err := set.UpdateRoot(data); return err })
}

// find walks the delegations, the most trusted first. It fetches what it needs
// of them, and says whether somebody vouches for the target.
func (w *work) find(target string) (t Target, ok bool, err error) {
	if !fs.ValidPath(target) || target == "." {
		return Target{}, false, nil
	}
	type edge struct{ role, parent string }
	todo, seen := []edge{{metadata.TARGETS, metadata.ROOT}}, map[string]bool{}
	for len(todo) > 0 {
		e := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[e.role] {
			continue
		}
		if len(seen) > MaxDelegations {
			return Target{}, false, w.c.err(Damaged, "the target "+target, bad("more than %d roles would have to be asked for it", MaxDelegations))
		}
		seen[e.role] = true
		if w.set.Snapshot.Signed.Meta[e.role+".json"] == nil {
			continue // nothing of that role was ever published
		}
		m, err := w.role(e.role, e.parent)
		if err != nil {
			return Target{}, false, err
		}
		if f := m.Signed.Targets[target]; f != nil {
			t, err := w.target(target, e.role, f)
			return t, err == nil, err
		}
		if m.Signed.Delegations == nil {
			continue
		}
		var children []edge
		for _, r := range m.Signed.Delegations.GetRolesForTarget(target) {
			children = append(children, edge{r.Name, e.role})
			if r.Terminating {
				todo = nil
				break
			}
		}
		slices.Reverse(children)
		todo = append(todo, children...)
	}
	return Target{}, false, nil
}

func (w *work) target(name, role string, f *metadata.TargetFiles) (Target, error) {
	sum := f.Hashes["sha256"]
	if len(sum) != 32 {
		return Target{}, w.c.err(Damaged, "the target "+name, errors.New("its SHA-256 is not there"))
	}
	t := Target{Name: name, Length: f.Length, SHA256: hex.EncodeToString(sum), Role: role}
	dir, base := path.Split(name)
	t.Path = dir + t.SHA256 + "." + base
	return t, nil
}

// seen is what clock.json holds.
type seen struct {
	Believed time.Time `json:"believed"` // metadata was believed at that time, by this computer's clock
}

const clockFile = "clock.json"

// checkClock refuses a clock that is behind what it was when metadata was
// believed last. Metadata that has expired is never believed, so a clock that
// was ahead then can have been so by no more than the time that the metadata
// was signed for.
func (c *Client) checkClock(now time.Time) error {
	if at := c.believed(); now.Before(at.Add(-24 * time.Hour)) {
		e := c.err(ClockBack, filepath.Join(c.dir, clockFile), nil)
		e.At = at
		return e
	}
	return nil
}

func (c *Client) believed() time.Time {
	var s seen
	if text, err := c.stored(clockFile, 1024); err == nil && json.Unmarshal(text, &s) != nil {
		return time.Time{} // damaged: written anew
	}
	return s.Believed
}

// setClock remembers now, to the hour, so that a look at a feed that has not
// changed mostly writes nothing.
func (c *Client) setClock(now time.Time) error {
	if now.Before(c.believed().Add(time.Hour)) {
		return nil
	}
	text, err := json.Marshal(seen{now.UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	return c.write(clockFile, append(text, '\n'))
}
