package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"upkeep/internal/lab"
)

// as gives the site to its account, and has every command run under it.
func (s *unleashSite) asUser() {
	s.t.Helper()
	s.cache, s.temp = s.Path("cache"), s.Path("temp")
	for _, dir := range []string{s.cache, s.temp, s.Path("releases")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	list, err := filepath.Glob(filepath.Join(s.u.Bundles, "*.tar.zst"))
	if err != nil || len(list) != 2 {
		s.t.Fatalf("%v, %v", list, err)
	}
	for _, args := range [][]string{append(append([]string{"cp", "-L"}, list...), s.Path("releases")), {"chown", "-R", s.Account.Name + ":", s.Root}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	s.user = &syscall.Credential{Uid: uint32(s.Account.UID), Gid: uint32(s.Account.GID)}
}

// TestUnleashAsAUser: without root there is no gate, and Unleash has no mode of
// its own that keeps users out. The plan says what that means, several hops are
// refused with what to do, one hop works; and when the start behind the barrier
// fails, what the plan says then brings the old version and its data back.
func TestUnleashAsAUser(t *testing.T) {
	u := unleash(t)
	s := u.siteOf(t, u.Old, u.full, lab.Memory(unleashRoom))
	s.asUser()
	from := s.Path("releases")
	refused := s.must(3, "plan", "--from", from)
	has(t, flat(refused.out+refused.err), u.Stop.Version+" migrates database when it starts, and users would reach it before it is verified",
		"Run Upkeep as root, or upgrade to "+u.Stop.Version+" first with --to "+u.Stop.Version)
	plan := s.must(0, "plan", "--from", from, "--to", u.Stop.Version)
	has(t, flat(plan.out), "migrates database when it starts, which is behind the barrier here: a migration that fails is not put back by itself")
	order(t, plan.out, "exchange app", "point of no return", "start web: users reach it from here; it migrates database")

	if err := s.Sabotage(t.Context(), lab.UnleashClash1); err != nil {
		t.Fatal(err)
	}
	failed := s.must(7, "upgrade", "--yes", "--from", from, "--to", u.Stop.Version)
	has(t, failed.out, "reads 164, wanted is 276", "decide")
	id := filepath.Base(s.runDir())
	r := s.up("decide", id, "skip")
	for n := 0; r.code == 7 && n < 3; n++ { // the verification has its own say
		r = s.up("decide", id, "skip")
	}
	if r.code != 8 {
		t.Fatalf("skipped, it gives %v", r)
	}
	s.must(0, "back", "--yes")
	s.is(u.Old)
	if err := s.Repair(t.Context(), lab.UnleashClash1); err != nil {
		t.Fatal(err)
	}
	s.must(0, "upgrade", "--yes", "--from", from, "--to", u.Stop.Version)
	s.is(u.Stop)
}
