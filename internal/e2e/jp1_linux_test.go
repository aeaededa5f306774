package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// jp1 installs a version of the example with the last release to upgrade to.
func jp1(t *testing.T, version string) *sitetest.Site {
	s := sitetest.New(t, sitetest.Options{Example: "jp1", Version: version})
	s.Bundle("10-10")
	return s
}

// One upgrade with everything that is asked for.
func TestJp1_S2(t *testing.T) {
	s := jp1(t, "09-50")
	start := s.Read("trace/trace.log")
	plan := s.Must(0, "plan", "--from", s.Releases).Out
	r := s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	log, trace := s.Log(), strings.TrimPrefix(s.Read("trace/trace.log"), start)
	t.Run("S2_4_a_backup_first", func(t *testing.T) {
		wants(t, log, `ended do backup .*begin do h1\.install\.db-program`)
		wants(t, flat(plan), `make the restore point of 09-50 \(db-program, manager, schema\), read it back and compare`)
	})
	t.Run("S2_7_S2_8_the_service_is_stopped_and_looked_at", func(t *testing.T) {
		wants(t, trace, `^stopservice\n.*startservice\n$`)
		wants(t, log, `ended do stop\.itdm in [^ ]+ itdm is stopped`)
	})
	t.Run("S2_9_S2_14_overwritten_in_this_order_standin", func(t *testing.T) {
		wants(t, log, `begin do h1\.install\.db-program.*begin do h1\.install\.manager`)
		if a, b := s.Read("db-program/VERSION"), s.Read("manager/VERSION"); a != "10-10\n" || b != "10-10\n" {
			t.Errorf("database program %s, manager %s", a, b)
		}
	})
	t.Run("S2_12_the_database_by_a_step_of_its_own", func(t *testing.T) {
		wants(t, plan, `exchange manager .*migrate schema`)
		if got := s.Query("data/itdm.db", "SELECT version FROM schema_version"); got[0] != "10" {
			t.Errorf("schema version %v", got)
		}
	})
	t.Run("S2_22_a_choice_for_the_installer", func(t *testing.T) {
		wants(t, trace, `setup automatic-updates=true\n`)
	})
	t.Run("S2_27_complete_when_verified", func(t *testing.T) {
		wants(t, log, `ended do h1\.verify .*the run is closed: new on 10-10`)
		wants(t, r.Out, `✓ jp1 is on 10-10, verified`)
	})
}

// A stop command that says it has stopped is not believed.
func TestJp1StopLies_S2_8(t *testing.T) {
	lab.Slow(t)
	s := jp1(t, "09-50")
	stop := filepath.Join(s.Root, "bin/stopservice")
	s.Replace(stop, `rm -f "$1/running"`, "exit 0")
	defer s.Replace(stop, "exit 0", `rm -f "$1/running"`)
	before := s.Snapshot()
	r := s.Upkeep("upgrade", "--yes", "--from", s.Releases)
	wants(t, flat(r.Out), `failed at step stop\.itdm.*still runs`)
	if d := sitetest.Diff(before, s.Snapshot()); r.Code != 6 || d != "" {
		t.Errorf("%v\nnot as it was:\n%s\n%s", r, d, s.Log())
	}
}

// The database's upgrade can be left for later.
func TestJp1DatabaseLater_S2_11(t *testing.T) {
	lab.Slow(t)
	s := jp1(t, "09-50")
	s.Replace(s.Document, "auto_agents: true", "upgrade_db: false")
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	if got := s.Query("data/itdm.db", "SELECT version FROM schema_version"); got[0] != "9" || s.Read("manager/VERSION") != "10-10\n" {
		t.Errorf("schema version %v, manager %s", got, s.Read("manager/VERSION"))
	}
}

// What holds from one version on is asked for when the way crosses that
// version, whatever its ends are.
func TestJp1Crosses_S2_28_S2_29(t *testing.T) {
	for _, c := range []struct {
		from string
		code int
	}{{"09-50", 3}, {"10-00", 0}} {
		t.Run("from_"+c.from, func(t *testing.T) {
			s := jp1(t, c.from)
			s.Remove("conf/mdm-host")
			r := s.Must(c.code, "plan", "--from", s.Releases)
			if c.code == 3 {
				wants(t, flat(r.Err), `check mdm: .*Specify the MDM server, see 4\.6`)
			}
		})
	}
}

// What fails is put back by the backup of this very run.
func TestJp1Fails_S2_19(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "jp1", Version: "09-50", Edit: func(path, text string) string {
		if path == "releases/10-10/migrations/001-mdm.sql" {
			return "DELETE FROM computers;\nINSERT INTO no_such_table VALUES (1);\n"
		}
		if path == "releases/10-10/manager/bin/setup" {
			return "#!/bin/sh\nexit 0\n"
		}
		return text
	}})
	s.Bundle("10-10")
	before := s.Snapshot()
	r := s.Must(6, "upgrade", "--yes", "--from", s.Releases)
	wants(t, r.Out, `restore point +[0-9a-f-]+-origin \(09-50`)
	if d := sitetest.Diff(kept(before), kept(s.Snapshot())); d != "" {
		t.Errorf("not as it was:\n%s", d)
	}
}

// kept leaves the restore points out of a snapshot: this example keeps them
// with the product.
func kept(snapshot string) string {
	var out []string
	for l := range strings.Lines(snapshot) {
		if !strings.HasPrefix(l, "backup/") {
			out = append(out, strings.TrimSuffix(l, "\n"))
		}
	}
	return strings.Join(out, "\n")
}

// Too little room in the backup folder, or for the installation, refuses the
// upgrade before anything is written; the check is made on the volume where the
// folder lies.
func TestJp1Room_S2_6_S2_15_standin(t *testing.T) {
	lab.Root(t)
	s := jp1(t, "09-50")
	volume := filepath.Join(s.Root, "backup")
	if err := unix.Mount("tmpfs", volume, "tmpfs", 0, "size=19m"); err != nil {
		t.Skipf("cannot mount a small volume here: %v", err)
	}
	defer unix.Unmount(volume, 0)
	r := untouched(t, s, 3, "upgrade", "--yes", "--from", s.Releases)
	wants(t, flat(r.Err), `check backup-space: .*19,922,944 bytes free.*>= 20MB`)
	if strings.Contains(r.Err, "install-space") {
		t.Errorf("there is room for the installation:\n%s", r.Err)
	}
	if err := unix.Unmount(volume, 0); err != nil {
		t.Fatal(err)
	}
}

// A check says where the vendor says more.
func TestJp1Reference_S2_31(t *testing.T) {
	s := jp1(t, "09-50")
	s.Remove("conf/mdm-host")
	const see = `see JP1/IT Desktop Management Configuration Guide 4\.6`
	wants(t, flat(untouched(t, s, 3, "check", "--from", s.Releases).Out), `✗ mdm: .*`+see)
	wants(t, flat(untouched(t, s, 3, "upgrade", "--yes", "--from", s.Releases).Err), `check mdm: .*`+see)
}
