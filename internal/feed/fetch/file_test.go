package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/lab/crashfs"
)

// A file that is there already costs no request; another one is replaced.
func TestThere(t *testing.T) {
	good, asked := bytes.Repeat([]byte("good"), 50_000), 0
	s := web1(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		sends(good)(w, r)
	})))
	dest := filepath.Join(t.TempDir(), "app")
	var last, total int64
	f := Fetcher{FS: durable.OS(), Source: s, Progress: func(d, of int64) {
		if d < last {
			t.Errorf("%d after %d", d, last)
		}
		last, total = d, of
	}}
	for _, before := range []string{"", "another file"} {
		if before != "" {
			if err := os.WriteFile(dest, []byte(before), 0o644); err != nil {
				t.Fatal(err)
			}
			last = 0
		}
		for range 2 {
			if err := f.File(t.Context(), "app", int64(len(good)), sumOf(good), dest); err != nil {
				t.Fatal(err)
			}
		}
	}
	if data, _ := os.ReadFile(dest); asked != 2 || !bytes.Equal(data, good) || last != int64(len(good)) || total != last {
		t.Errorf("%d requests, %d bytes, progress %d of %d", asked, len(data), last, total)
	}
	f.Progress = nil
	if err := f.File(t.Context(), "none", 0, sumOf(nil), dest+"-empty"); err != nil {
		t.Errorf("an empty file: %v", err)
	}
	for _, sum := range []string{"", "abc", strings.Repeat("z", 64)} {
		if err := f.File(t.Context(), "app", 1, sum, dest); err == nil {
			t.Errorf("a sum %q", sum)
		}
	}
}

// breaking sends so many bytes on each connection, and notes where they begin.
func breaking(good []byte, each int, from *[]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*from = append(*from, r.Header.Get("Range"))
		http.ServeContent(&cutting{ResponseWriter: w, left: each}, r, "", time.Time{}, bytes.NewReader(good))
	})
}

type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if len(p) > c.left {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

// A connection that breaks is opened anew where it was.
func TestConnectionBreaks(t *testing.T) {
	good := bytes.Repeat([]byte("good"), 50_000)
	var from []string
	dest := filepath.Join(t.TempDir(), "app")
	f := Fetcher{FS: durable.OS(), Source: web1(t, serve(t, breaking(good, 70_000, &from)))}
	if err := f.File(t.Context(), "app", int64(len(good)), sumOf(good), dest); err != nil {
		t.Fatal(err)
	}
	if strings.Join(from, " ") != " bytes=70000- bytes=140000-" {
		t.Errorf("asked for %q", from)
	}
}

// slowly is a source of zeros of a given length at some pace, which counts what it has sent.
func slowly(length int64, a time.Duration, sent *int64) Source {
	return fake(func(ctx context.Context, _ string, offset int64) (io.ReadCloser, int64, error) {
		return io.NopCloser(readerFunc(func(p []byte) (int, error) {
			if offset == length {
				return 0, io.EOF
			}
			select {
			case <-time.After(a):
			case <-ctx.Done():
				return 0, ctx.Err()
			}
			n := min(int64(len(p)), length-offset, 10_000)
			offset, *sent = offset+n, *sent+n
			return int(n), nil
		})), length, nil
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestWindows: a download that does not fit into its window stops at its end,
// and goes on in the next one; nothing is fetched twice.
func TestWindows(t *testing.T) {
	const length = 1_000_000
	for name, rate := range map[string]int64{"slow source": 0, "low rate": 8000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fsys, sent, windows := crashfs.New(), int64(0), 0
				if err := fsys.MkdirAll("/feed", 0o755); err != nil {
					t.Fatal(err)
				}
				f := Fetcher{FS: fsys, Source: slowly(length, time.Second, &sent), Rate: rate}
				for begun := time.Now(); ; windows++ {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					err := f.File(ctx, "app", length, sumOf(make([]byte, length)), "/feed/app")
					cancel()
					if took := time.Since(begun); took > time.Minute {
						t.Fatalf("window %d took %s", windows, took)
					}
					if err == nil {
						break
					}
					if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the next try goes on there") || windows > 3 {
						t.Fatal(err)
					}
					fsys = fsys.Crash(crashfs.KeepNone()) // what had come is durable
					f.FS = fsys
					time.Sleep(time.Hour)
					begun = time.Now()
				}
				if sent != length || windows == 0 {
					t.Errorf("%d bytes were sent in %d windows and the last", sent, windows)
				}
			})
		})
	}
}

