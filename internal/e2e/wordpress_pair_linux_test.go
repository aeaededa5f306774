package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/lab"
)

// swap puts the files of another release in place as people do: the site's own
// configuration and wp-content stay.
func (s *wordSite) swap(r *lab.WordPressRelease) {
	s.t.Helper()
	if err := s.Stop(); err != nil {
		s.t.Fatal(err)
	}
	script := `set -e
cp -a "$2" "$1.by-hand"
rm -rf "$1.by-hand/wp-content"
mv "$1/wp-content" "$1/wp-config.php" "$1.by-hand"
rm -rf "$1"
mv "$1.by-hand" "$1"`
	if out, err := exec.Command("/bin/sh", "-c", script, "swap", s.Path("htdocs"), r.Dir).CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	if err := s.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// TestWordPressDowngrade_S1_2: no plan leads to an older release. When somebody
// puts old files on the new database by hand, WordPress serves as if nothing
// were wrong; Upkeep says what is wrong and what to do, and makes no plan.
func TestWordPressDowngrade_S1_2(t *testing.T) {
	w := wordpress(t)
	s := w.site(t)
	s.must(0, s.upgrade()...)
	for _, more := range [][]string{nil, {"--to", w.Old.Version}} {
		refused := s.must(3, append([]string{"upgrade", "--yes", "--from", w.OldBundle}, more...)...)
		has(t, flat(refused.out+refused.err), w.Old.Version+" is older than the installed "+w.New.Version, "upkeep back")
	}
	s.is(w.New)

	s.swap(w.Old)
	if front, err := s.Get(t.Context(), "/"); err != nil || !strings.Contains(front, "Post 11: Ünïcode") {
		t.Fatalf("old files do not serve on the new database: %v", err)
	}
	has(t, flat(s.must(3, "doctor").out), "the files of WordPress are older than its database", "it is "+w.New.Schema, "made for the database "+w.Old.Schema, "Do not open wp-admin",
		"app is "+w.Old.Version+", recorded is "+w.New.Version)
	has(t, flat(s.must(3, "check", "--from", w.NewBundle).out), "pair: "+w.New.Schema, "wanted is <= "+w.Old.Schema, "app was "+w.New.Version+" when Upkeep left it")
	refused := s.must(3, s.upgrade()...)
	has(t, flat(refused.out+refused.err), "check pair")
	has(t, flat(s.must(0, "upgrade", "--yes", "--from", w.OldBundle).out), "database reads "+w.New.Schema+", and "+w.Old.Version+" goes with "+w.Old.Schema)
	before, runs := s.print(), len(s.runs())

	// their upgrade page sets the number back, says that all is well, and leaves
	// the rest of the database as the newer version has made it
	page, err := s.Get(t.Context(), "/wp-admin/upgrade.php?step=1")
	if err != nil || !strings.Contains(page, "Update Complete") {
		t.Fatalf("old files do not say that they have updated the database: %v\n%s", err, page)
	}
	if got, err := s.DBVersion(t.Context()); err != nil || got != w.Old.Schema {
		t.Fatalf("old files have set the number to %q, %v", got, err)
	}
	if d := cmp.Diff(before.Data, s.print().Data); strings.Count(d, "\n-")+strings.Count(d, "\n+") != 2 {
		t.Logf("old files have changed more than the number:\n%.2000s", d)
	}
	has(t, flat(s.must(4, "check", "--from", w.NewBundle).out), "database was "+w.New.Schema+" when Upkeep left it, and is "+w.Old.Schema+" now")
	has(t, s.must(3, "doctor").out, "a version was changed without Upkeep")
	if got := len(s.runs()); got != runs {
		t.Errorf("%d runs were opened by what was refused", got-runs)
	}
	has(t, flat(s.must(0, s.upgrade()...).out), "it was changed outside of Upkeep", "is on "+w.New.Version+", verified")
	s.is(w.New)
}

// TestWordPressNewFiles: the other way round, new files on the old database serve
// too. Upkeep says so, and its upgrade brings the database up to them.
func TestWordPressNewFiles(t *testing.T) {
	w := wordpress(t)
	s := w.site(t)
	s.swap(w.New)
	if front, err := s.Get(t.Context(), "/"); err != nil || !strings.Contains(front, `content="WordPress `+w.New.Version+`"`) {
		t.Fatalf("new files do not serve on the old database: %v", err)
	}
	has(t, flat(s.must(3, "doctor", "--from", w.NewBundle).out), "the files of WordPress are newer than its database", "made for the database "+w.New.Schema)
	before := s.print()
	has(t, flat(s.must(0, s.upgrade()...).out), w.Old.Schema+" → "+w.New.Schema, "is on "+w.New.Version+", verified")
	s.is(w.New)
	has(t, s.must(0, s.upgrade()...).out, "is up to date")
	s.must(0, "back", "--yes")
	s.morning(before)
}

// TestWordPressStuck_S3_43: WordPress's own updater has died and left its file
// behind. It is found, and can be taken away; an upgrade leaves it as it is, for
// it is not Upkeep's.
func TestWordPressStuck_S3_43(t *testing.T) {
	w := wordpress(t)
	s := w.site(t)
	marker := s.Path("htdocs/.maintenance")
	if err := os.WriteFile(marker, fmt.Appendf(nil, "<?php $upgrading = %d;", time.Now().Unix()), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "/"); err == nil || !strings.Contains(err.Error(), "503") {
		t.Fatalf("WordPress is not in maintenance: %v", err)
	}
	has(t, flat(s.must(3, "doctor", "--from", w.NewBundle).out), "an access mode is on, though no run is open maintenance", "mode normal")
	has(t, s.must(0, "mode", "normal", "--from", w.NewBundle).out, "maintenance ended")
	s.is(w.Old)
}

// TestWordPressOwnMode: without the gate WordPress's own file keeps users out for
// as long as it takes, and what runs on the command line; only this computer is
// let in, which verifies.
func TestWordPressOwnMode(t *testing.T) {
	w := wordpress(t)
	s := w.site(t)
	s.edit("params:", "gate: {use: never}\nparams:")
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}} // somebody else's address
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext}}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	type visits struct {
		all []visit
		cli string // what a cron on the command line gets meanwhile
	}
	seen := make(chan visits, 1)
	go func() {
		var v visits
		for ctx.Err() == nil {
			if _, err := os.Stat(s.Path("htdocs/.maintenance")); err == nil && v.cli == "" {
				out, _ := exec.Command("php", s.Path("htdocs/wp-cron.php")).CombinedOutput() // it ends as it likes
				v.cli = string(out)
			}
			got := ask(client, s.URL+"/")
			got.good = got.status == 200 && strings.Contains(got.body, "Post 11: Ünïcode")
			v.all = append(v.all, got)
			time.Sleep(20 * time.Millisecond)
		}
		seen <- v
	}()
	plan := s.must(0, s.upgrade()...)
	order(t, plan.out, "switch maintenance on", "stop php", "start php, users still kept out", "verify", "point of no return", "switch maintenance off")
	time.Sleep(300 * time.Millisecond)
	stop()
	v := <-seen
	own := 0
	for _, o := range closedOnce(t, v.all) {
		if strings.Contains(o.body, "Briefly unavailable for scheduled maintenance") {
			own++
		}
	}
	if own == 0 || !v.all[0].good {
		t.Errorf("users saw WordPress's own page %d times; first: %v", own, v.all[0])
	}
	if !strings.Contains(v.cli, "Briefly unavailable for scheduled maintenance") {
		t.Errorf("a cron on the command line is let in: %.300s", v.cli)
	}
	s.is(w.New)
	s.nothingLeft()
}
