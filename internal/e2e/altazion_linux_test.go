package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// altazion installs the example with two versions to upgrade to.
func altazion(t *testing.T) *sitetest.Site {
	s := sitetest.New(t, sitetest.Options{Example: "altazion", Version: "20.4"})
	s.Bundle("20.5")
	return s
}

// lines are the lines of a text that contain a word.
func lines(text, word string) []string {
	var out []string
	for l := range strings.Lines(text) {
		if strings.Contains(l, word) {
			out = append(out, strings.TrimSpace(l))
		}
	}
	return out
}

// wants checks that a text fits a pattern; "." also stands for line ends.
func wants(t *testing.T, text, pattern string) {
	t.Helper()
	if !regexp.MustCompile(`(?s)` + pattern).MatchString(text) {
		t.Errorf("nothing fits %s in:\n%s", pattern, text)
	}
}

// One upgrade of Altazion, with what its documentation says about each step.
func TestAltazion_S3(t *testing.T) {
	s := altazion(t)
	start := s.Read("trace/pools.log")
	plan := s.Must(0, "plan", "--from", s.Releases).Out
	upgrade := s.Must(0, "upgrade", "--yes", "--from", s.Releases).Out
	trace, pools := s.Read("trace/hooks.log"), strings.TrimPrefix(s.Read("trace/pools.log"), start)
	status := s.Must(0, "status").Out
	backups := filepath.Join(s.State, "restore-points") + "/"
	hook := func(t *testing.T, name string) string {
		t.Helper()
		got := lines(trace, name)
		if len(got) != 1 {
			t.Fatalf("%s ran %d times:\n%s", name, len(got), trace)
		}
		return got[0]
	}
	order := func(t *testing.T, names ...string) {
		t.Helper()
		at := -1
		for _, n := range names {
			i := strings.Index(trace, n)
			if i <= at {
				t.Errorf("%s is not in its place, %v:\n%s", n, names, trace)
			}
			at = i
		}
	}
	t.Run("S3_11_the_modules_with_place_and_versions", func(t *testing.T) {
		for _, c := range []string{"gestioncommerciale", "ecommerce", "phygitalapi", "integration"} {
			wants(t, plan, c+` +20\.4 → 20\.5 +`+regexp.QuoteMeta(s.Root)+`/`+c)
		}
	})
	t.Run("S3_13_users_are_told_before", func(t *testing.T) {
		wants(t, s.Read("trace/notify.log"), `^notify users \(5m0s\): altazion will be upgraded from 20\.4 to 20\.5; expect an outage of about 5m`)
		wants(t, s.Log(), `ended do notify .*begin do hooks\.start-of-run`)
	})
	t.Run("S3_1_S3_15_no_further_step", func(t *testing.T) {
		wants(t, upgrade, `✓ altazion is on 20\.5, verified`)
		for _, c := range []string{"gestioncommerciale", "ecommerce", "phygitalapi", "integration"} {
			wants(t, status, c+` +20\.5`)
		}
		s.Must(0, "upgrade", "--from", s.Releases)
	})
	t.Run("S3_42_exactly_what_was_stopped_runs_again", func(t *testing.T) {
		want := []string{"stop test", "stop shop-ecommerce", "stop office", "start office", "start shop-ecommerce", "start test"}
		if got := strings.Fields(strings.ReplaceAll(pools, " ", "_")); !slices.Equal(got, strings.Fields(strings.ReplaceAll(strings.Join(want, "\n"), " ", "_"))) {
			t.Errorf("pools: %v", got)
		}
	})
	t.Run("S3_48_the_declared_folder", func(t *testing.T) {
		wants(t, s.Log(), regexp.QuoteMeta(s.Root)+`/updates/scripts/STARTUPDATE_ecommerce\.sh`)
	})
	t.Run("S3_49_both_separators_and_what_fits_nothing", func(t *testing.T) {
		hook(t, "PREBACKUP-ecommerce")
		hook(t, "PREINSTALL_ecommerce")
		hook(t, "POSTINSTALL-phygital")
		flat := strings.Join(strings.Fields(plan), " ")
		wants(t, flat, `POSTINSTALL_catalogue\.sh fits no phase \(pattern .*\) and is not run`)
		wants(t, flat, `README\.txt fits no phase`)
		if got := lines(trace, "catalogue"); len(got) > 0 {
			t.Errorf("it ran: %v", got)
		}
	})
	t.Run("S3_50_before_any_change", func(t *testing.T) {
		wants(t, hook(t, "STARTUPDATE_ecommerce"), `start-of-run ecommerce shop=normal version=20\.4`)
		order(t, "STARTUPDATE", "PREBACKUP")
	})
	t.Run("S3_51_just_before_the_old_version_is_saved", func(t *testing.T) {
		wants(t, hook(t, "PREBACKUP-ecommerce"), `before-backup ecommerce .*version=20\.4 .*backup=missing`)
		order(t, "PREBACKUP", "POSTBACKUP")
	})
	t.Run("S3_52_just_after_with_the_backup", func(t *testing.T) {
		wants(t, hook(t, "POSTBACKUP_ecommerce"), `after-backup ecommerce .*version=20\.4 .*backup=there`)
		order(t, "POSTBACKUP", "PREINSTALL")
	})
	t.Run("S3_53_before_the_new_files", func(t *testing.T) {
		wants(t, hook(t, "PREINSTALL_ecommerce"), `before-install ecommerce shop=offline version=20\.4`)
		order(t, "PREINSTALL", "POSTINSTALL")
	})
	t.Run("S3_54_after_the_copy_still_offline", func(t *testing.T) {
		wants(t, hook(t, "POSTINSTALL_ecommerce"), `after-install ecommerce shop=offline version=20\.5`)
		order(t, "POSTINSTALL", "ENDUPDATE")
	})
	t.Run("S3_55_last", func(t *testing.T) {
		wants(t, hook(t, "ENDUPDATE_ecommerce"), `end-of-run ecommerce shop=normal version=20\.5`)
		if last := lines(trace, ""); !strings.Contains(last[len(last)-1], "ENDUPDATE") {
			t.Errorf("something ran after it:\n%s", trace)
		}
	})
	t.Run("S3_56_hooks_of_every_module", func(t *testing.T) {
		wants(t, hook(t, "PREINSTALL-gestioncommerciale"), ` gestioncommerciale .*module=`+regexp.QuoteMeta(s.Root)+`/gestioncommerciale/ `)
		wants(t, hook(t, "PREINSTALL_ecommerce"), ` ecommerce .*module=`+regexp.QuoteMeta(s.Root)+`/ecommerce/ `)
		wants(t, hook(t, "POSTINSTALL-phygital"), ` phygitalapi .*module=`+regexp.QuoteMeta(s.Root)+`/phygitalapi/ `)
		wants(t, hook(t, "PREINSTALL_integration"), ` integration .*module=`+regexp.QuoteMeta(s.Root)+`/integration/ `)
	})
	t.Run("S3_58_S3_59_the_module's_folder_with_its_slash", func(t *testing.T) {
		wants(t, hook(t, "PREINSTALL_ecommerce"), ` module=`+regexp.QuoteMeta(s.Root)+`/ecommerce/ `)
	})
	t.Run("S3_58_S3_60_the_backups_folder_with_its_slash", func(t *testing.T) {
		wants(t, hook(t, "POSTBACKUP_ecommerce"), `backup=there `+regexp.QuoteMeta(backups)+`$`)
	})
}

