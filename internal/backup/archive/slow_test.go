package archive

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// slow is a file system whose files take their time for each piece that is
// written, as on a share behind a bad line.
type slow struct {
	durable.FS
	piece time.Duration
}

func (s slow) Unsynced() durable.FS { return slow{s.FS.Unsynced(), s.piece} }

func (s slow) Create(path string, mode os.FileMode) (durable.File, error) {
	f, err := s.FS.Create(path, mode)
	return slowFile{f, s.piece}, err
}

type slowFile struct {
	durable.File
	piece time.Duration
}

func (f slowFile) Write(p []byte) (int, error) {
	for n := 0; ; {
		time.Sleep(f.piece)
		m, err := f.File.Write(p[n:min(len(p), n+64<<10)])
		if n += m; err != nil || n == len(p) {
			return n, err
		}
	}
}

// TestSlowTarget: on a target that is slow the way is shown as it goes, not at its
// end; a deadline ends it soon, says so in its own words and leaves no restore
// point; and with time enough it is made.
func TestSlowTarget(t *testing.T) {
	lab.Slow(t)
	app, dir := filepath.Join(t.TempDir(), "app"), t.TempDir()
	if err := os.Mkdir(app, 0o755); err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 4<<20)
	x := uint64(1)
	for i := range noise { // does not get smaller
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		noise[i] = byte(x)
	}
	if err := os.WriteFile(filepath.Join(app, "data"), noise, 0o644); err != nil {
		t.Fatal(err)
	}
	e := New(Config{Dir: dir, FS: slow{durable.OS(), 30 * time.Millisecond}}) // 64 pieces: 2 s
	type heard struct {
		at   time.Duration
		done int64
	}
	var told []heard
	began := time.Now()
	r := backup.Request{ID: "p", Files: []backup.FilePart{{Name: "app", Path: app}},
		Progress: func(done int64, _ string) { told = append(told, heard{time.Since(began), done}) }}
	late := errors.New("it took longer than 700ms")
	ctx, stop := context.WithTimeoutCause(t.Context(), 700*time.Millisecond, late)
	_, err := e.Finish(ctx, r)
	stop()
	if took := time.Since(began); !errors.Is(err, late) || !strings.Contains(err.Error(), "cannot make restore point p") || took > 1500*time.Millisecond {
		t.Errorf("after %s: %v", took, err)
	}
	if list, err := e.List(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("what was begun counts: %v, %v", list, err)
	}
	if n := len(told); n == 0 || told[n-1].done <= 0 || told[n-1].done >= int64(len(noise)) {
		t.Errorf("when its time was up %v was told", told)
	}
	told, began = nil, time.Now()
	p, err := e.Finish(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	whole, steps, last := time.Since(began), 0, int64(0)
	for _, h := range told {
		if h.done < last {
			t.Errorf("it goes back: %v", told)
		}
		if h.at < whole*3/4 && h.done > last {
			steps++
		}
		last = h.done
	}
	if steps < 5 {
		t.Errorf("%d steps were shown in the first three quarters of %s: %v", steps, whole, told)
	}
	if err := e.Verify(t.Context(), "p"); err != nil || p.Parts[0].Bytes != int64(len(noise)) {
		t.Errorf("%+v, %v", p, err)
	}
}
