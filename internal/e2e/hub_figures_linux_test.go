package e2e

import (
	"context"
	"fmt"
	"html"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// TestHubFigures: 200 watch one run with 200 lines of log a second. No line is
// lost, page and engine side together take at most 200 MB, and the run is at most
// 5 % slower than one that nobody watches, in pairs.
func TestHubFigures(t *testing.T) {
	lab.Bench(t)
	const pairs = 3
	var alone, watched []time.Duration
	for range pairs {
		alone = append(alone, watchedRun(t, 0))
		watched = append(watched, watchedRun(t, 200))
		t.Logf("nobody watches: %v; 200 do: %v", alone[len(alone)-1].Round(time.Millisecond), watched[len(watched)-1].Round(time.Millisecond))
	}
	slices.Sort(alone)
	slices.Sort(watched)
	slower := float64(watched[pairs/2])/float64(alone[pairs/2]) - 1
	t.Logf("the run is %.1f %% slower", 100*slower)
	if slower > 0.05 {
		t.Errorf("the run is %.1f %% slower when 200 watch, wanted is at most 5 %%", 100*slower)
	}
}

// watchedRun gives how long a run takes that writes 200 lines a second, from
// the first of them to its end.
func watchedRun(t *testing.T, watchers int) time.Duration {
	t.Helper()
	const lines = 2000
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	s.Hook("hooks/PREINSTALL_app.sh", fmt.Sprintf("while [ ! -e %s/go-on ]; do sleep 0.01; done; i=0; while [ $i -lt %d ]; do for j in 1 2 3 4 5 6 7 8 9 10; do i=$((i+1)); echo line $i of a log that is as long as others are; done; sleep 0.05; done", s.Marks, lines))
	h := startHub(t, s)
	h.enter()
	cmd := s.Command(context.Background(), "upgrade", "--yes", "--from", s.Releases)
	must(t, cmd.Start())
	for end := time.Now().Add(lookFor); !strings.Contains(s.Log(), "PREINSTALL") && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	path := "/i/" + url.PathEscape(s.ID()) + "/runs/" + filepath.Base(s.Runs()[0])
	page := h.page()
	logs := make([][]string, watchers)
	var wg sync.WaitGroup
	for i := range watchers {
		wg.Go(func() { logs[i], _ = h.listen(path, func(int) {}) })
	}
	time.Sleep(2 * time.Second)
	began := time.Now()
	s.Twin("installation.yaml", "../marks/go-on")
	_ = cmd.Wait() // how it ended is in the log
	took := time.Since(began)
	wg.Wait()
	if watchers == 0 {
		return took
	}
	engine, pages := peak(t, h.cmd.Process.Pid), peak(t, page)
	t.Logf("%d watchers, %d lines; most memory: engine side %d MB, page %d MB", watchers, lines, engine, pages)
	want := strings.TrimSuffix(s.Log(), "\n")
	for i, l := range logs {
		if html.UnescapeString(strings.Join(l, "\n")) != want {
			t.Errorf("watcher %d has %d lines, and the log has %d", i, len(l), strings.Count(want, "\n")+1)
		}
	}
	if engine+pages > 200 {
		t.Errorf("the hub took %d MB, wanted is at most 200", engine+pages)
	}
	return took
}

var highest = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory that a process has had, in MB.
func peak(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := highest.FindSubmatch(text)
	if m == nil {
		t.Fatalf("no memory in %s", text)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n / 1024
}
