package manage

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/files"
	"upkeep/internal/manifest"
	"upkeep/internal/node/local"
	"upkeep/internal/plan"
	"upkeep/internal/scratch"
	"upkeep/internal/site"
	"upkeep/internal/survey"
)

// NewInstallation says where a new installation document goes, and what it
// says.
type NewInstallation struct {
	Product string // to adopt: a product document, a release's bundle, or a folder of bundles; to install: the product's id, or empty
	Name    string // of the installation, or path of its document; empty: the product's
	ID      string // where Name is a path: what a new document calls the installation; empty: the product's
	Folders []string
	State   string // folder of the state; empty: the default
	Backup  string // folder of restore points; empty: in the state folder
	Feed    *site.DraftFeed
	By      string
	Exe     string
	DryRun  bool // nothing is written
	Answers
}

// Adoption is what adopt found.
type Adoption struct {
	Adopted
	ID       string   `json:"id"`
	Document string   `json:"document"`
	State    string   `json:"state"`
	Written  bool     `json:"written"` // the installation document was written
	Again    bool     `json:"again"`   // it was adopted before
	Changes  []string `json:"changes"` // what is not as it was then
	Text     string   `json:"-"`       // of the installation document
}

// Adopt takes over a product that is there already: its document is written,
// and what was found is recorded. The product is only looked at. Given again,
// it records what is there now and says what has changed since.
func Adopt(ctx context.Context, n NewInstallation) (*Adoption, error) {
	temp, err := scratch.New(realFiles(), "", "adopt")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for reading the releases: %w", err)
	}
	defer temp.Close()
	d, err := describe(ctx, n.Product, temp.Path)
	if err != nil {
		return nil, err
	}
	in, text, written, err := draft(ctx, n, d.product, func(in *Installation) func(string) error { return in.triesFound(ctx, d.product) })
	if err != nil {
		return nil, err
	}
	if err := in.fits(d.product); err != nil {
		return nil, err
	}
	if err := in.shares(ctx, d.product, n.Folders); err != nil {
		return nil, err
	}
	out := &Adoption{ID: in.Doc.ID, Document: in.Path, State: in.State, Written: !written, Text: string(text)}
	before, err := in.Adopted()
	if err != nil {
		before = nil // it is written anew
	}
	baseline, document, err := in.look(ctx, d, &out.Adopted)
	if err != nil {
		return nil, err
	}
	out.By, out.Again = n.By, before != nil
	out.Changes = changes(before, &out.Adopted)
	if n.DryRun {
		return out, nil
	}
	return out, in.takeOver(ctx, out, before, document, baseline, text)
}

// draft opens the installation document, or makes the one that will be
// written: there says that it is there already.
func draft(ctx context.Context, n NewInstallation, p *manifest.Product, try func(*Installation) func(string) error) (in *Installation, text []byte, there bool, err error) {
	in, doc, there, err := n.sketch(p.ID)
	if err != nil {
		return nil, nil, false, err
	}
	if there {
		return in, nil, true, in.agrees(n, p)
	}
	if doc.Params, err = in.collect(ctx, p, n.Answers, try(in)); err != nil {
		return nil, nil, false, err
	}
	text = site.Compose(doc)
	in, err = openText(in.Path, text, n.Exe)
	return in, text, false, err
}

// sketch opens the installation document, or makes one that has no parameters
// yet. Without a product it opens the one that is named, or the only one.
func (n NewInstallation) sketch(product string) (in *Installation, doc site.Draft, there bool, err error) {
	document, id, err := n.place(product)
	if err != nil {
		return nil, doc, false, err
	}
	if _, err := os.Lstat(document); err == nil {
		in, err = Open(document, n.Exe)
		return in, doc, true, err
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, doc, false, fmt.Errorf("cannot look for the installation document: %w", err)
	}
	if product == "" {
		return nil, doc, false, &NoProductError{}
	}
	doc = site.Draft{ID: id, Product: product, State: n.State, BackupDir: n.Backup, Feed: n.Feed}
	doc.Title = fmt.Sprintf("%s on this computer, for Upkeep. Change what is wrong; upkeep check says whether it fits.", product)
	in, err = openText(document, site.Compose(doc), n.Exe)
	return in, doc, false, err
}

