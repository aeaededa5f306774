package e2e

import (
	"strings"
	"testing"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// The programs of both servers are of one version before anything starts, and
// cannot be parted.
func TestJp1SameVersion_S2_3(t *testing.T) {
	lab.Slow(t)
	s := jp1(t, "09-50")
	r := s.Must(3, "plan", "--from", s.Releases, "--only", "manager")
	wants(t, flat(r.Err), `manager and db-program must be of the same version|db-program must be of the same version \(same-version: database, management\): upgrade them together`)
	wants(t, flat(s.Must(0, "plan", "--from", s.Releases).Out), `verify, before anything starts, that db-program, manager are all on 10-10 .*start itdm`)

	// an installer that leaves the old program on one of them: nothing is started
	src := s.Copy(s.Source("10-10"), "unequal")
	s.Replace(src+"/components/manager/VERSION", "10-10", "09-50")
	s.Build(src, s.Dir+"/unequal.tar.zst")
	start := s.Read("trace/trace.log")
	before := s.Snapshot()
	r = s.Must(6, "upgrade", "--yes", "--from", s.Dir+"/unequal.tar.zst")
	wants(t, flat(r.Out), `failed at step h1\.same-version.*manager.*09-50.*10-10`)
	if trace := strings.TrimPrefix(s.Read("trace/trace.log"), start); strings.Count(trace, "startservice") != 1 || !strings.HasPrefix(trace, "stopservice") {
		t.Errorf("the service was started in between:\n%s", trace)
	}
	if d := sitetest.Diff(kept(before), kept(s.Snapshot())); d != "" {
		t.Errorf("not as it was:\n%s", d)
	}
}

// All components of the suite are upgraded at once.
func TestItmsAllTogether_S4_47(t *testing.T) {
	lab.Slow(t)
	s := itms(t, "7.1 SP2 MP1.1")
	r := s.Must(3, "upgrade", "--yes", "--from", s.Releases, "--only", "solutions")
	wants(t, flat(r.Err), `solutions cannot be upgraded without itms: their vendor says all-together`)
	wants(t, s.Must(0, "plan", "--from", s.Releases).Out, `itms +7\.1 SP2 MP1\.1 → 7\.5 SP1 .*\n +solutions +7\.1 SP2 MP1\.1 → 7\.5 SP1 `)
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	if a, b := s.Read("itms/VERSION"), s.Read("solutions/VERSION"); a != "7.5 SP1\n" || a != b {
		t.Errorf("itms %s, solutions %s", a, b)
	}
}
