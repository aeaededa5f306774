package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/durable"
)

// StagingPrefix begins the names of directories that Stage may wipe: what a killed run left there is worth nothing.
const StagingPrefix = ".upkeep-"

// StagingName names the staging directory for a tree: beside it, so that both are on one volume and can be exchanged, and with the
// step's operation id in it, so that recovery knows whose it is.
func StagingName(tree, opID string) string {
	safe := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, opID)
	base := filepath.Base(filepath.Clean(tree))
	if base == string(filepath.Separator) { // the root itself
		base = "root"
	}
	return filepath.Join(filepath.Dir(filepath.Clean(tree)), StagingPrefix+base+"-"+safe)
}

// maxWindow bounds what a compressed stream may ask of memory: 128 MiB, what zstd -19 --long=27 uses.
const maxWindow = 128 << 20

// StageOptions say what a payload must be.
type StageOptions struct {
	// Want describes what must come out, as the bundle's sums say: every file with its sum and nothing else. A tree with sizes (a manifest) also
	// sets the limits. Nil: whatever the limits allow.
	Want   *Tree
	Limits Limits
	Setuid bool
	Owner  *Ownership
}

// Stage unpacks a tar.zst payload into the fresh directory dest and makes it durable: see Unpack for what is refused and how
// owners and modes are set. If dest exists and its name begins with StagingPrefix it is wiped first (unless it holds carried files, see
// Discard), otherwise it is an error. An error leaves nothing behind.
func Stage(ctx context.Context, fsys durable.FS, payload io.Reader, dest string, o StageOptions) (Tree, error) {
	t, err := stage(ctx, fsys, payload, dest, o)
	if err != nil {
		return Tree{}, fmt.Errorf("cannot stage %s: %w", dest, err)
	}
	return t, nil
}

func stage(ctx context.Context, fsys durable.FS, payload io.Reader, dest string, o StageOptions) (Tree, error) {
	if _, err := fsys.Lstat(dest); err == nil {
		if !strings.HasPrefix(filepath.Base(dest), StagingPrefix) {
			return Tree{}, errors.New("it exists already and is no staging directory")
		}
		if err := Discard(fsys, dest); err != nil {
			return Tree{}, err
		}
	}
	if o.Want != nil && o.Limits == (Limits{}) {
		o.Limits = limitsOf(*o.Want)
	}
	z, err := zstd.NewReader(payload, zstd.WithDecoderConcurrency(workers), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return Tree{}, err
	}
	defer z.Close()
	t, err := Unpack(ctx, fsys, z, dest, UnpackOptions{Limits: o.Limits, Setuid: o.Setuid, Owner: o.Owner})
	if err == nil && o.Want != nil {
		err = CheckSums(t, o.Want.Sums())
	}
	if err == nil {
		err = fsys.SyncTree(dest)
	}
	if err == nil {
		err = fsys.SyncDir(filepath.Dir(dest))
	}
	if err != nil {
		return Tree{}, errors.Join(err, fsys.RemoveAll(dest))
	}
	return t, nil
}

// limitsOf allows what a manifest announces, and the directories it may leave unnamed. Plain sums have no sizes.
func limitsOf(t Tree) Limits {
	n := t.Bytes()
	if n == 0 {
		return Limits{}
	}
	dirs := 0
	for _, e := range t.Entries {
		dirs += strings.Count(e.Path, "/")
	}
	return Limits{Bytes: n, Entries: len(t.Entries) + dirs + 1}
}

// SumError: a file is not the one that was published.
type SumError struct {
	Path string
	Want string // "" when the sums do not know the file
	Got  string // "" when the file is missing
}

func (e *SumError) Error() string {
	switch {
	case e.Got == "":
		return fmt.Sprintf("%q is missing (its sum should be %s)", e.Path, e.Want)
	case e.Want == "":
		return fmt.Sprintf("%q is not in the sums", e.Path)
	}
	return fmt.Sprintf("%q has the sum %s, expected %s", e.Path, e.Got, e.Want)
}

// CheckSums compares the files of a tree with sums: each must be there with its sum, and no other. All faults are reported, joined, up to ten.
func CheckSums(t Tree, sums Sums) error {
	const most = 10
	var errs []error
	have := t.Sums()
	for _, p := range sums.Paths() {
		if have[p] != sums[p] {
			errs = append(errs, &SumError{p, sums[p], have[p]})
		}
	}
	for _, p := range have.Paths() {
		if sums[p] == "" {
			errs = append(errs, &SumError{p, "", have[p]})
		}
	}
	if n := len(errs); n > most {
		errs = append(errs[:most], fmt.Errorf("and %d more", n-most))
	}
	return errors.Join(errs...)
}