// NoProductError says that nobody has said what to install.
type NoProductError struct{}

func (e *NoProductError) Error() string {
	return "what shall be installed is not said: name a release's bundle with --from, or the product and its feed: upkeep install PRODUCT --feed URL --feed-root FILE"
}

// place says where the installation document is, or shall be, and what a new
// one calls the installation.
func (n NewInstallation) place(product string) (document, id string, err error) {
	name := n.Name
	if name == "" {
		name = product
	}
	document, err = Locate(name, n.Folders)
	var none *NoInstallationError
	switch {
	case err == nil && isPath(name):
		return document, cmp.Or(n.ID, product), nil
	case err == nil:
		return document, name, nil
	case !errors.As(err, &none):
		return "", "", err
	}
	dir := n.Folders[0]
	if _, root := local.Account(); !root {
		dir = n.Folders[len(n.Folders)-1]
	}
	if name == "" {
		if len(none.Found) > 0 {
			return "", "", err
		}
		return "", "", &NoProductError{}
	}
	return filepath.Join(dir, name+".yaml"), name, nil
}

func otherProduct(in *Installation, id string) string {
	return fmt.Sprintf("%s is the installation document of %s, and not of %s: name another one with --installation", in.Path, in.Doc.Product, id)
}

// agrees refuses a document that says something else than what was asked for.
func (in *Installation) agrees(n NewInstallation, p *manifest.Product) error {
	var reasons []string
	if in.Doc.Product != p.ID {
		reasons = append(reasons, otherProduct(in, p.ID))
	}
	if f := n.Feed; f != nil && (in.Doc.Feed == nil || !slices.Equal(in.Doc.Feed.URLs, []string{f.URL})) {
		reasons = append(reasons, fmt.Sprintf("%s names another feed than %s, or none: change it there", in.Path, f.URL))
	}
	for _, id := range paramOrder(p) {
		given, ok := n.Given[id]
		has, says := in.Doc.Params[id]
		switch {
		case !ok || says && textOf(has) == given:
		case says && p.Params[id].Secret():
			reasons = append(reasons, fmt.Sprintf("%s has another reference for %s: change it there", in.Path, id))
		case says:
			reasons = append(reasons, fmt.Sprintf("%s says %s: %s, not %s: change it there", in.Path, id, has.Text, given))
		default:
			reasons = append(reasons, fmt.Sprintf("%s does not say %s: add it there", in.Path, id))
		}
	}
	if len(reasons) > 0 {
		return &RefusedError{What: "there is an installation document already", Reasons: reasons}
	}
	return nil
}

// look finds out what is installed; it only reads.
func (in *Installation) look(ctx context.Context, d *described, a *Adopted) (baseline map[string][]byte, document []byte, err error) {
	refuse := func(reasons ...string) error {
		return &RefusedError{What: fmt.Sprintf("%s cannot be adopted", d.product.ID), Reasons: reasons}
	}
	product := in.present(d.product)
	missing, err := in.absences(ctx, product)
	if err != nil {
		return nil, nil, err
	}
	if len(missing) > 0 {
		return nil, nil, refuse(missing...)
	}
	s := in.surveyor()
	facts, err := s.Basics(ctx, product, in.Doc)
	if err != nil {
		return nil, nil, refuse(strings.Split(err.Error(), "\n")...)
	}
	a.Product, a.At = d.product.ID, time.Now().UTC()
	if a.Version, err = installedVersion(product, facts); err != nil {
		return nil, nil, refuse(err.Error())
	}
	if err := possible(d.product, a.Version); err != nil {
		return nil, nil, refuse(err.Error())
	}
	k, err := d.of(a.Version)
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(k.text)
	a.Document, a.Exact, a.Services = hex.EncodeToString(sum[:]), k.exact, map[string]AdoptedService{}
	for id, running := range facts.Services {
		unit := facts.Systemd[id]
		a.Services[id] = AdoptedService{Running: running, Unit: unit.Unit, Start: unit.Start}
	}
	if !k.exact {
		a.Assumed = append(a.Assumed, fmt.Sprintf("the document of %s is used for %s: that release's own is not at hand", releaseOf(d), a.Version))
	}
	if err := in.lookModes(ctx, s, product, &facts, a); err != nil {
		return nil, nil, err
	}
	if baseline, err = in.lookInstances(ctx, product, k, facts, a); err != nil {
		return nil, nil, err
	}
	in.assume(ctx, product, facts, a)
	return baseline, k.text, nil
}

