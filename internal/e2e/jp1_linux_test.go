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
	return staffed(sitetest.New(t, sitetest.Options{Example: "jp1", Version: version}))
}

// staffed has the people of the example there: one who uses Database Manager,
// one who has the licence, and one who has answered what is asked.
func staffed(s *sitetest.Site) *sitetest.Site {
	s.Bundle("10-10")
	s.People(map[string]func(){
		"backup.database":       func() { s.Twin("data/itdm.db", "backup/itdm.bak") },
		"restore.database undo": func() { s.Twin("backup/itdm.bak", "data/itdm.db") },
		"back.licence undo":     func() { s.Write("conf/licence", "ours\n", 0o644) },
	})
	s.Upkeep("plan", "--from", s.Releases, "--answer", "previous-media=yes", "--answer", "mdm-host=mdm.example.org")
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
		wants(t, log, `ended do backup\.database .*begin do h1\.install\.db-program`)
		wants(t, flat(plan), `make the restore point of 09-50 \(db-program, manager\), read it back and compare`)
	})
	t.Run("S2_5_with_the_vendors_tool_by_a_person", func(t *testing.T) {
		wants(t, flat(plan), `a person makes the backup of schema: Database Manager > Back up, into .*/backup`)
		wants(t, log, `ended do backup\.database in [^ ]+ the person of the test \(typed by [a-z]+\) said so at .*it reads as wanted: newest .*/backup is > `)
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

// broken is the example with an installer that spoils the database and fails.
func broken(t *testing.T) *sitetest.Site {
	return sitetest.New(t, sitetest.Options{Example: "jp1", Version: "09-50", Edit: func(path, text string) string {
		if path == "releases/10-10/manager/bin/setup" {
			return "#!/bin/sh\necho spoiled >\"$2/../data/itdm.db\"\nexit 1\n"
		}
		return text
	}})
}

// What fails is put back: the old version first, then its licence, then the
// database, by the backup of this very run and with the vendor's tool.
func TestJp1Fails_S2(t *testing.T) {
	lab.Slow(t)
	s := staffed(broken(t))
	before := s.Snapshot()
	s.Write("backup/old.bak", "of last year\n", 0o644)
	r := s.Must(6, "upgrade", "--yes", "--from", s.Releases)
	log := s.Log()
	t.Run("S2_17_the_old_version_is_installed", func(t *testing.T) {
		wants(t, log, `ended undo h1\.install\.db-program.*ended undo back\.licence`)
		if got := s.Read("db-program/VERSION"); got != "09-50\n" {
			t.Error(got)
		}
	})
	t.Run("S2_18_its_licence_is_registered", func(t *testing.T) {
		wants(t, log, `begin undo back\.licence: .*Register the licence.*ended undo back\.licence .*the person of the test`)
		if got := s.Read("conf/licence"); got != "ours\n" {
			t.Error(got)
		}
	})
	t.Run("S2_19_S2_20_the_database_by_the_backup_of_this_run_with_the_vendors_tool", func(t *testing.T) {
		wants(t, log, `ended undo back\.licence.*begin undo restore\.database: .*Database Manager > Restore, from .*/backup\n.*ended undo restore\.database`)
		wants(t, r.Out, `restore point +[0-9a-f-]+-origin \(09-50`)
		if d := sitetest.Diff(kept(before), kept(s.Snapshot())); d != "" {
			t.Errorf("not as it was:\n%s", d)
		}
	})
	t.Run("S2_21_otherwise_there_is_support", func(t *testing.T) {
		wants(t, r.Out, `support +contact the support service`)
	})
}

// What fails is taken back to where the documents say, and done once more from
// there; the backup is kept, and users stay out meanwhile.
func TestJp1Again_S2_16(t *testing.T) {
	lab.Slow(t)
	s := staffed(sitetest.New(t, sitetest.Options{Example: "jp1", Version: "09-50", Edit: func(path, text string) string {
		if path == "releases/10-10/manager/bin/setup" {
			return "#!/bin/sh\n[ -e \"$2/tried\" ] && exit 0\n: >\"$2/tried\"\necho spoiled >\"$2/../data/itdm.db\"\nexit 1\n"
		}
		return text
	}}))
	wants(t, flat(s.Must(0, "plan", "--from", s.Releases).Out), `if h1\.run\.setup fails, what was done since stop is taken back, and done once more; the restore point is kept`)
	r := s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	log := s.Log()
	wants(t, log, `FAILED do h1\.run\.setup.*back to before restore\.database, and once more from there.*ended undo h1\.install\.db-program.*ended undo restore\.database.*once more, from restore\.database.*ended do h1\.install\.db-program.*ended do h1\.run\.setup.*the run is closed: new on 10-10`)
	wants(t, r.Out, `↩ going back\n(.*\n)*.*▸ once more\n(.*\n)*.*✓ jp1 is on 10-10, verified`)
	for what, want := range map[string]int{"begin do backup.database": 1, "begin do stop.itdm": 1, "begin do maintenance": 1, "begin undo maintenance": 0, "begin do h1.install.manager": 2} {
		if n := strings.Count(log, what); n != want {
			t.Errorf("%s: %d times, want %d", what, n, want)
		}
	}
	if got := s.Query("data/itdm.db", "SELECT version FROM schema_version"); got[0] != "10" || s.Read("manager/VERSION") != "10-10\n" {
		t.Errorf("schema version %v, manager %s\n%s", got, s.Read("manager/VERSION"), r.Out)
	}
}

// Without the old program there is no way back: it is asked for beforehand,
// and the answer says whom to turn to.
func TestJp1OldMedia_S2_17_S2_21(t *testing.T) {
	s := jp1(t, "09-50")
	r := s.Must(3, "upgrade", "--yes", "--from", s.Releases, "--answer", "previous-media=no")
	wants(t, flat(r.Err), `check previous-media: .* answered "no" .*without the old program contact the support service`)
	if s.Exists("upkeep/runs") {
		t.Error("a run was opened")
	}
	wants(t, flat(s.Must(0, "plan", "--from", s.Releases, "--answer", "previous-media=yes").Out), `previous-media: Are the installer and the licence of the old version at hand\? — yes, answered`)
}

// The host name of a server of the customer's is confirmed by a person, where
// the way crosses the version that wants it.
func TestJp1Host_S2_30(t *testing.T) {
	s := jp1(t, "09-50")
	s.Must(3, "plan", "--from", s.Releases, "--answer", "mdm-host=other.example.org")
	wants(t, flat(s.Must(3, "check", "--from", s.Releases).Out), `✗ mdm-host: .*answered "other\.example\.org".*Which host name does the certificate of the MDM server name\?.*wanted is mdm\.example\.org`)
	s.Must(0, "plan", "--from", s.Releases, "--answer", "mdm-host=mdm.example.org")
}

// A person who says that the backup is made is not believed while there is
// none of this run; users are kept out meanwhile, and the run waits.
func TestJp1NoBackup_S2_5(t *testing.T) {
	s := sitetest.New(t, sitetest.Options{Example: "jp1", Version: "09-50"})
	s.Bundle("10-10")
	s.Write("backup/old.bak", "of last year\n", 0o644)
	wait := s.Began("upgrade", "--yes", "--from", s.Releases, "--answer", "previous-media=yes", "--answer", "mdm-host=mdm.example.org")
	asked(t, s, "backup.database")
	r := s.Must(1, "done", "backup.database")
	wants(t, flat(r.Err), `backup\.database is not done: .*old\.bak.*nothing was recorded`)
	wants(t, flat(s.Must(0, "status").Out), `waits for a person.*Database Manager > Back up, into .*the rights of: the administrator of the database.*Not yet|waits for a person.*Database Manager > Back up`)
	s.Twin("data/itdm.db", "backup/itdm.bak")
	s.Must(0, "done", "backup.database", "--note", "on tape 7")
	if r := wait(); r.Code != 0 {
		t.Fatalf("%v\n%s", r, s.Log())
	}
	wants(t, s.Log(), `said so at [^(]*\(on tape 7\)`)
}

// kept leaves the backups out of a snapshot: this example keeps them with the
// product; and the licence, which is registered anew on the way back.
func kept(snapshot string) string {
	var out []string
	for l := range strings.Lines(snapshot) {
		if !strings.HasPrefix(l, "backup/") && !strings.HasPrefix(l, "conf/licence") {
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
