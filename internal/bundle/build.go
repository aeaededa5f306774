package bundle

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// BuildOptions are for Build.
type BuildOptions struct {
	// Components are directories of payloads that lie elsewhere, by component: besides those under components/ of the source.
	Components map[string]string
	// MTime, unless zero, becomes the time of every file in the payloads, cut to seconds: then a fresh checkout gives the same bytes, too (compare
	// SOURCE_DATE_EPOCH). It must change from release to release, as web servers and caches go by it. Zero: files keep their times.
	MTime time.Time
	// Exclude are patterns (files.Match) of what is left out of the bundle and of the payloads, such as ".git".
	Exclude []string
}

// Build makes the bundle dest from the source directory src and returns its digest. dest becomes a directory, or one archive if its
// name ends in .tar.zst; it must not exist, and appears only when it is whole. Every directory src/components/NAME becomes the payload
// NAME.tar.zst with sums/NAME.sums; everything else is taken as it is, SHA256SUMS and SIGNATURES excepted. The same
// input gives the same bytes with the same version of Upkeep.
func Build(ctx context.Context, fsys durable.FS, src, dest string, o BuildOptions) (string, error) {
	digest, err := build(ctx, fsys, src, dest, o)
	if err != nil {
		return "", fmt.Errorf("cannot build bundle %s from %s: %w", dest, src, err)
	}
	return digest, nil
}

func build(ctx context.Context, fsys durable.FS, src, dest string, o BuildOptions) (string, error) {
	src, err := filepath.Abs(src)
	if err != nil {
		return "", err
	}
	if dest, err = filepath.Abs(dest); err != nil {
		return "", err
	}
	if _, err := fsys.Lstat(dest); err == nil {
		return "", errors.New("it exists already; choose another name, or remove it first")
	}
	if rel, err := filepath.Rel(src, dest); err == nil && filepath.IsLocal(rel) {
		return "", errors.New("the bundle must not lie inside its own source")
	}
	w := builder{fsys: fsys, out: fsys.Unsynced(), src: src, tmp: files.StagingName(dest, "build-"+rand.Text()), o: o, sums: files.Sums{}}
	defer func() { _ = fsys.RemoveAll(w.tmp) }() // after a success only an empty name
	b, err := w.directory(ctx)
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(dest, PayloadSuffix) {
		return b.Digest(), w.archive(ctx, b, dest)
	}
	if err := fsys.SyncTree(w.tmp); err != nil {
		return "", err
	}
	return b.Digest(), fsys.Rename(w.tmp, dest)
}

type builder struct {
	fsys, out durable.FS
	src, tmp  string
	o         BuildOptions
	sums      files.Sums
}

// directory builds the bundle as a directory under its temporary name, and opens it as a user would.
func (w *builder) directory(ctx context.Context) (*Bundle, error) {
	tree, err := files.Scan(ctx, w.fsys, w.src, files.Options{Exclude: append([]string{"/" + ComponentsDir, "/" + SumsName, "/" + SignaturesDir}, w.o.Exclude...)})
	if err != nil {
		return nil, err
	}
	if e, ok := tree.Find(ManifestName); !ok || e.Type != files.File {
		return nil, fmt.Errorf("it has no %s", ManifestName)
	}
	components, err := w.components()
	if err != nil {
		return nil, err
	}
	if err := w.out.Mkdir(w.tmp, 0o755); err != nil {
		return nil, err
	}
	for _, e := range tree.Entries {
		switch e.Type {
		case files.Dir:
		case files.File:
			if err := w.copy(ctx, e.Path); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%s is a %s; outside of payloads a bundle holds files and directories only", e.Path, e.Type)
		}
	}
	for _, c := range components {
		if err := w.payload(ctx, c.name, c.dir); err != nil {
			return nil, fmt.Errorf("component %s: %w", c.name, err)
		}
	}
	var text bytes.Buffer
	if err := files.WriteSums(&text, w.sums); err != nil {
		return nil, err
	}
	if err := w.write(ctx, SumsName, &text); err != nil {
		return nil, err
	}
	return Open(ctx, w.fsys, w.tmp, Options{})
}

type component struct{ name, dir string }

