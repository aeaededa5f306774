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
	noise := random(1<<20 + 1)
	product := func(content []byte) backup.Request {
		app := filepath.Join(t.TempDir(), "app")
		path := filepath.Join(app, "noise")
		err := os.MkdirAll(app, 0o755)
		err = errors.Join(err, os.WriteFile(path, content, 0o600))
		for _, path := range []string{path, app} {
			err = errors.Join(err, os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)))
		}
		if err != nil {
			t.Fatal(err)
		}
		return backup.Request{ID: "p", Files: []backup.FilePart{{Name: "app", Path: app}}}
	}
	app := product(noise[1:])
	elsewhere := t.TempDir()
	if _, err := New(Config{Dir: elsewhere, FS: durable.OS()}).Finish(t.Context(), product(noise[:1<<20])); err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(elsewhere, "p", "app.tar.zst"))
	if err != nil {
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
		"a sound archive of something else": func(f durable.File, p []byte, at int64) error {
			if wrong := at + int64(len(p)) - int64(len(other)); wrong > 0 {
				t.Errorf("it is shorter than the real one, by %d", wrong)
				return nil
			}
			return plainly(f, other[at:at+int64(len(p))])
		},
		"more is there": func(f durable.File, p []byte, at int64) error {
			if at == 0 { // a frame that every reader skips
				if err := plainly(f, []byte("\x50\x2a\x4d\x18\x04\x00\x00\x00more")); err != nil {
					return err
				}
			}
			return plainly(f, p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			e := New(Config{Dir: dir, FS: lying{durable.OS(), write}})
			_, err := e.Finish(t.Context(), app)
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
