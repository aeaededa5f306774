package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"upkeep/internal/durable"
)

func writePEM(t *testing.T, path string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o644); err != nil {
		t.Fatal(err)
	}
}

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// sends is a server that answers everything with something.
func sends(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}
}

// endless never ends, and does not say how long it is.
func endless(w http.ResponseWriter, _ *http.Request) {
	for b := make([]byte, 64<<10); ; {
		if _, err := w.Write(b); err != nil {
			return
		}
	}
}

// TestAttacks: whatever a mirror does, the file is not there afterwards, an
// honest mirror after it helps, and nothing of what was sent is believed later.
func TestAttacks(t *testing.T) {
	good := bytes.Repeat([]byte("good"), 50_000)
	sum := sumOf(good)
	lie := bytes.Clone(good)
	lie[123_456] ^= 1
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(make([]byte, 1<<20))
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	secure := httptest.NewTLSServer(http.RedirectHandler(serve(t, sends(good)), http.StatusFound))
	t.Cleanup(secure.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, ca, secure.Certificate().Raw)
	downgrade, err := HTTP(HTTPOptions{Mirrors: []string{secure.URL}, CAFile: ca, Proxy: "none"})
	if err != nil {
		t.Fatal(err)
	}
	to := func(address string) http.Handler { return http.RedirectHandler(address, http.StatusFound) }
	for name, c := range map[string]struct {
		h    http.Handler
		s    Source
		is   error
		says string
	}{
		"right length, wrong bytes": {h: sends(lie), is: ErrWrong, says: "its SHA-256 is " + sumOf(lie)},
		"longer":                    {h: sends(append(bytes.Clone(good), 'x')), is: ErrWrong, says: "has 200001 bytes"},
		"shorter":                   {h: sends(good[:100]), is: ErrWrong, says: "has 100 bytes"},
		"endless":                   {h: http.HandlerFunc(endless), is: ErrTooLong, says: "does not end after its 200000 bytes"},
		"truncated": {h: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "200000")
			w.WriteHeader(200)
		}), is: ErrBroken, says: "transfer broke off"},
		"compressed": {h: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed.Bytes())
		}), is: ErrRefused, says: "switch off compression"},
		"redirects to a file": {h: to("file:///etc/passwd"), is: ErrRefused, says: "redirects to file:"},
		"redirects for ever": {h: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, 302) }),
			is: ErrRefused, says: "more than 5 times"},
		"redirects to http":  {s: downgrade, is: ErrRefused, says: "from https to http"},
		"a part of a part":   {h: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206) }), is: ErrWrong, says: "what follows byte 0"},
		"nothing at all":     {h: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), is: ErrUnreachable, says: "EOF"},
		"a page for readers": {h: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }), is: ErrUnreachable, says: "503 Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.s == nil {
				c.s = web1(t, serve(t, c.h))
			}
			dest := filepath.Join(t.TempDir(), "app.tar.zst")
			f := Fetcher{FS: durable.OS(), Source: c.s}
			err := f.File(t.Context(), "targets/app", int64(len(good)), sum, dest)
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), named(c.s)) {
				t.Errorf("error %v", err)
			}
			if list, _ := os.ReadDir(filepath.Dir(dest)); len(list) > 0 && !(len(list) == 1 && list[0].Name() == "app.tar.zst.part" && c.is == ErrTooLong) {
				t.Errorf("left behind: %v", list)
			}
			f.Source = Mirrors(c.s, web1(t, serve(t, sends(good))))
			if err := f.File(t.Context(), "targets/app", int64(len(good)), sum, dest); err != nil {
				t.Errorf("with an honest mirror: %v", err)
			}
			if data, err := os.ReadFile(dest); err != nil || !bytes.Equal(data, good) {
				t.Errorf("%d bytes, %v", len(data), err)
			}
			if _, err := f.small(t.Context(), c.s, "metadata/timestamp.json", 1000); err == nil && c.is != ErrWrong && c.is != ErrBroken {
				t.Error("it was read whole")
			}
		})
	}
}

