package vendor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"upkeep/internal/bundle"
	"upkeep/internal/channel"
	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/version"
)

// Publishing is what is published, and how.
type Publishing struct {
	Bundle  *bundle.Bundle
	Channel string // channel.Stable or channel.Candidate
	Notes   string // an address; empty: what its manifest says
	Patches int    // from how many earlier releases patches are made; 0: 3, below 0: none
}

// Published is what a bundle has become in the feed.
type Published struct {
	Product string          `json:"product"`
	Release channel.Release `json:"release"`
	Again   bool            `json:"again"`             // it was there already
	Skipped []string        `json:"skipped,omitempty"` // patches that were not worth it, or cannot be made
}

// Publish brings the content of a bundle into the feed and drafts the product's
// role with it. It goes live with Apply. Interrupted, it is done again by the
// next call.
func (f *Feed) Publish(ctx context.Context, p Publishing) (Published, error) {
	product, release, order, err := manifestOf(p.Bundle)
	if err != nil {
		return Published{}, fmt.Errorf("cannot publish %s: %w", p.Bundle.Origin(), err)
	}
	out := Published{Product: product.ID}
	if err := f.publishBundle(ctx, p, product, release, order, &out); err != nil {
		return out, fmt.Errorf("cannot publish %s %s: %w", product.ID, release.Version, err)
	}
	return out, nil
}

func (f *Feed) publishBundle(ctx context.Context, p Publishing, product *manifest.Product, release *manifest.Release, order version.Order, out *Published) error {
	if p.Channel != channel.Stable && p.Channel != channel.Candidate {
		return mistake("say candidate or stable", fmt.Sprintf("there is no channel %q", p.Channel))
	}
	s, t, x, err := f.product(product.ID)
	if err != nil {
		return err
	}
	if old := x.Find(release.Version); old != nil {
		if old.Digest != p.Bundle.Digest() {
			return mistake("what was published is never changed: give the new content a new version",
				fmt.Sprintf("the feed has a release %s with another content (%s…, this bundle is %s…)", release.Version, old.Digest[:12], p.Bundle.Digest()[:12]))
		}
		out.Release, out.Again = *old, true
		return nil
	}
	r := channel.Release{Version: release.Version, Published: f.Now().UTC().Truncate(time.Second), Channel: p.Channel, Digest: p.Bundle.Digest(),
		Upkeep: release.Requires.Upkeep, Notes: p.Notes, Withdrawn: release.Withdrawn, Documents: channel.DocumentsTarget(product.ID, release.Version)}
	if r.Notes == "" {
		r.Notes = release.Notes
	}
	for _, w := range release.Routes {
		r.Routes = append(r.Routes, channel.Route{From: w.From, Via: w.Via})
	}
	targets := map[string]*metadata.TargetFiles{}
	if r.Payloads, err = f.payloads(ctx, p.Bundle, product.ID, release, targets); err != nil {
		return err
	}
	without := slices.Sorted(maps.Keys(r.Payloads))
	if targets[r.Documents], err = f.content(r.Documents, func(w io.Writer) error { return p.Bundle.Documents(ctx, w, without) }); err != nil {
		return err
	}
	if x.Releases, err = inserted(x.Releases, r, order); err != nil {
		return err
	}
	if out.Skipped, err = f.patches(ctx, p, x, r.Version, t, targets); err != nil {
		return err
	}
	out.Release = *x.Find(r.Version)
	return f.draft(s, x, t, targets)
}

// manifestOf reads and checks the documents of a bundle.
func manifestOf(b *bundle.Bundle) (*manifest.Product, *manifest.Release, version.Order, error) {
	text, err := fs.ReadFile(b.FS(), bundle.ManifestName)
	if err != nil {
		return nil, nil, version.Order{}, err
	}
	name := filepath.Join(b.Origin(), bundle.ManifestName)
	nodes, err := yaml.Parse(name, text)
	if err != nil {
		return nil, nil, version.Order{}, err
	}
	p, r, err := manifest.Decode(document.Source{Name: name, Text: text}, nodes)
	if err != nil {
		return nil, nil, version.Order{}, err
	}
	if p == nil || r == nil {
		return nil, nil, version.Order{}, mistake("a bundle has both", "upkeep.yaml has no document \"product\", or no document \"release\"")
	}
	for _, f := range manifest.Lint(p, r) {
		if f.Level == manifest.LevelError {
			return nil, nil, version.Order{}, mistake("see upkeep vendor lint", f.Error())
		}
	}
	order, err := plan.OrderOf(p)
	return p, r, order, err
}