// components finds the payload directories, sorted by name.
func (w *builder) components() ([]component, error) {
	found := files.Sums{} // name → directory; sorted by its method
	list, err := w.fsys.ReadDir(filepath.Join(w.src, ComponentsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range list {
		if !e.Type.IsDir() {
			return nil, fmt.Errorf("%s/%s is no directory; each component has one", ComponentsDir, e.Name)
		}
		found[e.Name] = filepath.Join(w.src, ComponentsDir, e.Name)
	}
	for name, dir := range w.o.Components {
		if found[name] != "" {
			return nil, fmt.Errorf("component %s is there twice: %s and %s", name, found[name], dir)
		}
		if err := files.CheckPath(name); err != nil || strings.Contains(name, "/") {
			return nil, fmt.Errorf("%q cannot name a component", name)
		}
		if found[name], err = filepath.Abs(dir); err != nil {
			return nil, err
		}
	}
	var out []component
	for _, name := range found.Paths() {
		out = append(out, component{name, found[name]})
	}
	return out, nil
}

func (w *builder) copy(ctx context.Context, name string) error {
	r, err := w.fsys.OpenNoFollow(filepath.Join(w.src, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	defer r.Close()
	return w.write(ctx, name, r)
}

// write makes one file of the bundle and notes its sum.
func (w *builder) write(ctx context.Context, name string, r io.Reader) error {
	path := filepath.Join(w.tmp, filepath.FromSlash(name))
	if err := w.out.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := w.out.Create(path, modeIn(name))
	if err != nil {
		return err
	}
	h := newSum(f)
	_, err = io.Copy(h, stopping{ctx, r})
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil && name != SumsName {
		w.sums[name] = h.hex()
	}
	return err
}

// payload packs a component's directory.
func (w *builder) payload(ctx context.Context, name, dir string) error {
	file, sums := name+PayloadSuffix, SumsDir+"/"+name+".sums"
	for _, taken := range []string{file, sums} {
		if w.sums[taken] != "" {
			return fmt.Errorf("the source has %s already", taken)
		}
	}
	tree, err := files.Scan(ctx, w.fsys, dir, files.Options{Exclude: w.o.Exclude})
	if err != nil {
		return err
	}
	pr, pw := io.Pipe()
	packed := make(chan files.Tree, 1)
	go func() {
		t, err := pack(ctx, w.fsys, pw, dir, tree, files.PackOptions{Portable: true, MTime: w.o.MTime})
		packed <- t
		pw.CloseWithError(err)
	}()
	err = w.write(ctx, file, pr)
	_ = pr.CloseWithError(err) // ends the packer, if it is still there
	t := <-packed
	if err != nil {
		return err
	}
	for i := range t.Entries {
		t.Entries[i].Stamp = files.Stamp{}
	}
	var text bytes.Buffer
	if err := files.WriteManifest(&text, t); err != nil {
		return err
	}
	return w.write(ctx, sums, &text)
}

// Compressor compresses as payloads are. One encoder without concurrency, so that the bytes depend on nothing else: a patch makes them again.
func Compressor(out io.Writer) (io.WriteCloser, error) {
	z, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	return struct{ io.WriteCloser }{z}, nil
}

// pack writes a tree as tar.zst.
func pack(ctx context.Context, fsys durable.FS, out io.Writer, root string, t files.Tree, o files.PackOptions) (files.Tree, error) {
	z, err := Compressor(out)
	if err != nil {
		return files.Tree{}, err
	}
	packed, err := files.Pack(ctx, fsys, z, root, t, o)
	if err != nil {
		_ = z.Close()
		return files.Tree{}, err
	}
	return packed, z.Close()
}

// archive packs the built directory.
func (w *builder) archive(ctx context.Context, b *Bundle, dest string) error {
	part := w.tmp + ".part"
	err := archive(ctx, w.fsys, b.dir, part, 0o644)
	if err == nil {
		err = w.fsys.Rename(part, dest)
	}
	if err != nil {
		_ = w.fsys.Remove(part)
	}
	return err
}

// archive packs a bundle's directory into a new file, SHA256SUMS first, so that a reader of a stream knows what to expect.
func archive(ctx context.Context, fsys durable.FS, dir, dest string, mode fs.FileMode) error {
	tree, err := files.Scan(ctx, fsys, dir, files.Options{})
	if err != nil {
		return err
	}
	f, err := fsys.Create(dest, mode)
	if err != nil {
		return err
	}
	_, err = pack(ctx, fsys, f, dir, inOrder(tree.Entries), files.PackOptions{Portable: true, MTime: packedTime()})
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
