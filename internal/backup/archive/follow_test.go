package archive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
)

// lying is a file system that does something else than what it is told with
// archives.
type lying struct {
	durable.FS
	write func(f durable.File, p []byte, at int64) error
}

func (l lying) Create(path string, mode fs.FileMode) (durable.File, error) {
	f, err := l.FS.Create(path, mode)
	if err == nil && strings.HasSuffix(path, ".tar.zst") {
		f = &lies{File: f, write: l.write}
	}
	return f, err
}

type lies struct {
	durable.File
	write func(f durable.File, p []byte, at int64) error
	at    int64
}

func (l *lies) Write(p []byte) (int, error) {
	err := l.write(l.File, p, l.at)
	l.at += int64(len(p))
	return len(p), err
}

// TestLyingDisk: an archive in whose file is not what was written is no restore
// point, wherever the difference is.
func TestLyingDisk(t *testing.T) {
	app := filepath.Join(t.TempDir(), "app")
	if err := os.MkdirAll(app, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(app, "noise"), random(1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	plainly := func(f durable.File, p []byte) error { _, err := f.Write(p); return err }
	var wrote int64
	for name, write := range map[string]func(f durable.File, p []byte, at int64) error{
		"truth": func(f durable.File, p []byte, at int64) error {
			wrote = at + int64(len(p))
			return plainly(f, p)
		},
		"a byte is another": func(f durable.File, p []byte, at int64) error {
			const bad = 700_000
			if at <= bad && bad < at+int64(len(p)) {
				p = append([]byte{}, p...)
				p[bad-at] ^= 1
			}
			return plainly(f, p)
		},
		"the end is missing": func(f durable.File, p []byte, at int64) error {
			return plainly(f, p[:min(int64(len(p)), max(0, 1_000_000-at))])
		},
		"more is there": func(f durable.File, p []byte, at int64) error {
			if at == 0 {
				defer f.WriteAt([]byte("more"), 3<<20)
			}
			return plainly(f, p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			e := New(Config{Dir: dir, FS: lying{durable.OS(), write}})
			_, err := e.Finish(t.Context(), backup.Request{ID: "p", Files: []backup.FilePart{{Name: "app", Path: app}}})
			if name == "truth" {
				if err != nil || e.Verify(t.Context(), "p") != nil || wrote < 1<<20 {
					t.Fatalf("%d bytes, %v", wrote, err)
				}
				return
			}
			if !errors.Is(err, backup.ErrDamaged) {
				t.Errorf("%v", err)
			}
			if list, err := e.List(t.Context()); err != nil || len(list) > 0 {
				t.Errorf("%v %v", list, err)
			}
		})
	}
}

// TestTail: who follows reads no more than there is, to the end, and hears of
// what went wrong.
func TestTail(t *testing.T) {
	tl := newTail()
	got := make(chan int64)
	go func() {
		size, _ := tl.beyond(5)
		got <- size
	}()
	tl.grow(5)
	select {
	case size := <-got:
		t.Fatalf("it did not wait, at %d", size)
	case <-time.After(20 * time.Millisecond):
	}
	tl.grow(1)
	if size := <-got; size != 6 {
		t.Errorf("%d", size)
	}
	tl.end(errDropped)
	if _, err := tl.beyond(6); !errors.Is(err, errDropped) {
		t.Errorf("%v", err)
	}
}
