// Package bundle opens and builds release bundles: what a vendor publishes for one version. A bundle is a directory, or the same directory
// in one .tar.zst; docs/reference/bundle.md describes its layout. Nothing of a bundle is believed before every file was compared
// with SHA256SUMS, and what is read later is compared again while it is read.
//
// It may import internal/durable, internal/files, the standard library and klauspost/compress. It does not know what the documents in
// a bundle say.
package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// The fixed names in a bundle.
const (
	ManifestName  = "upkeep.yaml" // the documents "product" and "release"
	SumsName      = "SHA256SUMS"  // sums of every other file, signatures excepted
	SignaturesDir = "SIGNATURES"  // signatures of SHA256SUMS; not in the sums
	ComponentsDir = "components"  // in the source of a bundle only: one directory for each payload
	SumsDir       = "sums"        // <component>.sums: what a payload holds, file by file
	FromDir       = "from"        // <version>/product.yaml and <version>/<component>.sums of releases it can be reached from
	StandardDir   = "standard"    // <component>/postgres-15.json and so on: a database's objects in a fresh install; also below from/<version>
	HooksDir      = "hooks"
	MigrationsDir = "migrations"
)

// StandardScript lies in standard/<component>, too: it makes the objects of a
// fresh install, for servers that have no file there.
const StandardScript = "schema.sql"

// PayloadSuffix ends the names of the payloads that Build makes: app.tar.zst holds the component app.
const PayloadSuffix = ".tar.zst"

// ErrDamaged: the bundle is not the one that was published.
var ErrDamaged = errors.New("the bundle is damaged or was changed")

// Options are for Open.
type Options struct {
	// Cache is the directory into which archives are unpacked, each under the SHA-256 of the archive. It is made if missing, and must be writable by
	// nobody but the account that runs Upkeep. Not needed for bundles that are directories.
	Cache string
	// Limits bound what an archive may unpack to; also never more than is free on the cache's volume.
	Limits files.Limits
	// Lacking are payloads that need not be there yet, by their names, with their sizes in bytes: a feed brings a release's documents first. Whoever
	// gives it answers for the sizes. Only files of the bundle's top folder that the sums list can be lacking, never the manifest; one that
	// is there is compared like any other.
	Lacking map[string]int64
}

// NotFetchedError says that a payload is wanted which is not there yet.
type NotFetchedError struct {
	Bundle string // as it was opened
	Name   string // of the payload
	Bytes  int64
}

func (e *NotFetchedError) Error() string {
	return fmt.Sprintf("the payload %s (%d bytes) of the bundle in %s is not fetched yet: upkeep feed fetch brings it", e.Name, e.Bytes, e.Bundle)
}

// Bundle is an opened bundle, all of whose files had their sums when it was opened.
type Bundle struct {
	fsys   durable.FS
	origin string // as the user named it, for messages
	dir    string
	sums   files.Sums
	text   []byte // SHA256SUMS
	tree   files.Tree
	lacks  map[string]int64 // may not be there
}

// Open opens the directory or the archive at path. Errors name the file, the sum it has and the sum it should have, and say what to do;
// they are ErrDamaged where the content is at fault, files.ErrUnsafe or files.ErrTooBig where an archive asks for what it must not.
func Open(ctx context.Context, fsys durable.FS, path string, o Options) (*Bundle, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open bundle %s: %w", path, err)
	}
	info, err := fsys.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open bundle: %w", err)
	}
	b := &Bundle{fsys: fsys, origin: path, dir: path, lacks: maps.Clone(o.Lacking)}
	if info.IsDir() {
		err = b.load(ctx)
	} else {
		err = b.openArchive(ctx, o)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open bundle %s: %w", path, err)
	}
	return b, nil
}

// load reads the sums and compares everything.
func (b *Bundle) load(ctx context.Context) error {
	text, err := b.fsys.ReadFile(filepath.Join(b.dir, SumsName))
	if errors.Is(err, fs.ErrNotExist) {
		if _, serr := b.fsys.Lstat(filepath.Join(b.dir, ManifestName)); serr == nil {
			return fmt.Errorf("it has no %s: this looks like the source of a bundle; build it first (upkeep vendor build)", SumsName)
		}
		return fmt.Errorf("%w: it has no %s; fetch the bundle again", ErrDamaged, SumsName)
	} else if err != nil {
		return err
	}
	b.text = text
	if b.sums, err = files.ParseSums(bytes.NewReader(text)); err != nil {
		return fmt.Errorf("%w: %s: %w; fetch the bundle again", ErrDamaged, SumsName, err)
	}
	for _, p := range b.sums.Paths() {
		if p == SumsName || p == SignaturesDir || strings.HasPrefix(p, SignaturesDir+"/") {
			return fmt.Errorf("%w: %s must not list %q", ErrDamaged, SumsName, p)
		}
	}
	if b.sums[ManifestName] == "" {
		return fmt.Errorf("%w: %s does not list %s", ErrDamaged, SumsName, ManifestName)
	}
	for name, size := range b.lacks {
		if name == ManifestName || strings.Contains(name, "/") || b.sums[name] == "" || size < 0 {
			return fmt.Errorf("%w: %q cannot be a payload of it that is not fetched yet: %s has no such payload", ErrDamaged, name, SumsName)
		}
	}
	return b.Verify(ctx)
}

