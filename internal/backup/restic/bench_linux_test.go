package restic

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// TestFigureSecondBackup: the second backup of 1,003 MiB in 37,404 files, of
// which 2 % have changed, takes at most a third of the first, in one run after
// the other. Both are read back.
func TestFigureSecondBackup(t *testing.T) {
	lab.Bench(t)
	dir := t.TempDir()
	app := filepath.Join(dir, "app")
	const count, size = 37404, 1003 << 20
	noise, text := random(8<<20), []byte{}
	for i := 0; len(text) < 1<<20; i++ {
		text = fmt.Appendf(text, "line %d of a source file: func handler%d(w, r) { return %x }\n", i, i%97, noise[i%1000:i%1000+6])
	}
	// Half of it is in one file of a hundred.
	const large = count / 100
	content := func(i, round int) []byte {
		head := fmt.Sprintf("file %d, %d\n", i, round)
		n := size / 2 / (count - large)
		from := text
		if i%100 == 0 {
			n, from = size/2/large, noise
		}
		at := i * 7919 % (len(from) - n)
		return append([]byte(head), from[at:at+n]...)
	}
	write := func(i, round int) {
		path := filepath.Join(app, fmt.Sprint("d", i%50), fmt.Sprint("e", i%7), fmt.Sprint("f", i))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content(i, round), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range count {
		write(i, 1)
	}
	unix.Sync() // so that nobody's time holds the writing of the tree
	e := at(t, dir, durable.OS())
	backUp := func(id string) time.Duration {
		begin := time.Now()
		p, err := e.Finish(t.Context(), backup.Request{ID: id, Files: []backup.FilePart{{Name: "app", Path: app}}})
		check(t, err)
		took := time.Since(begin)
		t.Logf("%s: %v, %d entries, %s, stored %s", id, took.Round(time.Millisecond), p.Parts[0].Entries, backup.Size(p.Parts[0].Bytes), backup.Size(p.Size()))
		return took
	}
	time.Sleep(time.Minute) // a tree at rest, as before any upgrade: see files.Options.Settle
	first := backUp("first")
	for i := range count {
		if i%50 == 1 || i%5000 == 0 { // of the small and of the large
			write(i, 2)
		}
	}
	unix.Sync()
	second := backUp("second")
	if second > first/3 {
		t.Errorf("the second took %v, and a third of the first is %v", second, first/3)
	}
}