// A part that an earlier try has left may be of anything: it is thrown away,
// and the mirror is not blamed.
func TestForeignPart(t *testing.T) {
	good := bytes.Repeat([]byte("good"), 50_000)
	for _, part := range [][]byte{[]byte("bad"), bytes.Repeat([]byte("x"), len(good)), bytes.Repeat([]byte("x"), len(good)+1), {}} {
		for _, h := range []http.Handler{sends(good), whole(sends(good))} {
			dest := filepath.Join(t.TempDir(), "app")
			if err := os.WriteFile(dest+Part, part, 0o644); err != nil {
				t.Fatal(err)
			}
			f := Fetcher{FS: durable.OS(), Source: web1(t, serve(t, h))}
			if err := f.File(t.Context(), "app", int64(len(good)), sumOf(good), dest); err != nil {
				t.Errorf("%d bytes: %v", len(part), err)
			}
			if data, _ := os.ReadFile(dest); !bytes.Equal(data, good) {
				t.Errorf("%d bytes: it is another file", len(part))
			}
		}
	}
}

// A server that sends another range than was asked for is not believed.
func TestWrongRange(t *testing.T) {
	good := bytes.Repeat([]byte("good"), 50_000)
	for _, sent := range []string{"bytes 0-199989/200000", "bytes 11-199999/200000", "bytes */200000", "10-199999/200000", "bytes 10-199999/99999999999999999999", ""} {
		s := web1(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", sent)
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(good[10:])
		})))
		if _, _, err := s.Open(t.Context(), "app", 10); !errors.Is(err, ErrWrong) {
			t.Errorf("%q: %v", sent, err)
		}
	}
}

// drip is a source that gives n bytes after each pause.
func drip(n int, pause time.Duration) Source {
	return fake(func(ctx context.Context, _ string, _ int64) (io.ReadCloser, int64, error) {
		r, w := io.Pipe()
		go func() {
			for {
				select {
				case <-time.After(pause):
					if _, err := w.Write(make([]byte, n)); err != nil {
						return
					}
				case <-ctx.Done():
					w.CloseWithError(ctx.Err())
					return
				}
			}
		}()
		return r, -1, nil
	})
}

// TestTooSlow: what drips is not waited for, what is merely slow is.
func TestTooSlow(t *testing.T) {
	for _, c := range []struct {
		n     int
		pause time.Duration
		slow  time.Duration // when it ends; 0: it does not
	}{
		{1, time.Second, 30 * time.Second},
		{1, time.Hour, 30 * time.Second},
		{1000, time.Second, 30 * time.Second},
		{1100, time.Second, 0},
		{40 << 10, 29 * time.Second, 0},
		{40 << 10, 90 * time.Second, 30 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			f := Fetcher{Source: drip(c.n, c.pause)}
			data, err := f.Small(t.Context(), "metadata/timestamp.json", 500_000)
			took := time.Since(begun)
			if c.slow == 0 && (!errors.Is(err, ErrTooLong) || took < 5*time.Minute) || c.slow > 0 && (!errors.Is(err, ErrTooSlow) || took > c.slow+time.Second) {
				t.Errorf("%d bytes each %s: %d bytes and %v after %s", c.n, c.pause, len(data), err, took)
			}
		})
	}
	// a server that takes the connection and says nothing
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		f := Fetcher{Source: fake(func(ctx context.Context, _ string, _ int64) (io.ReadCloser, int64, error) {
			<-ctx.Done()
			return nil, 0, ctx.Err()
		})}
		if _, err := f.Small(t.Context(), "x", 9); !errors.Is(err, ErrTooSlow) || time.Since(begun) != 30*time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := f.Small(ctx, "x", 9); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTooSlow) {
			t.Error(err)
		}
	})
}

// Over a real connection, too: a mirror that drips is left for the next one.
func TestSlowLoris(t *testing.T) {
	good := bytes.Repeat([]byte("good"), 50_000)
	loris := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(good)))
		for i := range good {
			if _, err := w.Write(good[i : i+1]); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-time.After(20 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
	}))
	dest := filepath.Join(t.TempDir(), "app")
	f := Fetcher{FS: durable.OS(), Source: Mirrors(web1(t, loris), web1(t, serve(t, sends(good)))), pace: pace{300 * time.Millisecond, 1000}}
	begun := time.Now()
	if err := f.File(t.Context(), "app", int64(len(good)), sumOf(good), dest); err != nil || time.Since(begun) > 3*time.Second {
		t.Errorf("%v after %s", err, time.Since(begun))
	}
}