// product gives what is to be changed for a product: its targets, and its index.
func (f *Feed) product(id string) (*state, *targetsFile, *channel.Index, error) {
	s, err := f.load()
	if err != nil {
		return nil, nil, nil, err
	}
	if s.root == nil && s.draftRoot == nil {
		return nil, nil, nil, f.none()
	}
	if productRule(s.targets, id).threshold == 0 && productRule(s.draftTargets, id).threshold == 0 {
		return nil, nil, nil, mistake("add it with: upkeep vendor feed add-product", "the feed has no product "+id)
	}
	t, err := f.nextProduct(s, id)
	if err != nil {
		return nil, nil, nil, err
	}
	x := &channel.Index{Format: channel.Format, Product: id, Releases: []channel.Release{}}
	if entry := t.Signed.Targets[channel.IndexTarget(id)]; entry != nil {
		text, err := f.FS.ReadFile(f.target(channel.IndexTarget(id), entry))
		if err != nil {
			return nil, nil, nil, err
		}
		if err := entry.VerifyLengthHashes(text); err != nil {
			return nil, nil, nil, fmt.Errorf("%s is not what was signed: %w", f.target(channel.IndexTarget(id), entry), err)
		}
		if x, err = channel.Decode(text); err != nil {
			return nil, nil, nil, err
		}
	}
	return s, t, x, nil
}

// target is where a target lies: with its sum before its name, as consistent
// snapshots have it.
func (f *Feed) target(name string, t *metadata.TargetFiles) string {
	dir, base := path.Split(name)
	return f.path(TargetsDir, filepath.FromSlash(dir), hex.EncodeToString(t.Hashes["sha256"])+"."+base)
}

// draft writes the index and the draft of the product's role.
func (f *Feed) draft(s *state, x *channel.Index, t *targetsFile, more map[string]*metadata.TargetFiles) error {
	text, err := x.Encode()
	if err != nil {
		return err
	}
	name := channel.IndexTarget(x.Product)
	entry, err := f.content(name, func(w io.Writer) error { _, err := w.Write(text); return err })
	if err != nil {
		return err
	}
	maps.Copy(t.Signed.Targets, more)
	t.Signed.Targets[name] = entry
	return save(f, x.Product, t)
}

// content brings a target into the feed under its name with its sum; it is
// durable on return. What is there already is left alone.
func (f *Feed) content(name string, fill func(io.Writer) error) (*metadata.TargetFiles, error) {
	part := f.path(PendingDir, "content.part")
	if err := f.FS.MkdirAll(f.path(PendingDir), 0o755); err != nil {
		return nil, err
	}
	if exists(f.FS, part) { // of a call that was interrupted
		if err := f.FS.Remove(part); err != nil {
			return nil, err
		}
	}
	out, err := f.FS.Create(part, 0o644)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	n := &counter{}
	err = fill(io.MultiWriter(out, h, n))
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.FS.SyncFile(part)
	}
	if err != nil {
		return nil, errors.Join(err, f.FS.Remove(part))
	}
	t := &metadata.TargetFiles{Length: n.n, Hashes: metadata.Hashes{"sha256": h.Sum(nil)}}
	path := f.target(name, t)
	if err := f.FS.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return t, f.FS.Replace(part, path)
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

