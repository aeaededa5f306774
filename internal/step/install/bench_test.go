package install

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/step"
)

// BenchmarkInstall20k is the part of an install that lies in the outage, and
// the way back, for a tree of 20,000 files with kept and edited ones. The goal is
// 50 ms each. It runs in the test's temporary folder, on a real volume.
func BenchmarkInstall20k(b *testing.B) {
	w := &world{dir: b.TempDir()}
	for _, root := range []string{w.at(), w.staging()} {
		for d := range 200 {
			dir := filepath.Join(root, fmt.Sprintf("lib/%03d", d))
			must(b, os.MkdirAll(dir, 0o755))
			for f := range 100 {
				must(b, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.php", f)), []byte(root), 0o644))
			}
		}
	}
	must(b, os.MkdirAll(w.at()+"/uploads", 0o755))
	must(b, os.WriteFile(w.at()+"/uploads/dog.jpg", []byte("dog"), 0o644))
	must(b, os.WriteFile(w.at()+"/lib/000/000.php", []byte("edited"), 0o644))
	w.params.Keep = []string{"uploads"}
	w.params.Edited = map[string]string{"lib/000/000.php": "keep-aside"}
	must(b, durable.OS().SyncTree(w.dir))
	h := New(durable.OS())
	var doing, undoing time.Duration
	for b.Loop() {
		began := time.Now()
		m, err := h.Prepare(b.Context(), w.env(step.Forward), w.step())
		must(b, err)
		must(b, h.Do(b.Context(), w.env(step.Forward), w.step(), m))
		_, err = h.Observe(b.Context(), w.env(step.Forward), w.step(), m)
		must(b, err)
		doing += time.Since(began)
		began = time.Now()
		must(b, h.Undo(b.Context(), w.env(step.Back), w.step(), m))
		_, err = h.Observe(b.Context(), w.env(step.Back), w.step(), m)
		must(b, err)
		undoing += time.Since(began)
	}
	b.ReportMetric(float64(doing.Microseconds())/1000/float64(b.N), "ms/do")
	b.ReportMetric(float64(undoing.Microseconds())/1000/float64(b.N), "ms/undo")
}