// What a script of the site changes in the new files is changed at every
// upgrade, since the new files do not have it.
func TestAltazionScriptsStay_S3_47_S3_57(t *testing.T) {
	lab.Slow(t)
	s := altazion(t)
	s.Bundle("20.6")
	scripts := sitetest.Diff("", s.Snapshot())
	for i, v := range []string{"20.5", "20.6"} {
		s.Must(0, "upgrade", "--yes", "--from", s.Releases, "--to", v)
		config := s.Read("ecommerce/web.config")
		wants(t, config, `<rootFolder>D:/shop</rootFolder>.*<kind>Release</kind>.*<release>`+regexp.QuoteMeta(v)+`</release>`)
		if got := lines(s.Read("trace/hooks.log"), "POSTINSTALL_ecommerce"); len(got) != i+1 {
			t.Errorf("it ran %d times, want %d", len(got), i+1)
		}
	}
	if a, b := lines(scripts, "updates/scripts"), lines(sitetest.Diff("", s.Snapshot()), "updates/scripts"); !slices.Equal(a, b) {
		t.Errorf("the scripts are not as they were:\n%v\n%v", a, b)
	}
}

// A pool that did not run before is not started, neither after an upgrade nor
// after one that failed.
func TestAltazionPools_S3_42(t *testing.T) {
	lab.Slow(t)
	s := altazion(t)
	s.StopService("pool-test")
	s.Hook("updates/scripts/PREINSTALL_phygitalapi.sh", "exit 1")
	before := s.Snapshot()
	wants(t, before, `service pool-shop running\nservice pool-test stopped`)
	s.Must(6, "upgrade", "--yes", "--from", s.Releases)
	if d := sitetest.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("not as it was:\n%s", d)
	}
	s.Hook("updates/scripts/PREINSTALL_phygitalapi.sh", "exit 0")
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	wants(t, s.Snapshot(), `service pool-office running\nservice pool-shop running\nservice pool-test stopped`)
}

// An installation that ends well and leaves the old version has failed.
func TestAltazionSameVersion_S3_35(t *testing.T) {
	lab.Slow(t)
	s := altazion(t)
	src := s.Copy(s.Source("20.5"), "same")
	s.Replace(filepath.Join(src, "components/integration/version.txt"), "20.5", "20.4")
	s.Replace(filepath.Join(src, "upkeep.yaml"), `version: "20.5"`, `version: "20.7"`)
	s.Build(src, filepath.Join(s.Dir, "same.tar.zst"))
	before := s.Snapshot()
	r := s.Must(6, "upgrade", "--yes", "--from", filepath.Join(s.Dir, "same.tar.zst"))
	wants(t, r.Out, `failed at step h1\.verify.*integration.*20\.4.*20\.7.*back on 20\.4`)
	if d := sitetest.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("not as it was:\n%s", d)
	}
}

