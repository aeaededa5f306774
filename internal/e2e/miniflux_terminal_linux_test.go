package e2e

import (
	"bytes"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	screens "upkeep/internal/cli/show"
	"upkeep/internal/run"
)

// TestMinifluxHangUp: the connection of the person who upgrades is lost in the
// middle of the migration. The run goes on; she finds it again and watches its
// end.
func TestMinifluxHangUp(t *testing.T) {
	s := miniflux(t).site(t)
	release := s.holdMigration()
	term := s.inTerminal(s.upgrade()...)
	s.awaitMigration()
	engine := s.enginePID()
	term.hangUp(t)
	term.ended(t)
	s.sameEngine(engine)

	has(t, s.must(0, "status").out, "is under way", "h1.migrate.database", "resume")
	watching := s.command("resume")
	seen := &heard{first: make(chan struct{})}
	watching.Stdout, watching.Stderr = seen, seen
	if err := watching.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-seen.first: // else the run may have ended before she finds it
	case <-time.After(30 * time.Second):
		t.Error("resume shows nothing")
	}
	release()
	r := s.wait(watching, &seen.text, &seen.text)
	if r.code != 0 {
		t.Fatalf("resume: %v\n%s", r, s.runLog())
	}
	has(t, seen.text.String(), "migrate database", "miniflux is on "+s.m.to.Version+", verified")
	s.isNew()
	s.nothingLeft()
	s.journalIsSound(run.ResultNew)
}

// heard is what a program has written; first is closed with its first words.
type heard struct {
	text  bytes.Buffer
	once  sync.Once
	first chan struct{}
}

func (h *heard) Write(p []byte) (int, error) {
	h.once.Do(func() { close(h.first) })
	return h.text.Write(p)
}

// TestMinifluxCancelled: Ctrl-C leaves the run going and says what can be done
// now; an interrupted watcher changes nothing; a second upgrade is refused;
// cancel, in the middle of the migration, ends in exactly the old version.
func TestMinifluxCancelled(t *testing.T) {
	s := miniflux(t).site(t)
	before := s.fingerprint()
	v := s.visitor()
	release := s.holdMigration()
	term := s.inTerminal(s.upgrade()...)
	s.awaitMigration()
	engine := s.enginePID()
	term.typed(t, "\x03")
	if code := term.ended(t); code != 0 {
		t.Errorf("Ctrl-C ended with exit %d", code)
	}
	s.sameEngine(engine)
	term.master.Close()
	has(t, <-term.text, "goes on without this terminal", "upkeep", "resume", "cancel", "status")

	plain, _ := s.start("resume")
	awaitEvents(t, s)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP} {
		if err := plain.Process.Signal(sig); err != nil {
			break // the first was enough
		}
	}
	goneOrKilled(t, plain)
	s.sameEngine(engine)

	second := s.must(1, s.upgrade()...)
	has(t, second.err, "is under way", "one run at a time")
	status := unmarshal[screens.StatusDoc](t, s.must(0, "status", "--format", "json").out)
	if status.Open == nil || status.Engine != engine || status.Interrupted {
		t.Errorf("status: %+v", status)
	}

	cancelled := s.must(6, "cancel", "--why", "the wrong evening")
	release()
	_, screen, _ := strings.Cut(cancelled.out, "\n\n")
	has(t, screen, "cancelled it: the wrong evening", "is back on "+s.m.from.Version+", exactly as it was")
	same(t, before, s.fingerprint())
	closedOnce(t, v.seen())
	s.is(s.m.from.Version, s.m.oldSchema)
	s.nothingLeft()
	s.journalIsSound(run.ResultOld)

	has(t, s.must(1, "cancel").err, "no open run")
	s.must(0, s.upgrade()...)
	s.isNew()
}

// awaitEvents waits until there is an event of the migration, so that whoever
// watches has begun to.
func awaitEvents(t testing.TB, s *miniSite) {
	t.Helper()
	for _, e := range s.events() {
		if e.Step == "h1.migrate.database" {
			return
		}
	}
	t.Error("no event tells of the migration")
}
