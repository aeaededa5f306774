package manage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"upkeep/internal/drift"
	"upkeep/internal/files"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/scratch"
	"upkeep/internal/survey"
)

// read are the kinds of databases whose definitions can be read.
var read = []string{"sqlite", "postgres", "mariadb"}

// Drift is what differs from the vendor's standard.
type Drift struct {
	Installation string          `json:"installation"`
	Product      string          `json:"product"`
	Version      string          `json:"version"`
	At           time.Time       `json:"at"`
	Versions     []string        `json:"versions"` // that were changed outside of Upkeep, in sentences
	Trees        []TreeDrift     `json:"trees"`
	Databases    []DatabaseDrift `json:"databases"`
}

// TreeDrift is how a tree differs from what its release shipped.
type TreeDrift struct {
	Unit    string      `json:"unit"`
	At      string      `json:"at"`
	Unknown string      `json:"unknown,omitempty"` // why it is not known
	Files   []FileDrift `json:"files"`
}

// FileDrift is a file that is not as its release shipped it.
type FileDrift struct {
	Path string `json:"path"`
	What string `json:"what"`           // content, added, removed, type, mode, target
	Diff string `json:"diff,omitempty"` // of a text that was edited, where the release's own is at hand; without secrets
}

// DatabaseDrift is how a database differs from a standard.
type DatabaseDrift struct {
	Unit string `json:"unit"`
	drift.Comparison
}

// Any says that something differs, or that it is not known whether something
// does.
func (d Drift) Any() bool {
	return len(d.Versions) > 0 ||
		slices.ContainsFunc(d.Trees, func(t TreeDrift) bool { return t.Unknown != "" || len(t.Files) > 0 }) ||
		slices.ContainsFunc(d.Databases, func(d DatabaseDrift) bool { return !d.Clean() })
}

// Drift compares the product with its vendor's standard, as the release says that
// is installed, or one at from, or to of the feed, that can be reached from it. It changes nothing.
// The definitions that it gives have no secrets in them.
func (in *Installation) Drift(ctx context.Context, from, to string) (*Drift, error) {
	known, err := in.standing(ctx, from, to)
	if err != nil {
		return nil, err
	}
	defer known.close()
	out := &Drift{Installation: in.Doc.ID, Product: known.product.ID, Version: known.version, At: time.Now(), Trees: []TreeDrift{}, Databases: []DatabaseDrift{}}
	if out.Versions, err = in.outside(ctx, known.facts); err != nil {
		return nil, err
	}
	out.Versions = append([]string{}, out.Versions...)
	r := known.resolver
	for _, id := range r.Product.Order {
		c := r.Product.Components[id]
		switch {
		case c.Kind == "tree":
			t, err := in.treeDrift(ctx, r, id, known)
			if err != nil {
				return nil, err
			}
			out.Trees = append(out.Trees, t)
		case slices.Contains(read, c.Kind):
			d := DatabaseDrift{Unit: id}
			if d.Comparison, err = in.databaseDrift(ctx, r, id, known.standards); err != nil {
				return nil, err
			}
			for i, diff := range d.Differences {
				d.Differences[i] = diff.Redacted()
			}
			out.Databases = append(out.Databases, d)
		}
	}
	return out, nil
}

func (in *Installation) treeDrift(ctx context.Context, r *plan.Resolver, id string, known *standing) (TreeDrift, error) {
	t := TreeDrift{Unit: id, Files: []FileDrift{}}
	c := r.Product.Components[id]
	var err error
	if t.At, err = r.Unit(id).Scope.Expand(c.At.Path); err != nil {
		return t, err
	}
	if t.Unknown = known.facts.Instances[id].Missing; t.Unknown != "" {
		return t, nil
	}
	want := known.shipped(id)
	if want == nil {
		t.Unknown = "what its release shipped is not known: name the release's bundle with --from"
		return t, nil
	}
	root := t.At
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	edits, err := files.Edited(ctx, in.FS, *want, root, files.Options{Exclude: c.Keep})
	if err != nil {
		return t, fmt.Errorf("cannot compare %s with what its release shipped: %w", id, err)
	}
	var edited []string
	for _, d := range edits {
		t.Files = append(t.Files, FileDrift{Path: d.Path, What: string(d.What)})
		if d.What == files.Content {
			edited = append(edited, d.Path)
		}
	}
	shipped, err := known.pristine(ctx, plan.ComponentOf(id), edited)
	if err != nil {
		return t, err
	}
	for i, f := range t.Files {
		if was, ok := shipped[f.Path]; ok {
			t.Files[i].Diff = in.textDiff(filepath.Join(root, filepath.FromSlash(f.Path)), f.Path, was)
		}
	}
	return t, nil
}

// largestText bounds which edited files are shown line by line.
const largestText = 256 << 10

// textDiff compares a text with what the release shipped; nothing where one of
// them is none.
func (in *Installation) textDiff(path, name string, was []byte) string {
	info, err := in.FS.Lstat(path)
	if err != nil || !info.IsRegular() || info.Size > largestText {
		return ""
	}
	now, err := in.FS.ReadFile(path)
	if err != nil || !isText(was) || !isText(now) {
		return ""
	}
	return drift.Difference{Kind: "file", Name: name, How: drift.Changed, Want: string(was), Have: string(now)}.Diff()
}

func isText(b []byte) bool { return utf8.Valid(b) && !bytes.ContainsRune(b, 0) }

