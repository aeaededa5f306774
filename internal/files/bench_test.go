//go:build linux

package files

import (
	"bytes"
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

func BenchmarkStage20k(b *testing.B) {
	root := b.TempDir()
	bigTree(b, root, 20000)
	data, want := payload(b, root)
	dest := filepath.Join(b.TempDir(), ".upkeep-app-1")
	for b.Loop() {
		if _, err := Stage(context.Background(), durable.OS(), bytes.NewReader(data), dest, StageOptions{Want: &want}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		must(b, Discard(durable.OS(), dest))
		b.StartTimer()
	}
}

// BenchmarkExchange20k is the outage part of installing a tree of 20,000 files, and of going back: to be at most 50 ms.
func BenchmarkExchange20k(b *testing.B) {
	dir := b.TempDir()
	bigTree(b, dir+"/app", 20000)
	bigTree(b, dir+"/.upkeep-app-1", 20000)
	must(b, durable.OS().SyncTree(dir))
	for b.Loop() {
		must(b, durable.OS().Exchange(dir+"/app", dir+"/.upkeep-app-1"))
	}
}

func BenchmarkCopyTree20k(b *testing.B) {
	dir := b.TempDir()
	bigTree(b, dir+"/app", 20000)
	for b.Loop() {
		if _, err := CopyTree(context.Background(), durable.OS(), dir+"/app", dir+"/copy", Options{}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		must(b, durable.OS().RemoveAll(dir+"/copy"))
		b.StartTimer()
	}
}

func BenchmarkDigest20k(b *testing.B) {
	root := b.TempDir()
	bigTree(b, root, 20000)
	tree := scan(b, root)
	for b.Loop() {
		Digest(tree)
	}
}