// A site that stays in maintenance after failed attempts, under either name of
// the page, with and without the parked one.
func TestAltazionLeftOver_S3(t *testing.T) {
	s := altazion(t)
	const page, other, parked = "ecommerce/app_offline.htm", "ecommerce/app_offline.html", "ecommerce/app_offline.bak"
	ended := func(t *testing.T, args ...string) {
		t.Helper()
		wants(t, s.Must(0, append([]string{"mode", "normal"}, args...)...).Out, `maintenance ended`)
		before := s.Snapshot()
		wants(t, s.Must(0, append([]string{"mode", "normal"}, args...)...).Out, `no access mode was on`)
		if d := sitetest.Diff(before, s.Snapshot()); d != "" {
			t.Errorf("the second time it changed:\n%s", d)
		}
	}
	t.Run("S3_44_S3_45_never_upgraded_before", func(t *testing.T) {
		s.Write(page, "closed\n", 0o644)
		wants(t, s.Must(0, "mode", "show", "--from", s.Releases).Out, `maintenance +! on`)
		ended(t, "--from", s.Releases)
		if s.Exists(page) || s.Read(parked) != "closed\n" {
			t.Error("it is not parked")
		}
		s.Remove(parked)
	})
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	for _, name := range []string{page, other} {
		t.Run("S3_43_S3_44_recognised_"+filepath.Ext(name)[1:], func(t *testing.T) {
			s.Write(name, "closed\n", 0o644)
			wants(t, s.Must(0, "status").Out, `maintenance mode is on, and no run is open: upkeep mode normal ends it`)
			wants(t, s.Must(0, "mode", "show").Out, `maintenance +! on`)
			s.Remove(name)
			wants(t, s.Must(0, "mode", "show").Out, `maintenance +✓ off`)
		})
		t.Run("S3_45_parked_again_"+filepath.Ext(name)[1:], func(t *testing.T) {
			s.Write(name, "closed\n", 0o644)
			if s.Exists(parked) {
				s.Remove(parked)
			}
			ended(t)
			if s.Exists(name) || s.Read(parked) != "closed\n" {
				t.Error("it is not parked")
			}
		})
		t.Run("S3_46_taken_away_where_one_is_parked_"+filepath.Ext(name)[1:], func(t *testing.T) {
			s.Write(name, "closed\n", 0o644)
			s.Write(parked, "the site's own page\n", 0o644)
			ended(t)
			if s.Exists(name) || s.Read(parked) != "the site's own page\n" {
				t.Error("it is not as the vendor's page says")
			}
		})
	}
}

// An upgrade that finds both the page and the parked one, as failed attempts
// leave them, is not confused by them; what was on before stays on.
func TestAltazionParked_S3_45_S3_46(t *testing.T) {
	lab.Slow(t)
	s := altazion(t)
	s.Write("ecommerce/app_offline.bak", "the site's own page\n", 0o644)
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	if s.Exists("ecommerce/app_offline.htm") || s.Read("ecommerce/app_offline.bak") != "the site's own page\n" {
		t.Error("the page is not parked as it was")
	}
	wants(t, s.Read("trace/hooks.log"), `PREINSTALL_ecommerce\.sh .* shop=offline`)
}

// Files that somebody still has open are waited for, a bounded time, and then
// again after a while. A lock stands in for what Windows knows of open files.
func TestAltazionInUse_S3_standin(t *testing.T) {
	lab.Slow(t)
	hold := func(t *testing.T, s *sitetest.Site) *os.File {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(s.Root, "ecommerce/in-use.lock"), os.O_RDWR, 0)
		if err == nil {
			err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		}
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	t.Run("S3_36_S3_38_waited_for_and_tried_again_standin", func(t *testing.T) {
		s := altazion(t)
		f := hold(t, s)
		wait := s.Began("upgrade", "--yes", "--from", s.Releases)
		at(t, s, "drain")
		time.Sleep(2500 * time.Millisecond)
		f.Close()
		if r := wait(); r.Code != 0 {
			t.Fatalf("%v\n%s", r, s.Log())
		}
		wants(t, s.Log(), `FAILED do drain .*again do drain.*ended do drain`)
	})
	t.Run("S3_36_no_longer_than_it_says_standin", func(t *testing.T) {
		s := altazion(t)
		f := hold(t, s)
		defer f.Close()
		before := s.Snapshot()
		r := s.Must(6, "upgrade", "--yes", "--from", s.Releases)
		wants(t, flat(r.Out), `failed at step drain.*running work did not end`)
		if got := lines(s.Log(), "FAILED do drain"); len(got) != 3 {
			t.Errorf("it was tried %d times, want 3", len(got))
		}
		if d := sitetest.Diff(before, s.Snapshot()); d != "" {
			t.Errorf("not as it was:\n%s", d)
		}
	})
}
