package trust

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"upkeep/internal/durable"
)

// Offline verifies everything that is stored once more, signatures, versions
// and expiry, from the pinned root on, and fetches and writes nothing. It
// reads the newest feed that a refresh has verified to its end. For whoever
// executes what somebody else has fetched.
func Offline(fsys durable.FS, dir string, opt Options) (*Client, error) {
	c := &Client{fs: fsys, dir: dir, opt: opt}
	// A refresh may be tidying up meanwhile; it has written complete.json before.
	var before []byte
	for try := 0; ; try++ {
		text, err := c.stored(completeFile, MaxTimestamp)
		if errors.Is(err, errNone) {
			if _, err := c.roots(); err != nil {
				return nil, err
			}
			return nil, c.err(Incomplete, "the metadata in "+dir, nil)
		} else if err != nil {
			return nil, err
		}
		err = c.offline(text)
		if err == nil {
			return c, nil
		}
		if try == 3 || try > 0 && bytes.Equal(text, before) {
			return nil, err
		}
		before = text
	}
}

func (c *Client) offline(timestamp []byte) (err error) {
	now := c.now()
	if c.opt.EvenExpired {
		now = time.Time{}
	} else if err := c.checkClock(now); err != nil {
		return err
	}
	w := &work{c: c, ctx: context.Background(), rep: &Report{}}
	if w.set, err = c.roots(); err != nil {
		return err
	}
	w.set.RefTime = now.UTC()
	if err := w.rootFresh(); err != nil {
		return err
	}
	if _, err = checkTimestamp(timestamp); err == nil {
		err = guard(func() error { _, err := w.set.UpdateTimestamp(timestamp); return err })
	}
	if err != nil {
		return w.fail(timestampFile, err, RolledBack, timestamp)
	}
	file := name(w.set.Timestamp.Signed.Meta["snapshot.json"].Version, metadata.SNAPSHOT)
	data, err := c.stored(file, MaxSnapshot)
	if errors.Is(err, errNone) {
		return c.err(Incomplete, file+" in "+c.dir, nil)
	} else if err != nil {
		return err
	}
	if err := w.updateSnapshot(data); err != nil {
		return w.fail(file, err, RolledBack, data)
	}
	if _, err := w.role(metadata.TARGETS, metadata.ROOT); err != nil {
		return err
	}
	c.set, c.work = w.set, w
	return nil
}

// Files are files of a feed by their names in it. They are a Getter, so
// whoever imports them opens a client on them and refreshes.
type Files map[string][]byte

// Small implements Getter.
func (f Files) Small(_ context.Context, name string, max int64) ([]byte, error) {
	data, ok := f[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	if int64(len(data)) > max {
		return nil, tooLong{name}
	}
	return data, nil
}

type tooLong struct{ name string }

func (e tooLong) Error() string { return e.name + " is longer than it may be" }
func (tooLong) TooLong() bool   { return true }

// Export gives the metadata of the newest feed that was verified to its end,
// named as in the feed: all roots since the pinned one, timestamp, snapshot,
// targets, and the roles that were asked for. It is checked as Offline does,
// but for its expiry, which is for whoever imports it to judge.
func Export(fsys durable.FS, dir string, opt Options) (Files, error) {
	opt.EvenExpired = true
	c, err := Offline(fsys, dir, opt)
	if err != nil {
		return nil, err
	}
	out := Files{}
	add := func(file string, max int64) error {
		data, err := c.stored(file, max)
		if errors.Is(err, errNone) {
			return nil
		}
		out["metadata/"+file] = data
		return err
	}
	roots, err := c.versions(metadata.ROOT)
	if err != nil {
		return nil, err
	}
	for _, v := range roots {
		if v <= c.set.Root.Signed.Version {
			if err := add(name(v, metadata.ROOT), MaxRoot); err != nil {
				return nil, err
			}
		}
	}
	if err := add(completeFile, MaxTimestamp); err != nil {
		return nil, err
	}
	out["metadata/"+timestampFile] = out["metadata/"+completeFile]
	delete(out, "metadata/"+completeFile)
	if err := add(name(c.set.Snapshot.Signed.Version, metadata.SNAPSHOT), MaxSnapshot); err != nil {
		return nil, err
	}
	for file, meta := range c.set.Snapshot.Signed.Meta {
		if role, ok := strings.CutSuffix(file, ".json"); ok {
			if err := add(name(meta.Version, role), MaxTargets); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
