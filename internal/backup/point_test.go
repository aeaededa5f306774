package backup

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/database"
)

func example() Point {
	return Point{
		Format: Format, ID: "p", Engine: "archive", About: About{Product: "shop", Version: "1.0", Run: "r-1", Note: "it's <b>\u2028"},
		Began: time.Unix(1, 5000000).UTC(), Made: time.Unix(2, 0).UTC(), Consistency: AtRest,
		Parts: []Part{
			{Name: "app", Kind: "files", Path: "/srv/app", Exclude: []string{"*.pid"}, Entries: 3, Bytes: 10, Stored: []Stored{{Name: "app.tar.zst", Role: Base, Bytes: 5, SHA256: "00"}}},
			{Name: "db", Kind: "sqlite", Dump: &database.Report{Kind: "sqlite", Bytes: 4, Fingerprint: database.Fingerprint{Tables: map[string]database.Rows{"t": {Count: 1, Sum: "x"}}}}},
		},
	}
}

func TestRecord(t *testing.T) {
	p := example()
	text, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Error(diff)
	}
	for i := range text {
		for _, bit := range []byte{1, 0x20, 0x80} {
			bad := bytes.Clone(text)
			bad[i] ^= bit
			if _, err := Decode(bad); err == nil {
				t.Fatalf("byte %d of %q changed to %q, and nobody noticed", i, text[max(0, i-20):i+1], bad[i])
			}
		}
		if _, err := Decode(text[:i]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	p.Format++
	if text, err = p.Encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(text); err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "use the Upkeep that made it") {
		t.Errorf("of a newer format: %v", err)
	}
	if part, err := got.Part("app"); err != nil || part.Entries != 3 {
		t.Errorf("part %+v, %v", part, err)
	}
	if _, err := got.Part("none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("no part: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	p := example()
	text, err := p.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Decode(text)
		if err != nil {
			return
		}
		again, err := p.Encode()
		if err != nil || !bytes.Equal(again, text) {
			t.Fatalf("taken, and not sealed: %q, %v", text, err)
		}
	})
}

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 1_234_567: "1.2 MB", 5_000_000_000: "5.0 GB", 7e15: "7000.0 TB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}
