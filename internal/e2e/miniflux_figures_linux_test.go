package e2e

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"upkeep/internal/lab"
	"upkeep/internal/lab/outage"
)

// testLog writes the lines of a measurement into the test's log.
type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

// TestOutageFigure: users are out for at most a tenth or 200 ms longer than
// with a plain shell script that proves nothing, whichever is larger. Median
// of seven, in turn, on a server that writes through.
func TestOutageFigure(t *testing.T) {
	lab.Bench(t)
	m := miniflux(t)
	pg := lab.PostgresWith(t, lab.PGOptions{Fsync: true})
	c := outage.Config{PG: pg.PG, From: m.from, To: m.to, Rounds: 7, Feeds: 4, Items: 250, Log: testLog{t}}
	figures, err := outage.Compare(t.Context(), c, outage.Script(m.to), outage.Upkeep(lab.Build(t), m.built(t), (*lab.MinifluxSite).Document))
	if err != nil {
		t.Fatal(err)
	}
	script, upkeep := figures[0], figures[1]
	t.Logf("%v", script)
	t.Logf("%v", upkeep)
	t.Logf("outage of Miniflux: script %v, upkeep %v, difference %v", script.Median(), upkeep.Median(), upkeep.Median()-script.Median())
	if !upkeep.Within(script) {
		t.Errorf("users are out longer than allowed: %v against %v", upkeep.Median(), script.Median())
	}
}

// TestStatusFigure: status within 50 ms, the start of the program included,
// while a run is under way and when it has ended. Medians of 21.
func TestStatusFigure(t *testing.T) {
	lab.Bench(t)
	s := miniflux(t).site(t)
	status := func(when string) {
		var all []time.Duration
		for range 21 {
			began := time.Now()
			s.must(0, "status")
			all = append(all, time.Since(began))
		}
		slices.Sort(all)
		t.Logf("upkeep status, %s: median %v of %d, slowest %v", when, all[len(all)/2], len(all), all[len(all)-1])
		if m := all[len(all)/2]; m > 50*time.Millisecond {
			t.Errorf("status takes %v %s, more than 50 ms", m, when)
		}
	}
	release := s.holdMigration()
	upgrading, seen := s.start(s.upgrade()...)
	s.awaitMigration()
	status("while a run is under way")
	release()
	if r := s.wait(upgrading, seen, seen); r.code != 0 {
		t.Fatalf("upgrade: %v\n%s", r, s.runLog())
	}
	status("after a run")
}

// TestBinaryFigure: the stripped binary has at most 40 MB.
func TestBinaryFigure(t *testing.T) {
	lab.Bench(t)
	root, err := lab.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "upkeep")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "./cmd/upkeep")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("stripped binary: %.1f MB", float64(info.Size())/1e6)
	if info.Size() > 40e6 {
		t.Errorf("the binary has %d bytes, more than 40 MB", info.Size())
	}
}

// TestMemoryFigure: engine and terminal need at most 100 MB for an upgrade with a
// backup of a gigabyte, of which most is in the database.
func TestMemoryFigure(t *testing.T) {
	lab.Bench(t)
	s := miniflux(t).site(t)
	ctx := t.Context()
	// Rows that cannot be compressed, in a table of the product's database that
	// its migrations do not touch, and files beside its own.
	const rows, files = 800, 25
	if _, err := s.PG.Psql(ctx, s.DB, fmt.Sprintf(`CREATE EXTENSION pgcrypto; CREATE TABLE ballast (id int PRIMARY KEY, data bytea);
		INSERT INTO ballast SELECT i, string_agg(gen_random_bytes(1024), '') FROM generate_series(1, %d) i, generate_series(1, 1024) GROUP BY i`, rows)); err != nil {
		t.Fatal(err)
	}
	// The server would see to so many new rows by itself, at some moment of the run.
	if _, err := s.PG.Psql(ctx, s.DB, "VACUUM ANALYZE"); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		data := make([]byte, 10<<20)
		_, _ = rand.Read(data) // never fails (crypto/rand)
		if err := os.WriteFile(s.Path(fmt.Sprintf("app/ballast-%d", i)), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	engine, terminal, stop := s.peak()
	s.must(0, s.upgrade()...)
	stop()
	point, err := filepath.Glob(filepath.Join(s.state, "restore-points", "*", "*.dump.zst"))
	if err != nil || len(point) != 1 {
		t.Fatalf("no dump in the restore point: %v, %v", point, err)
	}
	info, err := os.Stat(point[0])
	if err != nil {
		t.Fatal(err)
	}
	all := engine() + terminal()
	t.Logf("at most %.0f MB resident in the engine and %.0f MB in the command that shows it, with a dump of %.0f MB and %d MB of files", float64(engine())/1e6, float64(terminal())/1e6, float64(info.Size())/1e6, files*10)
	if info.Size() < 700<<20 {
		t.Errorf("the dump has only %d bytes", info.Size())
	}
	if all > 100e6 || engine() == 0 || terminal() == 0 {
		t.Errorf("the upgrade needed %d bytes, more than 100 MB", all)
	}
}

// peak watches the memory of an upgrade: VmHWM of the engine and of the command
// that shows it, which the kernel keeps as the most that each ever was. The
// program itself lies in memory once for both, and is counted with the engine.
func (s *upkeep) peak() (engine, terminal func() int64, stop func()) {
	var highs [2]atomic.Int64
	s.shows = new(atomic.Int64)
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			for i, pid := range []int{s.enginePID(), int(s.shows.Load())} {
				if pid == 0 {
					continue
				}
				text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // it may have ended
				var high, binary int64
				for line := range strings.Lines(string(text)) {
					_, _ = fmt.Sscanf(line, "VmHWM: %d kB", &high)
					_, _ = fmt.Sscanf(line, "RssFile: %d kB", &binary)
				}
				if i == 0 {
					binary = 0
				}
				highs[i].Store(max(highs[i].Load(), (high-binary)<<10))
			}
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return highs[0].Load, highs[1].Load, func() { close(done); <-gone }
}
