package trust

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"
)

// Report is what a refresh has done and found. After an error it tells what
// was done until then.
type Report struct {
	Requests  int   // files that were asked for, also those that were not there
	Bytes     int64 // that were fetched
	Changed   bool  // something new is stored
	Root      int64 // version
	Timestamp int64
	Snapshot  int64
	// Expires is when the first of the metadata expires, and ExpiresFirst
	// which role's that is.
	Expires      time.Time
	ExpiresFirst string
}

// work is one refresh, or one reading of what is stored.
type work struct {
	c    *Client
	ctx  context.Context
	set  *trustedmetadata.TrustedMetadata
	rep  *Report
	keep bool // store what is new
}

// Refresh looks at the feed: what is new is fetched, verified and stored. The
// metadata of the roles that sign for the named targets is fetched, too, so
// that Offline has it; a target that is not there is no error here. After an
// error the client believes what it believed before.
func (c *Client) Refresh(ctx context.Context, targets ...string) (Report, error) {
	return c.RefreshHaving(ctx, func(Target) error { return nil }, targets...)
}

// RefreshHaving is a Refresh for whoever needs the targets themselves with the
// metadata that names them: have gets each that is there, before what was found
// counts. Where it fails, so does the refresh. It must not call the client.
func (c *Client) RefreshHaving(ctx context.Context, have func(Target) error, targets ...string) (Report, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &work{c: c, ctx: ctx, rep: &Report{}, keep: true}
	release, err := c.lock(ctx)
	if err != nil {
		return *w.rep, err
	}
	defer release()
	if err := w.refresh(targets, have); err != nil {
		return *w.rep, err
	}
	c.set, c.work = w.set, w
	return *w.rep, nil
}

func (w *work) refresh(targets []string, have func(Target) error) (err error) {
	now := w.c.now()
	if err := w.c.checkClock(now); err != nil {
		return err
	}
	if w.set, err = w.c.roots(); err != nil {
		return err
	}
	w.set.RefTime = now.UTC()
	if err := w.root(); err != nil {
		return err
	}
	timestamp, err := w.timestamp()
	if err != nil {
		return err
	}
	if err := w.snapshot(); err != nil {
		return err
	}
	if _, err := w.role(metadata.TARGETS, metadata.ROOT); err != nil {
		return err
	}
	for _, name := range targets {
		t, ok, err := w.find(name)
		if err == nil && ok {
			err = have(t)
		}
		if err != nil {
			return err
		}
	}
	if old, err := w.c.stored(completeFile, MaxTimestamp); err != nil || !bytes.Equal(old, timestamp) {
		if err := w.c.write(completeFile, timestamp); err != nil {
			return err
		}
	}
	w.report()
	return errors.Join(w.sweep(), w.c.setClock(now))
}

// fetch gets a file of the feed.
func (w *work) fetch(file string, max int64) ([]byte, error) {
	file = "metadata/" + file
	if err := w.ctx.Err(); err != nil {
		return nil, w.c.err(Unreachable, file, context.Cause(w.ctx))
	}
	w.rep.Requests++
	data, err := w.c.get.Small(w.ctx, file, max)
	if err != nil {
		return nil, w.c.fetched(file, err)
	}
	w.rep.Bytes += int64(len(data))
	if int64(len(data)) > max {
		return nil, w.c.err(TooLong, file, bad("it has more than %d bytes", max))
	}
	return data, nil
}

func (w *work) store(file string, data []byte) error {
	if !w.keep {
		return nil
	}
	w.rep.Changed = true
	return w.c.write(file, data)
}

// root follows the chain of roots to its end, each signed by the one before.
func (w *work) root() error {
	for range MaxRotations {
		file := name(w.set.Root.Signed.Version+1, metadata.ROOT)
		data, err := w.fetch(file, MaxRoot)
		if Is(err, NotThere) {
			break
		} else if err != nil {
			return err
		}
		if err := updateRoot(w.set, data); err != nil {
			return w.c.fail("metadata/"+file, err, RolledBack)
		}
		if err := w.store(file, data); err != nil {
			return err
		}
	}
	return w.rootFresh()
}

func (w *work) rootFresh() error {
	root := &w.set.Root.Signed
	return w.expired(name(root.Version, metadata.ROOT), root.Expires, root.IsExpired(w.set.RefTime))
}

func (w *work) expired(file string, at time.Time, is bool) error {
	if !is {
		return nil
	}
	e := w.c.err(Expired, "metadata/"+file, nil)
	e.At = at
	return e
}

// timestamp gives the newest one's bytes, once it is believed.
func (w *work) timestamp() ([]byte, error) {
	const file = "metadata/" + timestampFile
	// One that was signed with keys that count no more is passed over: that is
	// how a vendor recovers whose keys were stolen and whose versions were run up.
	old, err := w.c.stored(timestampFile, MaxTimestamp)
	if err == nil {
		if _, err = checkTimestamp(old); err == nil {
			_ = guard(func() error { _, err := w.set.UpdateTimestamp(old); return err })
		}
	}
	data, err := w.fetch(timestampFile, MaxTimestamp)
	if err != nil {
		return nil, err
	}
	if _, err = checkTimestamp(data); err == nil {
		err = guard(func() error { _, err := w.set.UpdateTimestamp(data); return err })
	}
	var equal *metadata.ErrEqualVersionNumber
	switch {
	case errors.As(err, &equal):
		t := &w.set.Timestamp.Signed
		return old, w.expired(timestampFile, t.Expires, t.IsExpired(w.set.RefTime))
	case err != nil:
		return nil, w.fail(timestampFile, err, RolledBack, data)
	}
	return data, w.store(timestampFile, data)
}

