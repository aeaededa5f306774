package survey

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/lab"
	"upkeep/internal/manifest"
	"upkeep/internal/node/local"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/scope"
	"upkeep/internal/site"
)

func surveyor(t testing.TB) (*Surveyor, *plan.Resolver) {
	t.Helper()
	runner, err := scope.New(scope.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &Surveyor{FS: durable.OS(), Probes: probe.New(probe.Deps{Commands: runner}), Gate: func() error { return nil }, Boot: func() string { return "" }, Account: "root", Root: true}
	r, err := s.Resolver(&manifest.Product{ID: "p"}, &site.Installation{}, s.blank())
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

func check(id, source string, args ...string) manifest.Check {
	c := manifest.Check{ID: id, Probe: manifest.Probe{Source: source, Args: args}}
	if me, err := user.Current(); err == nil && source == "command" {
		c.Probe.As = me.Username
	}
	return c
}

// A value is read once, whatever it is compared with and however it is shown.
func TestAValueIsReadOnce(t *testing.T) {
	s, r := surveyor(t)
	count := filepath.Join(t.TempDir(), "count")
	c := check("php", "command", "/bin/sh", "-c", "echo x >>"+count+"; echo 8.1")
	c.Probe.Expect, c.Announce, c.Acknowledge = manifest.Expect{AnyOf: []string{">= 8.0"}}, ">= 8.2", "each"
	res, next := s.check(t.Context(), r, c)
	if !res.OK || next.OK || next.Got != "8.1" || next.Want != ">= 8.2" {
		t.Errorf("%+v, with the next release %+v", res, next)
	}
	c.Probe.Expect = manifest.Expect{AnyOf: []string{">= 9"}}
	if res, next = s.check(t.Context(), r, c); res.OK || next.OK || len(res.Findings) != 1 {
		t.Errorf("%+v, with the next release %+v", res, next)
	}
	if b, _ := os.ReadFile(count); string(b) != "x\nx\n" {
		t.Errorf("read %q for two checks", b)
	}
}

// A check that hangs, one that floods and one that cannot be read hide no other.
func TestBadChecksHideNoOther(t *testing.T) {
	s, r := surveyor(t)
	hang := check("hangs", "command", "/bin/sleep", "60")
	hang.Probe.Params = map[string]string{"timeout": "100ms"}
	rel := &manifest.Release{Version: "2", Checks: []manifest.Check{
		hang,
		check("floods", "command", "/bin/sh", "-c", "head -c 5000000 /dev/zero"),
		check("missing", "command", "/no/such/program"),
		check("unreadable", "file", "/"),
		check("contradictory", "exists", "/"),
		check("no such source", "exsts", "/"),
		check("fine", "exists", "/"),
	}}
	rel.Checks[4].Probe.Expect.AnyOf = []string{">= 2.0, < 1.0"}
	f := s.blank()
	s.checks(t.Context(), r, rel, &f, always)
	for _, c := range rel.Checks {
		got := f.Checks[plan.CheckKey("2", c.ID)]
		if got.OK != (c.ID == "fine") || !got.OK && got.Error == "" {
			t.Errorf("%s: %+v", c.ID, got)
		}
	}
}

// A document of 10,000 checks takes no more goroutines and memory than one of
// a few, and each is answered: those that flood, hang and lack something too.
func TestManyChecks(t *testing.T) {
	s, r := surveyor(t)
	path := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(path, []byte(strings.Repeat("a finding\n", 600)), 0o600); err != nil {
		t.Fatal(err)
	}
	rel := &manifest.Release{Version: "2"}
	for i := range 10_000 {
		id := fmt.Sprint("c", i)
		c := check(id, "file", path)
		c.Acknowledge, c.Probe.Expect.AnyOf = "each", []string{"none"}
		switch {
		case i%2500 == 1:
			c = check(id, "command", "/bin/sh", "-c", "head -c 5000000 /dev/zero")
		case i%2500 == 2:
			c = check(id, "command", "/bin/sleep", "60")
			c.Probe.Params = map[string]string{"timeout": "50ms"}
		case i%2 == 0:
			c = check(id, "exists", "/no/such/file")
		}
		rel.Checks = append(rel.Checks, c)
	}
	var most, goroutines uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most, goroutines = max(most, now.HeapInuse), max(goroutines, uint64(runtime.NumGoroutine()))
		}
	}()
	f := s.blank()
	s.checks(t.Context(), r, rel, &f, always)
	close(stop)
	<-stopped
	if len(f.Checks) != 20_000 {
		t.Fatalf("%d results", len(f.Checks))
	}
	for i, c := range rel.Checks {
		got := f.Checks[plan.CheckKey("2", c.ID)]
		switch {
		case i%2500 == 1 || i%2500 == 2:
			if got.OK || got.Error == "" {
				t.Errorf("%s: %+v", c.ID, got)
			}
		case i%2 == 0:
			if got.OK || got.Got != "none" || got.Error != "" {
				t.Errorf("%s: %+v", c.ID, got)
			}
		case got.OK || len(got.Findings) != maxFindings+1 || got.Findings[maxFindings] != "and 100 findings more":
			t.Fatalf("%s: %d findings, %v", c.ID, len(got.Findings), got.OK)
		}
	}
	if limit := before.HeapInuse + 512<<20; most > limit || goroutines > 300 {
		t.Errorf("%d MiB and %d goroutines", most>>20, goroutines)
	}
	t.Logf("%d MiB, before it %d; %d goroutines", most>>20, before.HeapInuse>>20, goroutines)
}

