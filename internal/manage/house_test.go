package manage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
)

func TestTwoRunsInOneSecond(t *testing.T) {
	in := &Installation{State: t.TempDir(), FS: durable.OS()}
	p := &plan.Plan{Digest: strings.Repeat("ab", 32)}
	seen := map[string]bool{}
	for range 5 {
		id, err := in.runFolder(p)
		if err != nil || seen[id] {
			t.Fatalf("%s is taken: %v", id, err)
		}
		seen[id] = true
		if info, err := os.Stat(in.RunDir(id)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the folder of run %s: %v, %v", id, info, err)
		}
	}
}

func TestFollowWithoutEvents(t *testing.T) {
	n, err := follow(t.Context(), filepath.Join(t.TempDir(), "none"), 0, func() bool { return false }, func(Event) { t.Error("an event of nobody") })
	if n != 0 || err != nil {
		t.Errorf("a run whose engine never told anything: %d, %v", n, err)
	}
}

func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	write := func(text string) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(text)
		}
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	// an engine was killed in the middle of a line, another goes on
	write(`{"kind":"note","text":"one"}` + "\n" + `{"kind":"note","te`)
	var got []string
	calls := 0
	more := func() bool {
		calls++
		switch calls {
		case 2:
			write("\n" + `{"kind":"note","text":"two"}` + "\n")
		case 4:
			write(`{"kind":"note",`)
		case 5:
			write(`"text":"three"}` + "\n")
		}
		return calls < 8
	}
	n, err := follow(t.Context(), path, 0, more, func(e Event) { got = append(got, e.Text) })
	if info, serr := os.Stat(path); err != nil || serr != nil || n != info.Size() {
		t.Errorf("it stopped at %d: %v, %v", n, err, serr)
	}
	if strings.Join(got, " ") != "one two three" {
		t.Errorf("heard %q", got)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if _, err := follow(ctx, path, n, func() bool { return true }, func(Event) {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who stops watching is told %v", err)
	}
}

func TestEngineSaid(t *testing.T) {
	in := &Installation{State: t.TempDir(), FS: durable.OS()}
	if got := in.engineSaid("r"); !strings.HasPrefix(got, "see ") {
		t.Errorf("without a log: %q", got)
	}
	if err := os.MkdirAll(in.RunDir("r"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("long ago\n", 10000) + "✗ the disk is full\n"
	if err := os.WriteFile(filepath.Join(in.RunDir("r"), engineLog), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := in.engineSaid("r"); !strings.HasPrefix(got, "✗ the disk is full (see ") {
		t.Errorf("the last words: %q", got)
	}
}