// fail is Client.fail for a file of the feed; an expiry gets its time.
func (w *work) fail(file string, err error, version Kind, data []byte) error {
	err = w.c.fail("metadata/"+file, err, version)
	var e *Error
	if errors.As(err, &e) && e.Kind == Expired {
		e.At, e.Err = expiry(data), nil
	}
	return err
}

func (w *work) snapshot() error {
	meta := w.set.Timestamp.Signed.Meta["snapshot.json"]
	file := name(meta.Version, metadata.SNAPSHOT)
	stored, err := w.c.versions(metadata.SNAPSHOT)
	if err != nil {
		return err
	}
	// The newest that is stored and counts holds the versions of all other
	// files that were seen, whether or not it is the one that is wanted.
	for _, v := range slices.Backward(stored) {
		data, err := w.c.stored(name(v, metadata.SNAPSHOT), MaxSnapshot)
		if err != nil {
			continue
		}
		if _, err := checkSnapshot(data); err != nil {
			continue
		}
		err = guard(func() error {
			if _, err := w.set.UpdateSnapshot(data, true); err != nil {
				return err
			}
			return meta.VerifyLengthHashes(data)
		})
		if err == nil {
			return nil
		}
		if w.set.Snapshot != nil {
			break
		}
	}
	max := int64(MaxSnapshot)
	if meta.Length > 0 {
		max = min(max, meta.Length)
	}
	data, err := w.fetch(file, max)
	if err != nil {
		return err
	}
	if err := w.updateSnapshot(data); err != nil {
		return w.fail(file, err, RolledBack, data)
	}
	return w.store(file, data)
}

func (w *work) updateSnapshot(data []byte) error {
	meta := w.set.Timestamp.Signed.Meta["snapshot.json"]
	file := "metadata/" + name(meta.Version, metadata.SNAPSHOT)
	if err := guard(func() error { return meta.VerifyLengthHashes(data) }); err != nil {
		return w.c.err(MixUp, file, err)
	}
	m, err := checkSnapshot(data)
	if err != nil {
		return err
	}
	if err := guard(func() error { return w.set.Root.VerifyDelegate(metadata.SNAPSHOT, m) }); err != nil {
		return err
	}
	if m.Signed.Version != meta.Version {
		return w.c.err(MixUp, file, bad("it says that it is version %d, and the timestamp names version %d", m.Signed.Version, meta.Version))
	}
	return guard(func() error { _, err := w.set.UpdateSnapshot(data, false); return err })
}

// role gives the metadata of targets, or of a role that it leads to: what the
// set has, what is stored, what the feed has.
func (w *work) role(role, parent string) (*metadata.Metadata[metadata.TargetsType], error) {
	if m := w.set.Targets[role]; m != nil {
		return m, nil
	}
	meta := w.set.Snapshot.Signed.Meta[role+".json"]
	file := name(meta.Version, role)
	data, err := w.c.stored(file, MaxTargets)
	if err == nil {
		if err = w.updateTargets(data, role, parent); err == nil {
			return w.set.Targets[role], nil
		}
	}
	if w.c.get == nil {
		if errors.Is(err, errNone) {
			return nil, w.c.err(Incomplete, file+" in "+w.c.dir, nil)
		}
		return nil, w.fail(file, err, MixUp, data)
	}
	max := int64(MaxTargets)
	if meta.Length > 0 {
		max = min(max, meta.Length)
	}
	if data, err = w.fetch(file, max); err != nil {
		return nil, err
	}
	if err := w.updateTargets(data, role, parent); err != nil {
		return nil, w.fail(file, err, MixUp, data)
	}
	return w.set.Targets[role], w.store(file, data)
}

func (w *work) updateTargets(data []byte, role, parent string) error {
	err := guard(func() error {
		m, err := w.set.UpdateDelegatedTargets(data, role, parent)
		if err != nil {
			return err
		}
		return checkTargets(m)
	})
	if err != nil {
		delete(w.set.Targets, role)
	}
	return err
}

// fresh looks whether what was verified earlier has expired since.
func (w *work) fresh() error {
	if w.c.opt.EvenExpired {
		return nil
	}
	now := w.c.now().UTC()
	for _, r := range w.expiries() {
		if err := w.expired(r.file, r.at, now.After(r.at)); err != nil {
			return err
		}
	}
	return nil
}

type term struct {
	role, file string
	at         time.Time
}

func (w *work) expiries() []term {
	s := w.set
	list := []term{
		{metadata.ROOT, name(s.Root.Signed.Version, metadata.ROOT), s.Root.Signed.Expires},
		{metadata.TIMESTAMP, timestampFile, s.Timestamp.Signed.Expires},
		{metadata.SNAPSHOT, name(s.Snapshot.Signed.Version, metadata.SNAPSHOT), s.Snapshot.Signed.Expires},
	}
	for role, m := range s.Targets {
		list = append(list, term{role, name(m.Signed.Version, role), m.Signed.Expires})
	}
	slices.SortFunc(list, func(a, b term) int { return a.at.Compare(b.at) })
	return list
}

func (w *work) report() {
	r, s := w.rep, w.set
	r.Root, r.Timestamp, r.Snapshot = s.Root.Signed.Version, s.Timestamp.Signed.Version, s.Snapshot.Signed.Version
	first := w.expiries()[0]
	r.Expires, r.ExpiresFirst = first.at, first.role
}
