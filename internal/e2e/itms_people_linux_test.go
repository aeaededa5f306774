package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// byHand is the example with a CMDB and a console that people use.
func byHand(t *testing.T) *sitetest.Site {
	s := itms(t, "7.5 HF6")
	s.Replace(s.Document, "params:\n", "params:\n  by_hand: true\n  rapideploy: true\n")
	elsewhere(t, s)
	return s
}

// elsewhere mounts the folder for backups over SFTP; what serves it is no other
// computer here, which the kernel's list of mounts does not tell.
func elsewhere(t *testing.T, s *sitetest.Site) {
	t.Helper()
	lab.Root(t)
	server, at := lab.Dir(t), filepath.Join(s.Root, "storage")
	if err := os.Chmod(server, 0o750); err != nil {
		t.Fatal(err)
	}
	dial := filepath.Join(s.Dir, "sftp")
	if err := os.WriteFile(dial, []byte("#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("sshfs", "-o", "allow_other,default_permissions,ssh_command="+dial, "backup.example:"+server, at).CombinedOutput(); err != nil {
		t.Fatalf("sshfs: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(at, syscall.MNT_DETACH); err != nil {
			t.Errorf("cannot unmount %s: %v", at, err)
		}
	})
}

// nextSecond waits until the second in which the run began is over: SFTP tells
// the time of a file without its fraction, so that one of that second seems older
// than the run.
func nextSecond() { time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) }

// console is what people do at the console and in SSMS.
func console(s *sitetest.Site) map[string]func() {
	backup := func(kind string) func() {
		return func() {
			nextSecond()
			s.Write("storage/cmdb.bak", "type="+kind+"\nname=before the upgrade\n"+s.Read("cmdb/data"), 0o644)
		}
	}
	policies := func(value string) func() { return func() { s.Write("settings/policies", value+"\n", 0o644) } }
	return map[string]func(){
		"drain-2":     func() {},
		"backup.cmdb": backup("Full"),
		"backup.cmdb undo": func() {
			s.Write("cmdb/data", s.Read("storage/cmdb.bak")[len("type=Full\nname=before the upgrade\n"):], 0o644)
		},
		"hold.policies":       policies("all off"),
		"hold.policies undo":  policies("inventory on, patch off"),
		"h1.release.policies": policies("inventory on, patch off"),
		"h1.re-apply.lac":     func() {},
		"undo.rapideploy undo": func() {
			s.Write("settings/images", "rapideploy\n", 0o644)
		},
	}
}

const answered = "console-tasks=yes"