// Missing lists the payloads that are not there yet, with their sizes in bytes; empty for a bundle that is whole.
func (b *Bundle) Missing() map[string]int64 {
	out := map[string]int64{}
	for _, e := range b.tree.Entries {
		if e.SHA256 == "" {
			out[e.Path] = e.Size
		}
	}
	return out
}

// Complete says that every file is there.
func (b *Bundle) Complete() bool { return len(b.Missing()) == 0 }

// Verify reads every file again and compares it with the sums that the bundle was opened with. What was lacking then may have come since.
func (b *Bundle) Verify(ctx context.Context) error {
	tree, err := files.Scan(ctx, b.fsys, b.dir, files.Options{Hash: true})
	if err != nil {
		return err
	}
	summed := files.Tree{}
	for _, e := range tree.Entries {
		switch {
		case e.Type != files.Dir && e.Type != files.File:
			return fmt.Errorf("%w: %q is a %s, a bundle holds files and directories only", ErrDamaged, e.Path, e.Type)
		case e.Type == files.Dir, strings.HasPrefix(e.Path, SignaturesDir+"/"):
		case e.Path == SumsName:
			if e.SHA256 != b.Digest() {
				return fmt.Errorf("%w: %s changed since it was read", ErrDamaged, SumsName)
			}
		default:
			e.HardLink = ""
			summed.Entries = append(summed.Entries, e)
		}
	}
	want, lacking := b.sums, []files.Entry(nil)
	for name := range b.lacks {
		if _, there := summed.Find(name); !there {
			want = maps.Clone(want)
			delete(want, name)
			lacking = append(lacking, files.Entry{Path: name, Type: files.File, Size: b.lacks[name]}) // without a sum
		}
	}
	if err := files.CheckSums(summed, want); err != nil {
		return fmt.Errorf("%w: %w; fetch the bundle again", ErrDamaged, err)
	}
	summed.Entries = append(summed.Entries, lacking...)
	slices.SortFunc(summed.Entries, func(a, b files.Entry) int { return strings.Compare(a.Path, b.Path) })
	b.tree = summed
	return nil
}

// Digest identifies the content of the bundle: the SHA-256 of SHA256SUMS as 64 hex digits. It is the same for the directory and the
// archive, and does not change when signatures are added.
func (b *Bundle) Digest() string {
	sum := sha256.Sum256(b.text)
	return hex.EncodeToString(sum[:])
}

// Sums are the sums of all files but SHA256SUMS itself and the signatures. The caller may keep and change the map.
func (b *Bundle) Sums() files.Sums {
	out := make(files.Sums, len(b.sums))
	for p, s := range b.sums {
		out[p] = s
	}
	return out
}

// SumsText is SHA256SUMS byte for byte: what is signed.
func (b *Bundle) SumsText() []byte { return bytes.Clone(b.text) }

// Origin is the path that was opened, Dir the directory in which the files are.
func (b *Bundle) Origin() string { return b.origin }

// Dir is where the bundle's files lie: the bundle itself, or its place in the cache.
func (b *Bundle) Dir() string { return b.dir }

// Path is the absolute path of a file of the bundle; fs.ErrNotExist if the sums do not list it. The content had its sum when the
// bundle was opened or verified last; FS compares it once more while reading.
func (b *Bundle) Path(name string) (string, error) {
	if b.sums[name] == "" {
		return "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err := b.notFetched(name); err != nil {
		return "", err
	}
	return filepath.Join(b.dir, filepath.FromSlash(name)), nil
}

// notFetched is the error about a payload that is not there yet; nil for what is.
func (b *Bundle) notFetched(name string) error {
	if e, ok := b.tree.Find(name); ok && e.SHA256 == "" {
		return &NotFetchedError{Bundle: b.origin, Name: name, Bytes: e.Size}
	}
	return nil
}

// Payload describes what the payload of a component holds, as sums/<component>.sums says. fs.ErrNotExist where the bundle does not say.
func (b *Bundle) Payload(component string) (files.Tree, error) {
	return b.readTree(SumsDir + "/" + component + ".sums")
}

// From describes what a component of an earlier release held, and so what was installed: from/<version>/<component>.sums.
func (b *Bundle) From(version, component string) (files.Tree, error) {
	return b.readTree(FromDir + "/" + version + "/" + component + ".sums")
}

func (b *Bundle) readTree(name string) (files.Tree, error) {
	text, err := fs.ReadFile(b.FS(), name)
	if err != nil {
		return files.Tree{}, fmt.Errorf("bundle %s: %w", b.origin, err)
	}
	t, err := files.ParseAny(bytes.NewReader(text))
	if err != nil {
		return files.Tree{}, fmt.Errorf("bundle %s: %s: %w", b.origin, name, err)
	}
	return t, nil
}

// Versions lists the versions under from/, sorted as strings.
func (b *Bundle) Versions() []string {
	seen := map[string]bool{}
	for p := range b.sums {
		if rest, ok := strings.CutPrefix(p, FromDir+"/"); ok {
			if v, _, ok := strings.Cut(rest, "/"); ok {
				seen[v] = true
			}
		}
	}
	out := make([]string, 0, len(seen))
	for v := range seen {
		out = append(out, v)
	}
	sort.Strings(out)
	return out
}
