package archive

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
)

// BenchmarkSecondPass is the part of a backup of 20,000 unchanged files that
// lies in the outage.
func BenchmarkSecondPass(b *testing.B) {
	top := b.TempDir()
	app := filepath.Join(top, "app")
	for i := range 20000 {
		dir := filepath.Join(app, fmt.Sprint(i%200))
		if i < 200 {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("file", i)), []byte(fmt.Sprint(i)), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	e := New(Config{Dir: filepath.Join(top, "points"), FS: durable.OS()})
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		r := backup.Request{ID: fmt.Sprint("p", n), Files: []backup.FilePart{{Name: "app", Path: app}}}
		if err := e.Prepare(b.Context(), r); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := e.Finish(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
