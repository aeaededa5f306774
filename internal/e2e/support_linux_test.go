package e2e

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// A support bundle holds what helps, and no secret: neither the value of a
// secret parameter, wherever a program has written it, nor what looks like one.
func TestSupportBundle(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0"})
	exact := strings.TrimSpace(s.Read("data/private-token")) // of the parameter "private"
	if len(exact) < 8 {
		t.Fatalf("the token is %q", exact)
	}
	token := "gh" + "p_" + strings.Repeat("a1B2", 9)
	s.Hook("hooks/PREINSTALL_app.sh", "echo connecting with "+exact+"; echo "+token+"; echo postgres://web:s3cret@db/notes")
	s.Bundle("2.0")
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	if log := s.Log(); !strings.Contains(log, exact) {
		t.Fatalf("the hook's output is not in the log, so this proves nothing:\n%s", log)
	}
	path := filepath.Join(s.Marks, "support.tar.zst")
	r := s.Must(0, "support-bundle", "-o", path)
	wants(t, r.Out, `written: .*support\.tar\.zst, which only you can read`)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	wants(t, s.Must(1, "support-bundle", "-o", path).Err, `is there already: name another file with -o`)
	got := unpacked(t, path)
	all := ""
	for name, text := range got {
		all += name + "\n" + text
	}
	for _, part := range []string{"README.txt", "facts.txt", "doctor.json", "installation.yaml", "runs.json", "/log", "/events.jsonl", "/plan.json", "/journal.json"} {
		if !strings.Contains(all, part+"\n") {
			t.Errorf("%s is missing", part)
		}
	}
	for _, secret := range []string{exact, token, "s3cret"} {
		if strings.Contains(all, secret) {
			t.Errorf("%s is in it", secret)
		}
	}
	wants(t, all, `connecting with \[removed\]`)
}

func unpacked(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := map[string]string{}
	for in := tar.NewReader(z); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		out[h.Name] = string(text)
	}
}
