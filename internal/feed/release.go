package feed

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/bundle"
	"upkeep/internal/channel"
	"upkeep/internal/feed/fetch"
	"upkeep/internal/feed/trust"
	"upkeep/internal/files"
	"upkeep/internal/step"
)

// maxDocuments is how long the archive of a release's documents may be, and
// maxUnpacked what may come out of it.
const (
	maxDocuments = 256 << 20
	maxUnpacked  = 2 << 30
)

// NoReleaseError says that the feed has no such release.
type NoReleaseError struct {
	Feed, Version string
	Have          []string
}

func (e *NoReleaseError) Error() string {
	have := "it has none"
	if len(e.Have) > 0 {
		have = "it has " + strings.Join(e.Have, ", ")
	}
	return fmt.Sprintf("the feed %s has no release %s: %s (upkeep feed refresh looks whether there is more)", e.Feed, e.Version, have)
}

// Lacking are the payloads of a release with their sizes, for bundle.Open.
func Lacking(r *channel.Release) map[string]int64 {
	out := map[string]int64{}
	for name, p := range r.Payloads {
		out[name] = p.Bytes
	}
	return out
}

func (f *Feed) find(x *channel.Index, version string) (*channel.Release, error) {
	if r := x.Find(version); r != nil {
		return r, nil
	}
	e := &NoReleaseError{Feed: f.o.Name, Version: version}
	for _, r := range x.Releases {
		e.Have = append(e.Have, r.Version)
	}
	return nil, e
}

// here opens a release that has come, with or without its payloads; nil when it
// has not, or is not what the index says.
func (f *Feed) here(ctx context.Context, r *channel.Release) *bundle.Bundle {
	b, err := bundle.Open(ctx, f.o.FS, f.Dir(r.Version), bundle.Options{Lacking: Lacking(r)})
	if err != nil || b.Digest() != r.Digest {
		return nil
	}
	return b
}

// Documents gives a release without its payloads: they are fetched if they are
// not here, from where the feed lies. The feed's word must hold.
func (f *Feed) Documents(ctx context.Context, version string) (*bundle.Bundle, error) {
	return f.locked(ctx, func(g *gathering) (*bundle.Bundle, error) { return g.documents(ctx, version) })
}

// Fetch gives a whole release.
func (f *Feed) Fetch(ctx context.Context, version string) (*bundle.Bundle, Fetched, error) {
	var got Fetched
	b, err := f.locked(ctx, func(g *gathering) (*bundle.Bundle, error) {
		defer func() { got = g.got }()
		return g.whole(ctx, version)
	})
	return b, got, err
}

// Fetched is what was fetched.
type Fetched struct {
	Files   int      `json:"files"`
	Bytes   int64    `json:"bytes"`             // that were fetched, less what was here from an interrupted call
	Patched []string `json:"patched,omitempty"` // payloads that patches made
	Notes   []string `json:"notes,omitempty"`   // patches that were of no use, and why
}

// gathering is one gathering of releases from a source, under the lock.
type gathering struct {
	*Feed
	from  fetch.Source // nil: nothing can be fetched
	trust *trust.Client
	index *channel.Index
	got   Fetched
}

func (f *Feed) locked(ctx context.Context, do func(*gathering) (*bundle.Bundle, error)) (*bundle.Bundle, error) {
	release, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	g, err := f.gathering(ctx, f.o.Source)
	if err != nil {
		return nil, err
	}
	b, err := do(g)
	if err == nil {
		err = f.tidy()
	}
	return b, err
}

