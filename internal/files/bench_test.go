package files

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/durable"
)

// bigTree makes n files of a few hundred bytes, 50 to a directory.
func bigTree(tb testing.TB, root string, n int) {
	tb.Helper()
	for i := range n {
		dir := filepath.Join(root, fmt.Sprintf("d%03d", i/50))
		if i%50 == 0 {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				tb.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file-%05d.js", i)), fmt.Appendf(nil, "content of %d %0300d", i, i), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
}

func BenchmarkScanStat20k(b *testing.B) {
	root := b.TempDir()
	bigTree(b, root, 20000)
	b.ResetTimer()
	for b.Loop() {
		if _, err := Scan(context.Background(), durable.OS(), root, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScanHash20k(b *testing.B) {
	root := b.TempDir()
	bigTree(b, root, 20000)
	b.ResetTimer()
	for b.Loop() {
		if _, err := Scan(context.Background(), durable.OS(), root, Options{Hash: true}); err != nil {
			b.Fatal(err)
		}
	}
}