// TestRate: a limit holds over the whole, and is no slow retrieval.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, sent := crashfs.New(), int64(0)
		if err := fsys.MkdirAll("/feed", 0o755); err != nil {
			t.Fatal(err)
		}
		f := Fetcher{FS: fsys, Source: slowly(100_000, 0, &sent), Rate: 500}
		begun := time.Now()
		if err := f.File(t.Context(), "app", 100_000, sumOf(make([]byte, 100_000)), "/feed/app"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < 195*time.Second || took > 205*time.Second {
			t.Errorf("100,000 bytes at 500 a second took %s", took)
		}
	})
}

// failing is a file system whose part cannot be written to.
type failing struct {
	durable.FS
	err error
}

func (f failing) Create(path string, perm fs.FileMode) (durable.File, error) {
	w, err := f.FS.Create(path, perm)
	return full{w, f.err}, err
}

type full struct {
	durable.File
	err error
}

func (f full) WriteAt([]byte, int64) (int, error) {
	return 0, &durable.Error{Op: "write", Path: "x", Err: f.err}
}

// TestHere: what is wrong on this computer is not the mirror's fault, and the next is not asked.
func TestHere(t *testing.T) {
	good := bytes.Repeat([]byte("good"), 50_000)
	asked := 0
	honest := web1(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		sends(good)(w, r)
	})))
	small := crashfs.New()
	if err := small.MkdirAll("/feed", 0o755); err != nil {
		t.Fatal(err)
	}
	small.Limit(1 << 20)
	roomy := crashfs.New()
	if err := errors.Join(roomy.MkdirAll("/feed", 0o755), roomy.MkdirAll("/feed/app", 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		fsys  durable.FS
		dest  string
		is    error
		says  string
		asked int
	}{
		{small, "/feed/app", ErrNoRoom, "64 MiB are needed and 0 MiB are free; make room there", 0},
		{failing{crashfsWith(t), syscall.ENOSPC}, "/feed/app", ErrNoRoom, "make room there, and give the command again", 1},
		{failing{crashfsWith(t), syscall.EROFS}, "/feed/app", syscall.EROFS, "mount it writable", 1},
		{failing{crashfsWith(t), syscall.EIO}, "/feed/app", syscall.EIO, "cannot write x", 1},
		{roomy, "/feed/app", nil, "no regular file: move it away", 0},
		{roomy, "/none/app", fs.ErrNotExist, "/none/app", 0},
	} {
		asked = 0
		f := Fetcher{FS: c.fsys, Source: Mirrors(honest, honest)}
		err := f.File(t.Context(), "app", int64(len(good)), sumOf(good), c.dest)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || asked != c.asked {
			t.Errorf("%s: %v, %d requests", c.says, err, asked)
		}
	}
}

func crashfsWith(t *testing.T) *crashfs.FS {
	t.Helper()
	fsys := crashfs.New()
	if err := fsys.MkdirAll("/feed", 0o755); err != nil {
		t.Fatal(err)
	}
	return fsys
}

// A medium that goes away in the middle, and comes back.
func TestMediumGoesAway(t *testing.T) {
	dir, content := feed(t)
	away, reads := true, 0
	name := "targets/notes/2.0 beta+1~x/app.tar.zst"
	medium := Dir(leaving{durable.OS(), func() error {
		if reads++; away && reads > 1 {
			return &fs.PathError{Op: "read", Path: name, Err: syscall.EIO}
		}
		return nil
	}}, dir)
	dest := filepath.Join(t.TempDir(), "app")
	f := Fetcher{FS: durable.OS(), Source: medium}
	err := f.File(t.Context(), name, int64(len(content)), sumOf(content), dest)
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "is the medium still there") {
		t.Fatal(err)
	}
	if i, err := os.Stat(dest + Part); err != nil || i.Size() == 0 {
		t.Error("what had come is not there", err)
	}
	away = false
	if err := f.File(t.Context(), name, int64(len(content)), sumOf(content), dest); err != nil {
		t.Error(err)
	}
}

// leaving is a volume whose reads may fail.
type leaving struct {
	durable.Reader
	fail func() error
}

func (l leaving) Open(path string) (durable.ReadFile, error) {
	r, err := l.Reader.Open(path)
	return leavingFile{r, l.fail}, err
}

type leavingFile struct {
	durable.ReadFile
	fail func() error
}

func (l leavingFile) Read(p []byte) (int, error) {
	if err := l.fail(); err != nil {
		return 0, err
	}
	return l.ReadFile.Read(p)
}