// tidy removes what has come whole and was used, and was left by a call that was
// killed before it had removed it. The lock is held, and nothing is under way.
func (f *Feed) tidy() error {
	list, err := f.o.FS.ReadDir(f.at("coming"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	err = errors.Join(err, bundle.Sweep(f.o.FS, f.at("releases")))
	for _, e := range list {
		if filepath.Ext(e.Name) == "" { // a part is gone on with
			err = errors.Join(err, f.o.FS.Remove(f.at("coming", e.Name)))
		}
	}
	if err != nil {
		return fmt.Errorf("cannot tidy up what has come: %w", err)
	}
	return nil
}

func (f *Feed) gathering(ctx context.Context, from fetch.Source) (*gathering, error) {
	c, err := f.offline()
	if err != nil {
		return nil, err
	}
	x, _, err := f.believed(ctx, c)
	return &gathering{Feed: f, from: from, trust: c, index: x}, err
}

func (g *gathering) documents(ctx context.Context, version string) (*bundle.Bundle, error) {
	r, err := g.find(g.index, version)
	if err != nil {
		return nil, err
	}
	if b := g.here(ctx, r); b != nil {
		return b, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := g.o.FS.RemoveAll(g.Dir(version)); err != nil {
		return nil, fmt.Errorf("cannot replace a damaged copy of release %s: %w", version, err)
	}
	if err := g.o.FS.MkdirAll(g.at("releases"), 0o700); err != nil {
		return nil, fmt.Errorf("cannot keep release %s: %w", version, err)
	}
	archive, t, err := g.archived(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("cannot get the documents of release %s: %w", version, err)
	}
	b, err := bundle.Unpack(ctx, g.o.FS, archive, t.SHA256, g.Dir(version), r.Digest,
		bundle.Options{Lacking: Lacking(r), Limits: files.Limits{Bytes: maxUnpacked}})
	if err != nil {
		return nil, fmt.Errorf("release %s of the feed %s: %w", version, g.o.Name, err)
	}
	return b, nil
}

// archived brings the archive of a release's documents. It stays: what is
// carried on from here has to be the very file that is signed.
func (g *gathering) archived(ctx context.Context, r *channel.Release) (string, trust.Target, error) {
	if err := g.o.FS.MkdirAll(g.at("documents"), 0o700); err != nil {
		return "", trust.Target{}, fmt.Errorf("cannot keep the documents: %w", err)
	}
	t, err := g.bring(ctx, r.Documents, maxDocuments, func(trust.Target) string { return g.at("documents", r.Version) })
	return g.at("documents", r.Version), t, err
}

// file brings a target into the folder coming, under its sum.
func (g *gathering) file(ctx context.Context, target string, most int64) (string, trust.Target, error) {
	if err := g.o.FS.MkdirAll(g.at("coming"), 0o700); err != nil {
		return "", trust.Target{}, fmt.Errorf("cannot make the folder of what is fetched: %w", err)
	}
	dest := func(t trust.Target) string { return g.at("coming", t.SHA256) }
	t, err := g.bring(ctx, target, most, dest)
	return dest(t), t, err
}

// bring has a target at its place, unless it is there already.
func (g *gathering) bring(ctx context.Context, target string, most int64, place func(trust.Target) string) (trust.Target, error) {
	t, err := g.trust.Target(ctx, target)
	if err != nil {
		return t, err
	}
	if t.Length > most {
		return t, &trust.Error{Kind: trust.TooLong, Feed: g.o.Name, File: target}
	}
	dest := place(t)
	if g.from == nil {
		if g.is(dest, t) {
			return t, nil
		}
		return t, &step.UserError{Msg: target + " has not come, and the installation document names no address of the feed", Now: "bring it with upkeep feed import FILE"}
	}
	had := g.size(dest) == t.Length
	was := max(g.size(dest), g.size(dest+fetch.Part))
	if err := g.fetcher(g.from, target).File(ctx, "targets/"+t.Path, t.Length, t.SHA256, dest); err != nil {
		return t, err
	}
	if !had {
		g.got.Files++
	}
	g.got.Bytes += max(0, t.Length-was)
	return t, nil
}

// is says whether a file is the target.
func (f *Feed) is(path string, t trust.Target) bool {
	r, err := f.o.FS.OpenNoFollow(path)
	if err != nil {
		return false
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, t.Length+1))
	return err == nil && n == t.Length && hex.EncodeToString(h.Sum(nil)) == t.SHA256
}

// size of a file; 0 where there is none.
func (f *Feed) size(path string) int64 {
	i, err := f.o.FS.Lstat(path)
	if err != nil {
		return 0
	}
	return i.Size
}

func (g *gathering) whole(ctx context.Context, version string) (*bundle.Bundle, error) {
	b, err := g.documents(ctx, version)
	if err != nil {
		return nil, err
	}
	r := g.index.Find(version)
	missing := b.Missing()
	if len(missing) == 0 {
		return b, nil
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		if err := g.payload(ctx, version, name, r.Payloads[name]); err != nil {
			return nil, fmt.Errorf("cannot get the payload %s of release %s: %w", name, version, err)
		}
	}
	b, err = bundle.Open(ctx, g.o.FS, g.Dir(version), bundle.Options{})
	if err == nil && b.Digest() != r.Digest {
		err = fmt.Errorf("%w: release %s was changed while it was fetched", bundle.ErrDamaged, version)
	}
	return b, err
}

// payload brings one payload into the folder of its release.
func (g *gathering) payload(ctx context.Context, version, name string, p channel.Payload) error {
	t, err := g.trust.Target(ctx, p.Target)
	if err != nil {
		return err
	}
	if t.SHA256 != p.SHA256 || t.Length != p.Bytes {
		return fmt.Errorf("the index of the feed %s and its metadata contradict each other about %s; tell its vendor", g.o.Name, p.Target)
	}
	made := g.at("coming", t.SHA256)
	if !g.patched(ctx, name, p, made) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, _, err := g.file(ctx, p.Target, p.Bytes); err != nil {
			return err
		}
	}
	if err := g.o.FS.Rename(made, filepath.Join(g.Dir(version), name)); err != nil {
		return fmt.Errorf("it has come, but cannot be kept: %w", err)
	}
	return nil
}

// patched makes a payload by the shortest patch that fits what is here; it says
// whether it has. A patch that is of no use is no error: the payload is fetched whole.
func (g *gathering) patched(ctx context.Context, name string, p channel.Payload, dest string) bool {
	for _, c := range g.patches(p) {
		patch, _, err := g.file(ctx, c.Target, p.Bytes)
		if err == nil {
			err = g.o.Patch.Apply(ctx, c.base, patch, dest, p.Bytes, p.SHA256)
		}
		if err == nil {
			g.got.Patched = append(g.got.Patched, name)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		g.got.Notes = append(g.got.Notes, fmt.Sprintf("the patch %s was of no use (%v): the payload was fetched whole", c.Target, err))
	}
	return false
}

// candidate is a patch that this Upkeep can use, with the payload that it begins with.
type candidate struct {
	channel.Patch
	base string
}

// patches lists what fits, the shortest first.
func (f *Feed) patches(p channel.Payload) []candidate {
	if f.o.Patch == nil {
		return nil
	}
	var out []candidate
	for _, d := range p.Patches {
		if d.Recipe != f.o.Patch.Recipe() || d.Bytes >= p.Bytes {
			continue
		}
		if base := f.base(d.From); base != "" {
			out = append(out, candidate{d, base})
		}
	}
	slices.SortStableFunc(out, func(a, b candidate) int { return cmp.Compare(a.Bytes, b.Bytes) })
	return out
}

// base finds a payload by its sum among the bundles here; empty when there is
// none. Whether it is what its name says shows when it is used.
func (f *Feed) base(sum string) string {
	for _, folder := range append([]string{f.at("releases")}, f.o.Bundles...) {
		list, err := f.o.FS.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, e := range list {
			text, err := f.o.FS.ReadFile(filepath.Join(folder, e.Name, bundle.SumsName))
			if err != nil {
				continue
			}
			sums, err := files.ParseSums(bytes.NewReader(text))
			if err != nil {
				continue
			}
			for name, s := range sums {
				at := filepath.Join(folder, e.Name, filepath.FromSlash(name))
				if i, err := f.o.FS.Lstat(at); s == sum && err == nil && i.IsRegular() {
					return at
				}
			}
		}
	}
	return ""
}

// Cost is what a release still costs to fetch, in bytes.
type Cost struct {
	Documents int64 `json:"documents"` // 0: they are here
	Payloads  int64 `json:"payloads"`  // 0: they are here
	Whole     int64 `json:"whole"`     // of the payloads, without patches
}

// Here says that all of it is here.
func (c Cost) Here() bool { return c.Documents == 0 && c.Payloads == 0 && c.Whole == 0 }

// Cost of a release, by what is stored; expiry does not matter. What lies in
// its folder is looked at by its size only.
func (f *Feed) Cost(ctx context.Context, r *channel.Release) (Cost, error) {
	opt := f.options()
	opt.EvenExpired = true
	c, err := trust.Offline(f.o.FS, f.metadata(), opt)
	if err != nil {
		return Cost{}, err
	}
	var out Cost
	if _, err := f.o.FS.Lstat(filepath.Join(f.Dir(r.Version), bundle.SumsName)); errors.Is(err, fs.ErrNotExist) {
		t, err := c.Target(ctx, r.Documents)
		if err != nil {
			return out, err
		}
		out.Documents = t.Length
	}
	for name, p := range r.Payloads {
		if i, err := f.o.FS.Lstat(filepath.Join(f.Dir(r.Version), name)); err == nil && i.Size == p.Bytes {
			continue
		}
		out.Whole += p.Bytes
		bytes := p.Bytes
		if list := f.patches(p); len(list) > 0 {
			bytes = list[0].Bytes
		}
		out.Payloads += bytes
	}
	return out, nil
}