func (in *Installation) databaseDrift(ctx context.Context, r *plan.Resolver, id string, s standards) (drift.Comparison, error) {
	d, err := r.Database(id)
	if err != nil {
		return drift.Comparison{}, err
	}
	db, err := in.databases.Open(ctx, *d, "drift")
	if err != nil {
		return drift.Comparison{Unknown: err.Error()}, nil
	}
	defer db.Close()
	return s.compare(ctx, id, r.Product.Components[id], db), nil
}

// standing is what is installed, with what its vendor says of it.
type standing struct {
	product   *manifest.Product
	version   string
	facts     plan.Facts
	resolver  *plan.Resolver
	shipped   func(unit string) *files.Tree
	standards standards
	release   *Release // the installed one; nil when it is not at hand
	close     func()
}

// pristine reads some of a component's files as the release has them; none where
// it is not at hand.
func (k *standing) pristine(ctx context.Context, component string, paths []string) (map[string][]byte, error) {
	if k.release == nil || k.release.Release.Payloads[component] == "" || k.release.Bundle.Missing()[k.release.Release.Payloads[component]] > 0 {
		return nil, nil
	}
	return k.release.Bundle.Pristine(ctx, k.release.Release.Payloads[component], paths, largestText)
}

// standing finds out what is installed, by the document of the release that
// brought it, or of those at from, or of a release of the feed.
func (in *Installation) standing(ctx context.Context, from, to string) (_ *standing, err error) {
	temp, err := scratch.New(in.FS, "", "drift")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for reading the releases: %w", err)
	}
	out := &standing{close: func() { _ = temp.Close() }} // the next one removes it, otherwise
	defer func() {
		if err != nil {
			out.close()
		}
	}()
	var releases []Release
	if from != "" {
		if releases, err = in.OpenReleases(ctx, from, temp.Path); err != nil {
			return nil, err
		}
		in.atHand = releases
	} else if to != "" {
		o, err := in.offer(ctx, Request{To: to}, temp.Path)
		if err != nil {
			return nil, err
		}
		releases, in.atHand = o.releases, o.releases
	}
	if out.product, err = in.product(ctx, ""); errors.Is(err, errNoProduct) && len(releases) > 0 {
		out.product, err = in.present(releases[len(releases)-1].Product), nil
	}
	if err != nil {
		return nil, err
	}
	s := in.surveyor()
	s.Optional = optional(out.product)
	if err := out.survey(ctx, in, s); err != nil {
		return nil, err
	}
	kept, err := in.kept(ctx, out.version)
	if err != nil {
		return nil, err
	}
	for _, r := range releases {
		if kept == nil && r.Release.Version == out.version {
			kept = &r
		}
	}
	out.release = kept
	out.standards = in.standards(out.version, kept, releases...)
	sources := []func(string) *files.Tree{}
	for _, r := range releases {
		sources = append(sources, installedSums(r.Bundle, out.version))
	}
	if kept != nil {
		sources = append(sources, func(component string) *files.Tree {
			t, err := kept.Bundle.Payload(component)
			if err != nil {
				return nil
			}
			return &t
		})
	}
	found := in.baseline(out.version)
	out.shipped = func(unit string) *files.Tree {
		for _, s := range sources {
			if t := s(plan.ComponentOf(unit)); t != nil {
				return t
			}
		}
		return found(unit)
	}
	return out, nil
}

func (k *standing) survey(ctx context.Context, in *Installation, s *survey.Surveyor) (err error) {
	if k.facts, err = s.Basics(ctx, k.product, in.Doc); err != nil {
		return err
	}
	if k.version, err = installedVersion(k.product, k.facts); err != nil {
		return err
	}
	k.product = here(k.product, k.facts)
	k.resolver, err = s.Resolver(k.product, in.Doc, k.facts)
	return err
}

// VendorStandard reads a database of an installed product as its vendor's
// standard.
func (in *Installation) VendorStandard(ctx context.Context, component, from string) (drift.Schema, error) {
	known, err := in.standing(ctx, from, "")
	if err != nil {
		return drift.Schema{}, err
	}
	defer known.close()
	c, ok := known.resolver.Product.Components[component]
	if !ok || !c.Database() {
		return drift.Schema{}, fmt.Errorf("%q is no database of %s", component, known.product.ID)
	}
	d, err := known.resolver.Database(component)
	if err != nil {
		return drift.Schema{}, err
	}
	db, err := in.databases.Open(ctx, *d, "drift")
	if err != nil {
		return drift.Schema{}, err
	}
	defer db.Close()
	s, err := db.Objects(ctx)
	if err == nil && c.Standard != nil {
		s = s.Without(c.Standard.Except)
	}
	return s, err
}

// customised gives findings about databases that are not as their vendor made
// them.
func customised(all map[string]drift.Comparison) []Finding {
	var out []Finding
	for _, unit := range slices.Sorted(maps.Keys(all)) {
		c := all[unit]
		switch {
		case c.Unknown != "":
			out = append(out, Finding{ID: "drift", Level: "info", Evidence: fmt.Sprintf("whether the database %s was customised is not known: %s", unit, c.Unknown)})
		case len(c.Differences) > 0:
			out = append(out, Finding{ID: "drift", Level: "warning", Evidence: fmt.Sprintf("the database %s is not as %s has it: %s", unit, c.Standard, summary(c.Differences)),
				Effect: "a script of the release may meet what its vendor has not made", Fix: "upkeep drift shows each object"})
		}
	}
	return out
}

// summary names the first few.
func summary(all []drift.Difference) string {
	const most = 3
	var parts []string
	for i, d := range all {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(all)-most))
			break
		}
		parts = append(parts, d.String())
	}
	return strings.Join(parts, ", ")
}
