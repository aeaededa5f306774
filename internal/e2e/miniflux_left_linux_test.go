package e2e

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// nothingLeft fails the test when a closed run has left behind anything but
// what the plan says: restore point, old tree, the run's folder, journal,
// bundles.
func (s *miniSite) nothingLeft() {
	s.t.Helper()
	if got, err := s.rules(); err != nil || len(got) > 0 {
		s.t.Errorf("rules of the gate are left: %v, %v", got, err)
	}
	if pid := s.enginePID(); pid != 0 {
		s.t.Errorf("an engine is left: process %d", pid)
	}
	s.noSessions()
	for _, p := range s.byArgument() {
		s.t.Errorf("a process is left: %s", p)
	}
	s.onlyKnown(s.state, "bundles", "document", "journal.db", "journal.db-shm", "journal.db-wal", "lock", "restore-points", "runs", "services", "site.key", "standards")
	s.onlyKnown(s.Root, "app", ".app.upkeep", "database-url", "api-key", "installation.yaml", "miniflux.conf", "miniflux.log", "miniflux.pid", "upkeep")
	err := filepath.WalkDir(s.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		for _, end := range []string{".new", ".tmp", ".part", "~"} {
			if strings.HasSuffix(name, end) {
				s.t.Errorf("a temporary file is left: %s", path)
			}
		}
		if strings.Contains(name, "inhibit") {
			s.t.Errorf("an inhibit is left: %s", path)
		}
		if d.Type()&fs.ModeSocket != 0 {
			s.t.Errorf("a socket is left: %s", path)
		}
		return nil
	})
	if err != nil {
		s.t.Error(err)
	}
	if list, err := os.ReadDir(s.temp); err != nil || len(list) > 0 {
		s.t.Errorf("temporary files are left: %v, %v", list, err)
	}
	s.noScopes()
}

// onlyKnown fails the test when the folder holds something else.
func (s *miniSite) onlyKnown(dir string, known ...string) {
	s.t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		s.t.Error(err)
	}
	for _, e := range list {
		if !slices.Contains(known, e.Name()) {
			s.t.Errorf("%s is left in %s", e.Name(), dir)
		}
	}
}

// noSessions fails the test when a session of Upkeep's is left in the
// database.
func (s *miniSite) noSessions() {
	s.t.Helper()
	var got string
	var err error
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		got, err = s.PG.Psql(context.Background(), "postgres", "SELECT pid, application_name, query FROM pg_stat_activity WHERE datname = '"+s.DB+"' AND application_name LIKE 'upkeep%'")
		if err == nil && got == "" {
			return
		}
	}
	s.t.Errorf("sessions are left: %s, %v", got, err)
}

// byArgument lists processes, other than the product itself, that name the
// site's folder in their arguments.
func (s *miniSite) byArgument() []string {
	var out []string
	list, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is sound
	for _, path := range list {
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), s.Root+"/") {
			continue
		}
		exe, err := os.Readlink(filepath.Join(filepath.Dir(path), "exe"))
		if err != nil || strings.HasPrefix(exe, s.Root) {
			continue
		}
		out = append(out, filepath.Base(filepath.Dir(path))+" "+strings.ReplaceAll(string(text), "\x00", " "))
	}
	return out
}

// noScopes fails the test when a control group of a run is left.
func (s *miniSite) noScopes() {
	s.t.Helper()
	for _, dir := range s.runs() {
		id := filepath.Base(dir)
		found, _ := filepath.Glob("/sys/fs/cgroup/upkeep/op-*" + id + "*") // the patterns are sound
		more, _ := filepath.Glob("/sys/fs/cgroup/unified/upkeep/op-*" + id + "*")
		for _, path := range append(found, more...) {
			s.t.Errorf("a scope is left: %s", path)
		}
	}
}
