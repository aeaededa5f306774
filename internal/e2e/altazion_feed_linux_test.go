package e2e

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// Altazion publishes in a feed: its releases are seen, fetched ahead, and installed
// by hand or by themselves, as the customer wants it.
func TestAltazionFeed_S3(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "altazion", Version: "20.4"})
	s.Bundle("20.5")
	s.Bundle("20.6")
	f := s.Feed("prefetch: true")
	publish := func(t *testing.T, version string) {
		t.Helper()
		if err := f.Release("stable", filepath.Join(s.Releases, "altazion-"+version+".tar.zst")); err != nil {
			t.Fatal(err)
		}
	}
	status := func(t *testing.T) string { t.Helper(); return flat(s.Must(0, "status").Out) }
	looked := func(t *testing.T) string { t.Helper(); return flat(s.Must(0, "feed", "refresh", "--scheduled").Out) }

	t.Run("S3_2_the_vendor_publishes", func(t *testing.T) {
		publish(t, "20.5")
		wants(t, flat(s.Must(0, "feed", "refresh").Out), `New: 20\.5.*Published.*20\.5 stable 20\d\d-\d\d-\d\d \d\d:\d\d seen 20`)
		wants(t, status(t), `looked just now: 20\.5 is published \(on 20\d\d-\d\d-\d\d\)`)
		wants(t, s.Must(0, "feed", "refresh").Out, `Nothing new`)
	})
	t.Run("S3_5_downloaded_ahead_and_verified", func(t *testing.T) {
		before := s.Snapshot()
		here := filepath.Join(s.State, "feed", "releases", "20.5")
		if tree, _ := filepath.Glob(filepath.Join(here, "ecommerce*.tar.zst")); len(tree) != 0 {
			t.Fatalf("it is here already: %v", tree)
		}
		wants(t, looked(t), `20\.5: whole and verified; .* fetched`)
		if tree, _ := filepath.Glob(filepath.Join(here, "*.tar.zst")); len(tree) == 0 {
			t.Error("the modules were not fetched")
		}
		if after := s.Snapshot(); after != before {
			t.Error("something of the product was changed")
		}
		wants(t, status(t), `✓ 20\.5 is fetched already, and verified`)
	})
	t.Run("S3_3_by_hand", func(t *testing.T) {
		if runs := s.Runs(); len(runs) != 0 {
			t.Fatalf("it was upgraded without anybody: %v", runs)
		}
		wants(t, s.Must(0, "upgrade", "--yes", "--to", "20.5").Out, `altazion is on 20\.5, verified`)
	})
	t.Run("S3_10_up_to_date_with_the_time_of_the_look", func(t *testing.T) {
		looked(t)
		wants(t, status(t), `✓ up to date: 20\.5, looked just now`)
		wants(t, s.Must(0, "status", "--format", "json").Out, `"looked": "20.*"version": "20\.5"`)
		wants(t, s.Must(0, "upgrade", "--yes").Out, `altazion is up to date: 20\.5`)
	})
	t.Run("S3_12_from_the_place_of_doubt_to_the_remedy", func(t *testing.T) {
		wants(t, flat(s.Must(0, "feed", "list").Out), `A newer version was published, and is not here\? upkeep \S+ \S+ doctor says what helps|A newer version was published, and is not here\? upkeep doctor says what helps`)
		if err := f.Resign(60 * 24 * time.Hour); err != nil {
			t.Fatal(err)
		}
		publish(t, "20.6")
		if err := f.Resign(60 * 24 * time.Hour); err != nil {
			t.Fatal(err)
		}
		s.Must(3, "feed", "refresh")
		wants(t, status(t), `! has not looked with success since .*→ upkeep .*doctor`)
		wants(t, flat(s.Must(3, "doctor").Out), `✗ the feed could not be looked at since .* → timedatectl.* → upkeep .*feed refresh: looks again`)
		if err := f.Resign(0); err != nil {
			t.Fatal(err)
		}
		wants(t, flat(s.Must(0, "doctor", "--fix", "--yes").Out), `gone: the feed could not be looked at`)
		wants(t, status(t), `▸ looked just now: 20\.6 is published \(on [0-9-]+\), installed is 20\.5`)
	})
	t.Run("S3_3_by_itself", func(t *testing.T) {
		s.Replace(s.Document, "  prefetch: true", "  prefetch: true\n  install: automatic\n  between: \"00:00-23:59\"")
		if time.Now().Format("15:04") == "23:59" {
			time.Sleep(time.Minute)
		}
		wants(t, looked(t), `altazion is on 20\.6, verified`)
		wants(t, flat(s.Must(0, "runs", "list").Out), `20\.5 → 20\.6 .*by the timer`)
		wants(t, status(t), `✓ up to date: 20\.6`)
	})
}