// possible refuses a version that is none of the product's: something else may
// lie in its place.
func possible(p *manifest.Product, version string) error {
	order, err := plan.OrderOf(p)
	if err != nil {
		return err
	}
	if _, err := order.Compare(version, version); err != nil {
		return fmt.Errorf("what was found says that its version is %q, which is no version of %s (%w): is it another product?", version, p.ID, err)
	}
	return nil
}

func releaseOf(d *described) string {
	if len(d.releases) == 0 {
		return d.from
	}
	r, err := newest(d.releases)
	if err != nil {
		return d.from
	}
	return r.Release.Version
}

func (in *Installation) lookModes(ctx context.Context, s *survey.Surveyor, p *manifest.Product, f *plan.Facts, a *Adopted) error {
	if err := s.Modes(ctx, p, in.Doc, f); err != nil {
		return err
	}
	for mode, on := range f.Modes {
		if on {
			a.Modes = append(a.Modes, mode)
		}
	}
	slices.Sort(a.Modes)
	return nil
}

// lookInstances lists the files of every tree, and compares them with what the
// release shipped where that is known.
func (in *Installation) lookInstances(ctx context.Context, p *manifest.Product, k known, f plan.Facts, a *Adopted) (map[string][]byte, error) {
	r, err := in.surveyor().Resolver(p, in.Doc, f)
	if err != nil {
		return nil, err
	}
	if a.Entry, err = r.Entry(); err != nil {
		a.Assumed = append(a.Assumed, err.Error())
	}
	baseline := map[string][]byte{}
	for _, id := range r.Product.Order {
		c := r.Product.Components[id]
		i := AdoptedInstance{Component: plan.ComponentOf(id), Kind: c.Kind, Version: f.Instances[id].Version}
		if id != i.Component {
			i.Instance = r.Units[id].Instance
		}
		if c.Kind == "tree" && f.Instances[id].Missing == "" {
			if i.At, err = r.Unit(id).Scope.Expand(c.At.Path); err != nil {
				return nil, err
			}
			text, err := in.lookTree(ctx, &i, c, k.sums(i.Component))
			if err != nil {
				return nil, &RefusedError{What: fmt.Sprintf("%s cannot be adopted", p.ID), Reasons: []string{err.Error()}}
			}
			baseline[id] = text
		}
		if slices.Contains(read, c.Kind) {
			d, err := r.Database(id)
			if err != nil {
				return nil, err
			}
			a.databases = append(a.databases, *d)
		}
		a.Instances = append(a.Instances, i)
	}
	return baseline, nil
}

func (in *Installation) lookTree(ctx context.Context, i *AdoptedInstance, c manifest.Component, shipped *files.Tree) ([]byte, error) {
	root := i.At
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	t, err := files.Scan(ctx, in.FS, root, files.Options{Hash: true})
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read all of %s: %w", i.Component, i.At, err)
	}
	sums := t.Sums()
	i.Files, i.Bytes, i.Known = len(sums), t.Bytes(), shipped != nil
	if shipped != nil {
		edits, err := files.EditedOf(*shipped, t, c.Keep)
		if err != nil {
			return nil, err
		}
		i.Edited = len(edits)
		want := len(shipped.Sums())
		if same := alike(shipped.Sums(), sums); want > 0 && same*2 < want {
			return nil, fmt.Errorf("%s: of the %d files of %s, only %d are in %s as its release shipped them: is it another product, or a broken one?", i.Component, want, i.Version, same, i.At)
		}
	}
	var text bytes.Buffer
	if err := files.WriteManifest(&text, t); err != nil {
		return nil, err
	}
	i.Sums = files.Digest(t)
	return text.Bytes(), nil
}

// alike counts the files that are the same in both.
func alike(a, b files.Sums) int {
	n := 0
	for path, sum := range a {
		if b[path] == sum {
			n++
		}
	}
	return n
}