// The checklist with the rows that only people can do: before the run, in it,
// and with proof wherever something can be read.
func TestItmsPeople_S4(t *testing.T) {
	lab.Slow(t)
	s := byHand(t)
	s.Write("trace/ns.log", "2026-01-09 08:00:00 INFO started, no error\n2026-01-09 08:00:01 WARN disk is slow\n2026-01-09 08:00:02 ERROR 17\n", 0o644)
	open := flat(s.Must(3, "upgrade", "--yes", "--from", s.Releases).Out)
	t.Run("S4_31_jobs_are_changed_before_the_run", func(t *testing.T) {
		wants(t, open, `rapideploy: Change the jobs with Create Image by RapiDeploy to Ghost It needs the rights of: administrator\..*upkeep done rapideploy --from`)
		wants(t, s.Must(1, "done", "rapideploy", "--from", s.Releases).Err, `rapideploy is not done`)
		s.Write("settings/images", "ghost\n", 0o644)
		s.Must(0, "done", "rapideploy", "--from", s.Releases)
		wants(t, flat(s.Must(0, "plan", "--from", s.Releases).Out), `✓ rapideploy: .*said so on`)
	})
	t.Run("S4_35_S4_36_findings_one_by_one_with_a_note", func(t *testing.T) {
		wants(t, open, `log\.1, found: WARN disk is slow See HOWTO9999.*log\.2, found: ERROR 17`)
		wants(t, s.Must(1, "done", "log.1", "--from", s.Releases).Err, `say with --note what came of it`)
		s.Must(0, "done", "log.1", "--from", s.Releases, "--note", "a new disk is ordered")
		wants(t, flat(s.Must(3, "upgrade", "--yes", "--from", s.Releases).Out), `✓ log\.1, found: WARN disk is slow — .*: a new disk is ordered.*☞ log\.2`)
		s.Must(0, "done", "log.2", "--from", s.Releases, "--note", "known")
	})
	t.Run("S4_41_critical_tasks_by_a_person", func(t *testing.T) {
		wants(t, flat(s.Must(3, "plan", "--from", s.Releases, "--answer", "console-tasks=no").Err), `check console-tasks: .*see HOWTO83998`)
		s.Must(0, "plan", "--from", s.Releases, "--answer", answered)
	})
	t.Run("S4_19_a_setting_with_its_place", func(t *testing.T) {
		wants(t, open, `lac: Settings > Processing > Legacy Agent Communication: enabled or disabled\?.*--answer lac=VALUE`)
		s.Must(0, "plan", "--from", s.Releases, "--answer", "lac=enabled")
	})
	plan := flat(s.Must(0, "plan", "--from", s.Releases).Out)
	t.Run("S4_11_the_rights_that_people_need", func(t *testing.T) {
		wants(t, plan, `Rights .*a person with the rights of administrator of the CMDB: backup\.cmdb.*a person with the rights of administrator, before it starts: rapideploy`)
	})
	s.People(console(s))
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	log := s.Log()
	t.Run("S4_14_S4_15_S4_16_a_full_backup_under_its_name", func(t *testing.T) {
		wants(t, plan, `a person makes the backup of cmdb: SSMS > Tasks > Back Up, type Full, name before the upgrade, to .*/storage \(see DOC5669, backing up the CMDB\)`)
		wants(t, log, `ended do backup\.cmdb in [^ ]+ the person of the test .*cmdb\.bak is Full, and file .*cmdb\.bak is before the upgrade`)
	})
	t.Run("S4_32_S4_34_the_report_is_blank_or_jobs_are_cancelled", func(t *testing.T) {
		wants(t, plan, `wait until this holds: Current Replication Activity report is blank; what does not end by itself: cancel all current jobs: their data goes with the next job`)
		wants(t, log, `ended do drain-2 in [^ ]+ the person of the test`)
	})
	t.Run("S4_23_recorded_and_set_again_by_a_person", func(t *testing.T) {
		wants(t, plan, `compares setting lac with what was recorded \(enabled\), and sets it again`)
		wants(t, log, `ended do h1\.re-apply\.lac in [^ ]+ the person of the test`)
	})
	t.Run("S4_45_policies_by_a_person", func(t *testing.T) {
		wants(t, log, `ended do hold\.policies in .*ended do h1\.verify in .*ended do h1\.release\.policies`)
		if got := settings(s, "policies"); got != "policies=inventory on, patch off" {
			t.Error(got)
		}
	})
}

// What people did is taken back by people: policies, the CMDB, and at the end
// what was done before the run.
func TestItmsPeopleBack_S4_31_S4_45(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "itms", Version: "7.5 HF6", Edit: func(path, text string) string {
		if path == "releases/7.5 SP1/itms/bin/configure" {
			return "#!/bin/sh\necho spoiled >\"$1/../cmdb/data\"\nexit 1\n"
		}
		return text
	}})
	s.Bundle("7.5 SP1")
	s.Replace(s.Document, "params:\n", "params:\n  by_hand: true\n  rapideploy: true\n")
	elsewhere(t, s)
	s.Write("settings/images", "rapideploy\n", 0o644)
	before := s.Snapshot()
	s.Write("settings/images", "ghost\n", 0o644)
	s.Upkeep("plan", "--from", s.Releases, "--answer", answered, "--answer", "lac=enabled")
	s.Must(0, "done", "rapideploy", "--from", s.Releases)
	s.People(console(s))
	s.Must(6, "upgrade", "--yes", "--from", s.Releases)
	wants(t, s.Log(), `ended undo hold\.policies.*ended undo backup\.cmdb.*|ended undo backup\.cmdb.*ended undo hold\.policies`)
	wants(t, s.Log(), `ended undo undo\.rapideploy in [^ ]+ the person of the test`)
	s.Remove("storage/cmdb.bak")
	if d := sitetest.Diff(settled(before), settled(s.Snapshot())); d != "" {
		t.Errorf("not as it was:\n%s", d)
	}
}

