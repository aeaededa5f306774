package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestTail: a line that a place is in the middle of is left out.
func TestTail(t *testing.T) {
	at := filepath.Join(t.TempDir(), "log")
	tl := &tail{path: at}
	if got := tl.lines(); got != nil || tl.err != nil {
		t.Fatalf("no file yet: %q, %v", got, tl.err)
	}
	f, err := os.Create(at)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.WriteString("one\ntwo\nhal")
	if got := strings.Join(tl.lines(), "|"); got != "one|two" {
		t.Errorf("got %q", got)
	}
	if got := tl.lines(); got != nil {
		t.Errorf("half a line: %q", got)
	}
	f.WriteString("f\n\n")
	if got := strings.Join(tl.lines(), "|"); got != "half|" {
		t.Errorf("got %q", got)
	}
	for _, tt := range []struct {
		from int64
		want string
	}{{0, "one|two|half|"}, {4, "two|half|"}, {-6, "half|"}, {-7, "half|"}, {-100, "one|two|half|"}, {100, ""}} {
		tl.skipTo(tt.from)
		if got := strings.Join(tl.lines(), "|"); got != tt.want {
			t.Errorf("from %d: %q, want %q", tt.from, got, tt.want)
		}
	}
}

// TestTailLong: a line that never ends does not hold up what follows.
func TestTailLong(t *testing.T) {
	at := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(at, []byte(strings.Repeat("x", chunk+10)+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tl := &tail{path: at}
	var got []string
	for range 3 {
		got = append(got, tl.lines()...)
	}
	if all := strings.Join(got, ""); len(all) != chunk+10+5 || !strings.HasSuffix(all, "after") {
		t.Errorf("%d bytes come out", len(all))
	}
}

// TestTailParts: however a file grows and however often it is read, every line
// comes once, in order.
func TestTailParts(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		f, err := os.CreateTemp(dir, "log")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		tl := &tail{path: f.Name()}
		all, got := "", ""
		for _, part := range rapid.SliceOf(rapid.StringMatching(`[ab\n]{0,5}`)).Draw(t, "parts") {
			all += part
			f.WriteString(part)
			if rapid.Bool().Draw(t, "resume") {
				tl = &tail{path: f.Name(), at: tl.at} // another watcher goes on at its place
			}
			for _, l := range tl.lines() {
				got += l + "\n"
			}
		}
		if want := all[:strings.LastIndex(all, "\n")+1]; got != want {
			t.Fatalf("%q comes out as %q", all, got)
		}
	})
}