// BenchmarkChecks reads 200 mixed checks, of which the slowest takes 300 ms and
// stands last in the document.
func BenchmarkChecks(b *testing.B) {
	s, r := surveyor(b)
	pg, err := lab.StartPG(b.Context(), lab.PGOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := pg.Stop(); err != nil {
			b.Error(err)
		}
	}()
	runner, err := scope.New(scope.Options{})
	if err != nil {
		b.Fatal(err)
	}
	s.Probes = probe.New(probe.Deps{Commands: runner, Database: local.Databases{FS: durable.OS()}.Open})
	if r, err = s.Resolver(&manifest.Product{ID: "p", Order: []string{"db"}, Components: map[string]manifest.Component{
		"db": {Kind: "postgres", At: manifest.At{Path: pg.DSN("postgres")}}}}, &site.Installation{}, s.blank()); err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	defer web.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	rel := &manifest.Release{Version: "2"}
	for i := range 199 {
		id, path := fmt.Sprint("c", i), filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, []byte("value"), 0o600); err != nil {
			b.Fatal(err)
		}
		mix := []manifest.Check{
			check(id, "file", path), check(id, "exists", path), check(id, "free", dir), check(id, "sum", path), check(id, "log", path),
			check(id, "http", web.URL), check(id, "port", l.Addr().String()), check(id, "memory", "available"), check(id, "process", "none"), check(id, "command", "/bin/true"),
			check(id, "sql", "SELECT 1"), check(id, "os", "version"), check(id, "mount", dir), check(id, "sysctl", "kernel.ostype"), check(id, "package", "dpkg"),
		}
		rel.Checks = append(rel.Checks, mix[i%len(mix)])
	}
	rel.Checks = append(rel.Checks, check("slow", "command", "/bin/sleep", "0.3"))
	var all []float64
	for b.Loop() {
		begin := time.Now()
		f := s.blank()
		s.checks(b.Context(), r, rel, &f, always)
		all = append(all, float64(time.Since(begin).Milliseconds()))
		for id, res := range f.Checks {
			if res.Error != "" {
				b.Fatal(id, res)
			}
		}
		if len(f.Checks) != 400 { // as it stands now, and with the next release
			b.Fatalf("%d results", len(f.Checks))
		}
	}
	slices.Sort(all)
	b.ReportMetric(all[len(all)/2], "ms/median")
	b.ReportMetric(all[len(all)-1], "ms/most")
}

func always(manifest.Check) bool { return true }