// A backup of another kind than the one that was asked for is none.
func TestItmsWrongBackup_S4_15(t *testing.T) {
	lab.Slow(t)
	s := byHand(t)
	s.Replace(s.Document, "  rapideploy: true\n", "")
	s.Upkeep("plan", "--from", s.Releases, "--answer", answered, "--answer", "lac=enabled")
	do := console(s)
	delete(do, "backup.cmdb")
	s.People(do)
	wait := s.Began("upgrade", "--yes", "--from", s.Releases)
	asked(t, s, "backup.cmdb")
	nextSecond()
	s.Write("storage/cmdb.bak", "type=Differential\nname=before the upgrade\n", 0o644)
	wants(t, s.Must(1, "done", "backup.cmdb").Err, `backup\.cmdb is not done: it reads Differential, wanted is Full`)
	s.Must(6, "cancel")
	if r := wait(); r.Code != 6 || !strings.Contains(r.Out, "cancelled it") {
		t.Errorf("%v", r)
	}
}

// The CMDB's backup goes to another computer, into a folder that is not
// everybody's: what lies on this one is refused, by whatever name.
func TestItmsStorage_S4_17(t *testing.T) {
	lab.Slow(t)
	s := byHand(t)
	check := func(code int) string {
		t.Helper()
		return flat(s.Must(code, "check", "--from", s.Releases).Out)
	}
	wants(t, check(3), `✓ storage: .*/storage lies on .*fuse\.sshfs of backup\.example:.*✓ storage-secure`)
	t.Run("a_folder_that_everybody_reads", func(t *testing.T) {
		at := filepath.Join(s.Root, "storage")
		for mode, want := range map[os.FileMode]string{0o755: `✗ storage-secure: .*could read the CMDB`, 0o700: `✓ storage-secure`} {
			if err := os.Chmod(at, mode); err != nil {
				t.Fatal(err)
			}
			wants(t, check(3), want)
		}
	})
	elsewhere := "\n  destination: "
	for name, at := range map[string]func(t *testing.T) string{
		"a_folder_of_this_computer": func(t *testing.T) string { return lab.Dir(t) },
		"the_same_by_another_name": func(t *testing.T) string {
			link := filepath.Join(s.Dir, "remote")
			if err := os.Symlink(lab.Dir(t), link); err != nil {
				t.Fatal(err)
			}
			return link
		},
		"a_bind_mount": func(t *testing.T) string { return mounted(t, "--bind", lab.Dir(t)) },
		"a_loop_device": func(t *testing.T) string {
			image := filepath.Join(lab.Dir(t), "image")
			for _, args := range [][]string{{"truncate", "-s", "8M", image}, {"mkfs.ext4", "-q", image}} {
				if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
					t.Fatalf("%v: %v\n%s", args, err, out)
				}
			}
			return mounted(t, "-oloop", image)
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.Read("installation.yaml")
			defer s.Write("installation.yaml", before, 0o644)
			s.Replace(s.Document, "params:\n", "params:"+elsewhere+at(t)+"\n")
			wants(t, check(3), `✗ storage: .* is lost with it.*a folder of another computer`)
			wants(t, flat(s.Must(3, "upgrade", "--yes", "--from", s.Releases).Err), `check storage`)
		})
	}
}

// mounted mounts something, and gives where.
func mounted(t *testing.T, how, what string) string {
	t.Helper()
	at := lab.Dir(t)
	if out, err := exec.Command("mount", how, what, at).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(at, syscall.MNT_DETACH); err != nil {
			t.Errorf("cannot unmount %s: %v", at, err)
		}
	})
	return at
}
