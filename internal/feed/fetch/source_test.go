package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/durable"
)

// feed is a folder with a file that is larger than any buffer.
func feed(t *testing.T) (dir string, content []byte) {
	t.Helper()
	dir, content = t.TempDir(), bytes.Repeat([]byte("0123456789abcde\n"), 40_000)
	for name, data := range map[string][]byte{"targets/notes/2.0 beta+1~x/app.tar.zst": content, "metadata/timestamp.json": []byte("{}"), "targets/50%41": []byte("half")} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, content
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func web1(t *testing.T, address string) Source {
	t.Helper()
	s, err := HTTP(HTTPOptions{Mirrors: []string{address}, Proxy: "none"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// whole is a server that does not know ranges.
func whole(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		h.ServeHTTP(w, r)
	})
}

// TestSources is the contract of a source.
func TestSources(t *testing.T) {
	dir, content := feed(t)
	files := http.FileServer(http.Dir(dir))
	for name, s := range map[string]Source{
		"folder":        Dir(durable.OS(), dir),
		"http":          web1(t, serve(t, files)),
		"http below":    web1(t, serve(t, http.StripPrefix("/my feed/", files))+"/my%20feed/"),
		"http, whole":   web1(t, serve(t, whole(files))),
		"second mirror": Mirrors(Dir(durable.OS(), t.TempDir()), Dir(durable.OS(), dir)),
	} {
		t.Run(name, func(t *testing.T) {
			const file = "targets/notes/2.0 beta+1~x/app.tar.zst"
			for _, offset := range []int64{0, 1, 500_000} {
				r, total, err := s.Open(t.Context(), file, offset)
				if errors.Is(err, ErrWhole) && offset > 0 && strings.HasSuffix(name, "whole") {
					continue
				}
				if err != nil {
					t.Fatalf("from %d: %v", offset, err)
				}
				data, err := io.ReadAll(r)
				if err := errors.Join(err, r.Close()); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(data, content[offset:]) || total != int64(len(content)) {
					t.Errorf("from %d: %d bytes, total %d", offset, len(data), total)
				}
			}
			if _, _, err := s.Open(t.Context(), "targets/none", 0); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrUnreachable) {
				t.Errorf("what is missing: %v", err)
			}
			if _, _, err := s.Open(t.Context(), file, int64(len(content))+1); err == nil {
				t.Error("it begins after the end")
			}
			if _, _, err := s.Open(t.Context(), "targets/notes", 0); err == nil && !strings.HasPrefix(name, "http") {
				t.Error("a folder is no file")
			}
			f := Fetcher{FS: durable.OS(), Source: s}
			data, err := f.Small(t.Context(), "metadata/timestamp.json", 2)
			if err != nil || string(data) != "{}" {
				t.Errorf("%q, %v", data, err)
			}
			if _, err := f.Small(t.Context(), "metadata/timestamp.json", 1); !errors.Is(err, ErrTooLong) {
				t.Errorf("one byte too much: %v", err)
			}
			if _, err := f.Small(t.Context(), "metadata/9.root.json", 9); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("missing: %v", err)
			}
			if data, err := f.Small(t.Context(), "targets/50%41", 9); err != nil || string(data) != "half" {
				t.Errorf("%q, %v", data, err)
			}
			for _, bad := range []string{"../x", "/etc/passwd", "metadata/../../x", "", ".", "a//b"} {
				if _, err := f.Small(t.Context(), bad, 9); err == nil || errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%q: %v", bad, err)
				}
			}
		})
	}
}

// Nobody says of a file that it is not there whom nothing can be asked.
func TestNobodyKnows(t *testing.T) {
	dir, _ := feed(t)
	gone := Dir(durable.OS(), filepath.Join(dir, "unplugged"))
	down := httptest.NewServer(nil)
	down.Close()
	for name, s := range map[string]Source{"medium": gone, "server": web1(t, down.URL), "one of two": Mirrors(Dir(durable.OS(), dir), gone),
		"fails": web1(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })))} {
		f := Fetcher{Source: s}
		_, err := f.Small(t.Context(), "metadata/2.root.json", 9)
		if errors.Is(err, fs.ErrNotExist) || !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
		t.Log(err)
	}
	// but one that is behind does not hide what another one has
	f := Fetcher{Source: Mirrors(gone, Dir(durable.OS(), t.TempDir()), Dir(durable.OS(), dir))}
	if data, err := f.Small(t.Context(), "metadata/timestamp.json", 9); err != nil || string(data) != "{}" {
		t.Error(string(data), err)
	}
}

func TestOptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("no certificate"), 0o644); err != nil {
		t.Fatal(err)
	}
	at := []string{"https://feed.example"}
	for _, c := range []struct {
		o    HTTPOptions
		want string
	}{
		{HTTPOptions{}, "needs an address"},
		{HTTPOptions{Mirrors: []string{"file:///etc"}}, `"file:///etc" cannot be the address of a feed`},
		{HTTPOptions{Mirrors: []string{"feed.example"}}, "must begin with https://"},
		{HTTPOptions{Mirrors: []string{"ftp://me:geheim@feed.example"}}, "ftp://me:xxxxx@feed.example"},
		{HTTPOptions{Mirrors: []string{"https://me:geheim%@feed.example"}}, "what is given"},
		{HTTPOptions{Mirrors: at, Proxy: "proxy:3128"}, "address of a proxy"},
		{HTTPOptions{Mirrors: at, CAFile: file}, "holds no certificate"},
		{HTTPOptions{Mirrors: at, CAFile: file + "x"}, "cannot read the feed's authority"},
	} {
		_, err := HTTP(c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

// A feed behind a proxy, with an account and an authority of its own.
func TestProxyAndAuthority(t *testing.T) {
	dir, _ := feed(t)
	var asked, agent string
	proxy := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, agent = r.URL.String(), r.UserAgent()
		if user, word, ok := r.BasicAuth(); !ok || user != "me" || word != "geheim" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.FileServer(http.Dir(dir)).ServeHTTP(w, r)
	}))
	s, err := HTTP(HTTPOptions{Mirrors: []string{"http://me:geheim@feed.invalid"}, Proxy: proxy, Agent: "upkeep/1"})
	if err != nil {
		t.Fatal(err)
	}
	f := Fetcher{Source: s}
	if _, err := f.Small(t.Context(), "metadata/timestamp.json", 9); err != nil || !strings.Contains(asked, "feed.invalid/metadata/timestamp.json") || agent != "upkeep/1" {
		t.Errorf("%v; %q by %q", err, asked, agent)
	}
	if _, err := f.Small(t.Context(), "none", 9); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "geheim") || !strings.Contains(err.Error(), "me:xxxxx@") {
		t.Error(err)
	}

	secure := httptest.NewTLSServer(http.FileServer(http.Dir(dir)))
	defer secure.Close()
	f = Fetcher{Source: web1(t, secure.URL)}
	if _, err := f.Small(t.Context(), "metadata/timestamp.json", 9); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "name it in the feed's ca") {
		t.Error(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, ca, secure.Certificate().Raw)
	if s, err = HTTP(HTTPOptions{Mirrors: []string{secure.URL}, CAFile: ca, Proxy: "none"}); err != nil {
		t.Fatal(err)
	}
	f = Fetcher{Source: s}
	if _, err := f.Small(t.Context(), "metadata/timestamp.json", 9); err != nil {
		t.Error(err)
	}
}

// fake is a source that a test makes up.
type fake func(ctx context.Context, name string, offset int64) (io.ReadCloser, int64, error)

func (f fake) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, int64, error) {
	return f(ctx, name, offset)
}
