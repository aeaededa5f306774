package archive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"upkeep/internal/backup"
	"upkeep/internal/files"
)

// content opens the tar stream of a part of files: that of the base archive,
// or, where there is a second pass, the two as one. Reading it to its end reads
// every stored byte; what is wrong is ErrDamaged.
func (a *Archive) content(ctx context.Context, dir string, part backup.Part, tree files.Tree) (io.ReadCloser, error) {
	stored, ok := part.File(backup.Base)
	if !ok {
		return nil, fmt.Errorf("%w: part %s has no archive", backup.ErrDamaged, part.Name)
	}
	base, err := a.unzip(ctx, dir, stored)
	if err != nil {
		return nil, err
	}
	delta, second := part.File(backup.Delta)
	names, lost := part.File(backup.Removed)
	if !second && !lost {
		return base, nil
	}
	m := &merger{tree: tree, base: base, done: make(chan struct{})}
	if lost {
		list, err := a.slurp(ctx, dir, names)
		if err != nil {
			return nil, errors.Join(err, base.Close())
		}
		m.gone = decodeNames(list)
	}
	if second {
		if m.delta, err = a.unzip(ctx, dir, delta); err != nil {
			return nil, errors.Join(err, base.Close())
		}
	}
	r, w := io.Pipe()
	m.PipeReader = r
	go func() {
		defer close(m.done)
		_ = w.CloseWithError(m.write(ctx, a, w)) // never fails
	}()
	return m, nil
}

// merger writes one tar stream from two: files of the base that were not taken
// away, files of the delta, and then all directories as the manifest has them.
type merger struct {
	*io.PipeReader
	tree  files.Tree
	base  *unzipped
	delta *unzipped // nil: nothing was added
	gone  map[string]bool
	done  chan struct{}
}

// Close ends the writer before it closes what that reads.
func (m *merger) Close() error {
	err := m.PipeReader.Close()
	<-m.done
	err = errors.Join(err, m.base.Close())
	if m.delta != nil {
		err = errors.Join(err, m.delta.Close())
	}
	return err
}

func (m *merger) write(ctx context.Context, a *Archive, w io.Writer) error {
	tw := tar.NewWriter(w)
	if err := pass(tw, m.base, m.gone); err != nil {
		return err
	}
	if m.delta != nil {
		if err := pass(tw, m.delta, nil); err != nil {
			return err
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	var dirs files.Tree
	for _, e := range m.tree.Entries {
		if e.Type == files.Dir {
			dirs.Entries = append(dirs.Entries, e)
		}
	}
	// Pack touches no file for a directory: all is in the entry.
	_, err := files.Pack(ctx, a.fs, w, "/", dirs, files.PackOptions{})
	return err
}

// pass copies everything but directories and what is gone.
func pass(tw *tar.Writer, r io.Reader, gone map[string]bool) error {
	tr := tar.NewReader(r)
	buf := make([]byte, 256<<10)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return damaged(err)
		}
		if h.Typeflag == tar.TypeDir || gone[strings.TrimSuffix(h.Name, "/")] {
			continue
		}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.CopyBuffer(plainWriter{tw}, plainReader{tr}, buf); err != nil {
			return damaged(err)
		}
	}
	_, err := io.CopyBuffer(io.Discard, plainReader{r}, buf)
	return err
}

// damaged marks what an archive's reader complains about.
func damaged(err error) error {
	if errors.Is(err, backup.ErrDamaged) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	return fmt.Errorf("%w: %w", backup.ErrDamaged, err)
}

// plainWriter hides ReadFrom.
type plainWriter struct{ io.Writer }
