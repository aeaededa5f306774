package durable

import "os"

func (f osFS) Preallocate(path string, size int64) error {
	const op = "reserve space in"
	if err := absolute(op, path); err != nil {
		return err
	}
	_, statErr := os.Lstat(path)
	w, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|openNoFollow, 0o600)
	if err != nil {
		return fail(op, path, err)
	}
	defer w.Close()
	err = w.Truncate(size)
	if err == nil && size > 0 {
		err = allocate(w, size)
	}
	if err != nil {
		if statErr != nil { // half a reserve on a full disk helps nobody
			_ = os.Remove(path)
		}
		return fail(op, path, err)
	}
	if err := w.Sync(); err != nil {
		return failSync(op, path, err)
	}
	if err := w.Close(); err != nil {
		return fail(op, path, err)
	}
	return osFS{synced: true}.named(op, nothing, path)
}

// writeZeros allocates where the volume cannot do it itself.
func writeZeros(f *os.File, size int64) error {
	zeros := make([]byte, 1<<20)
	for off := int64(0); off < size; off += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-off)], off); err != nil {
			return err
		}
	}
	return nil
}