// payloads brings the payloads that the manifest names into the feed.
func (f *Feed) payloads(ctx context.Context, b *bundle.Bundle, product string, r *manifest.Release, targets map[string]*metadata.TargetFiles) (map[string]channel.Payload, error) {
	out := map[string]channel.Payload{}
	sums := b.Sums()
	for _, component := range slices.Sorted(maps.Keys(r.Payloads)) {
		name := r.Payloads[component]
		if sums[name] == "" {
			return nil, mistake("build the bundle from its whole source", fmt.Sprintf("the payload %s of %s is not in the bundle", name, component))
		}
		if _, again := out[name]; again || strings.Contains(name, "/") {
			continue // in a folder: it goes with the documents
		}
		target := channel.PayloadTarget(product, r.Version, name)
		entry, err := f.content(target, func(w io.Writer) error {
			in, err := b.FS().Open(name)
			if err != nil {
				return err
			}
			defer in.Close()
			_, err = io.Copy(w, stopping{ctx, in})
			return err
		})
		if err != nil {
			return nil, err
		}
		if got := hex.EncodeToString(entry.Hashes["sha256"]); got != sums[name] {
			return nil, fmt.Errorf("the payload %s changed while it was read", name)
		}
		targets[target] = entry
		out[name] = channel.Payload{Target: target, Bytes: entry.Length, SHA256: sums[name]}
	}
	return out, nil
}

type stopping struct {
	ctx context.Context
	r   io.Reader
}

func (s stopping) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// inserted puts a release where the product's order has it.
func inserted(list []channel.Release, r channel.Release, order version.Order) ([]channel.Release, error) {
	i := len(list)
	for i > 0 {
		c, err := order.Compare(list[i-1].Version, r.Version)
		if err != nil {
			return nil, mistake("keep in the product document's order what was published", fmt.Sprintf("%s and %s cannot be compared: %v", list[i-1].Version, r.Version, err))
		}
		if c == 0 {
			return nil, mistake("give it another version", fmt.Sprintf("%s is the same version as %s, which the feed has", r.Version, list[i-1].Version))
		}
		if c < 0 {
			break
		}
		i--
	}
	return slices.Insert(list, i, r), nil
}

// patches makes patches from the releases before this one.
func (f *Feed) patches(ctx context.Context, p Publishing, x *channel.Index, v string, t *targetsFile, targets map[string]*metadata.TargetFiles) (skipped []string, err error) {
	most := p.Patches
	if most == 0 {
		most = 3
	}
	if f.Patch == nil || most < 0 {
		return nil, nil
	}
	i := slices.IndexFunc(x.Releases, func(r channel.Release) bool { return r.Version == v })
	entry := func(name string) *metadata.TargetFiles {
		if e := targets[name]; e != nil {
			return e
		}
		return t.Signed.Targets[name]
	}
	for j := i - 1; j >= 0 && most > 0; j-- {
		if x.Releases[j].Withdrawn != "" {
			continue
		}
		most--
		for _, name := range slices.Sorted(maps.Keys(x.Releases[i].Payloads)) {
			to := x.Releases[i].Payloads[name]
			from, ok := x.Releases[j].Payloads[name]
			if !ok || from.SHA256 == to.SHA256 || slices.ContainsFunc(to.Patches, func(d channel.Patch) bool { return d.From == from.SHA256 }) ||
				!strings.HasSuffix(name, bundle.PayloadSuffix) {
				continue
			}
			target := channel.PatchTarget(x.Product, v, name, x.Releases[j].Version)
			made, err := f.patch(ctx, target, f.target(from.Target, entry(from.Target)), f.target(to.Target, entry(to.Target)))
			if err != nil {
				return skipped, fmt.Errorf("cannot make the patch %s: %w", target, err)
			}
			if made == nil {
				skipped = append(skipped, target)
				continue
			}
			targets[target] = made
			to.Patches = append(to.Patches, channel.Patch{From: from.SHA256, Target: target, Bytes: made.Length, Recipe: f.Patch.Recipe()})
			x.Releases[i].Payloads[name] = to
		}
	}
	return skipped, nil
}

var errNotWorth = errors.New("the patch would not be worth it")

func (f *Feed) patch(ctx context.Context, target, from, to string) (*metadata.TargetFiles, error) {
	made, err := f.content(target, func(w io.Writer) error {
		ok, err := f.Patch.Make(ctx, from, to, w)
		if err == nil && !ok {
			err = errNotWorth
		}
		return err
	})
	if errors.Is(err, errNotWorth) {
		return nil, nil
	}
	return made, err
}