// The watcher on a whole machine: installed beside the product, started by systemd,
// at times that chance puts off.
func TestAltazionWatched_S3(t *testing.T) {
	h := altazionDoctor(t)
	sh := func(t *testing.T, script string) string { t.Helper(); return flat(h.Must(t, "sh", "-c", script)) }
	const unit = "upkeep-feed-altazion-doctor"
	t.Run("S3_6_installed_beside_the_product", func(t *testing.T) {
		wants(t, sh(t, "upkeep setup-host --feed 20m"), unit+`\.service.*`+unit+`\.timer.*somebody looks for releases of altazion-doctor \(20m\)`)
		wants(t, sh(t, "systemctl is-enabled "+unit+".timer; systemctl is-active "+unit+".timer"), `enabled active`)
		wants(t, sh(t, "systemctl show -P RandomizedDelayUSec "+unit+".timer"), `5min`)
		wants(t, sh(t, "systemctl list-timers --all"), unit+`\.timer`)
	})
	t.Run("S3_4_a_watcher_determines_whether_it_is_up_to_date", func(t *testing.T) {
		sh(t, "systemctl start "+unit+".service")
		wants(t, sh(t, "upkeep status"), `✓ up to date: 20\.4, looked just now`)
		sh(t, `echo "<releases><release version=\"20.5\" date=\"$(date -u -d yesterday +%F)\"/></releases>" >/srv/altazion/published.xml; systemctl start `+unit+`.service`)
		wants(t, sh(t, "journalctl --no-pager -u "+unit+".service"), `New: 20\.5`)
		wants(t, sh(t, "upkeep status"), `▸ looked just now: 20\.5 is published \(on [0-9-]+\), installed is 20\.4`)
		wants(t, sh(t, "upkeep feed list"), `20\.5 [0-9-]+ .*Detected by the product itself 20\.4`)
	})
	t.Run("S3_12_from_the_place_of_doubt_to_the_remedy", func(t *testing.T) {
		wants(t, sh(t, "upkeep status"), `! the product itself has seen 20\.4 only, for 2\d h now.*→ upkeep doctor|! the product itself has seen 20\.4 only, for 4\d h now.*→ upkeep doctor`)
		wants(t, doctorOf(t, h, 3, ""), `✗ a version that was published a day ago is not offered .*installed is 20\.4, detected 20\.4 .*published 20\.5 .*→ systemctl restart altazion-service-principal`)
	})
	t.Run("the page is not there", func(t *testing.T) {
		sh(t, "systemctl stop nginx; ! systemctl start "+unit+".service")
		wants(t, sh(t, "upkeep status"), `▸ looked .*20\.5 is published.*! has not looked with success since .*connection refused`)
		wants(t, doctorOf(t, h, 3, ""), `✗ the feed could not be looked at since .*→ upkeep feed refresh: looks again`)
		sh(t, "systemctl start nginx; systemctl start "+unit+".service")
	})
	t.Run("its timer does not run", func(t *testing.T) {
		sh(t, "systemctl stop "+unit+".timer")
		wants(t, doctorOf(t, h, 3, ""), `✗ the timer that looks for releases does not run .*→ systemctl enable --now `+regexp.QuoteMeta(unit)+`\.timer`)
		wants(t, doctorOf(t, h, 0, "", "--fix", "--yes"), `gone: the timer that looks for releases does not run`)
		sh(t, "systemctl is-active "+unit+".timer")
	})
	t.Run("taken away", func(t *testing.T) {
		sh(t, "upkeep remove-host")
		if left := sh(t, "find /etc/systemd/system -name '*upkeep*'; systemctl list-units --all --no-legend 'upkeep-feed*'"); strings.TrimSpace(left) != "" {
			t.Errorf("left: %s", left)
		}
	})
}
