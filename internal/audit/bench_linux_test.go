package audit

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"upkeep/internal/durable"
)

// BenchmarkLog: a log of 100,000 changes is opened, a page of it read, and one more
// change noted on a real disk.
func BenchmarkLog(b *testing.B) {
	fsys, at := durable.OS(), filepath.Join(b.TempDir(), "audit.jsonl")
	f, err := fsys.Create(at, 0o600)
	must(b, err)
	n, prev := int64(0), origin
	for i := range 100_000 {
		for _, e := range []Entry{{Kind: Begin, At: start, By: "anna", Role: "operator", Do: "start", On: map[string]string{"installation": "notes", "to": fmt.Sprint(i), "digest": origin}},
			{Kind: End, At: start, Of: n + 1, Result: "done", Text: "run 20260314-0924-abcd"}} {
			raw, hash, err := line(n+1, prev, e)
			must(b, err)
			n, prev = n+1, hash
			_, err = f.Write(raw)
			must(b, err)
		}
	}
	must(b, f.Close())
	i, err := fsys.Stat(at)
	must(b, err)
	b.ReportMetric(float64(i.Size)/100_000, "bytes/change")
	var l *Log
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			l, err = Open(fsys, at, alone, time.Now)
			must(b, err)
		}
	})
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			_, _, err := l.Acts(50_000, 50)
			must(b, err)
		}
	})
	b.Run("change", func(b *testing.B) {
		for b.Loop() {
			must(b, change(l, "one more", "done"))
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			_, err := Verify(fsys, at)
			must(b, err)
		}
	})
}
