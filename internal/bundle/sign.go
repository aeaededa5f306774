package bundle

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"upkeep/internal/files"
)

// MaxSignature is the most bytes that a signature may have: what is longer is none.
const MaxSignature = 64 << 10

// Signatures reads the files under SIGNATURES/, by name. Nobody has checked them.
func (b *Bundle) Signatures() (map[string][]byte, error) {
	dir := filepath.Join(b.dir, SignaturesDir)
	list, err := b.fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, e := range list {
		path := filepath.Join(dir, e.Name)
		info, err := b.fsys.Lstat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsRegular() || info.Size > MaxSignature {
			continue
		}
		if out[e.Name], err = b.fsys.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// AddSignature writes a file under SIGNATURES/ of the bundle, be it a directory or an archive, in the place of one of that name. The digest
// stays, and so does all else that is in it; an archive gets other bytes.
func (b *Bundle) AddSignature(ctx context.Context, name string, text []byte) error {
	if err := b.addSignature(ctx, name, text); err != nil {
		return fmt.Errorf("cannot put a signature under the bundle %s: %w", b.origin, err)
	}
	return nil
}

func (b *Bundle) addSignature(ctx context.Context, name string, text []byte) error {
	if err := files.CheckPath(name); err != nil || filepath.Base(name) != name || len(text) > MaxSignature {
		return fmt.Errorf("%q cannot be a signature of %d bytes", name, len(text))
	}
	if !b.Complete() {
		return errors.New("it is not whole")
	}
	dir := filepath.Join(b.dir, SignaturesDir)
	if err := b.fsys.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := b.fsys.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil || b.dir == b.origin {
		return err
	}
	info, err := b.fsys.Stat(b.origin)
	if err != nil {
		return err
	}
	part := files.StagingName(b.origin, "sign-"+rand.Text())
	if err = archive(ctx, b.fsys, b.dir, part, info.Mode.Perm()); err == nil {
		err = b.fsys.Replace(part, b.origin)
	}
	if err != nil {
		_ = b.fsys.Remove(part)
	}
	return err
}
