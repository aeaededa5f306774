package process

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
	"upkeep/internal/lab/crash/fault"
	"upkeep/internal/lab/crash/scale"
	"upkeep/internal/lab/crash/sites"
	"upkeep/internal/lab/crash/tally"
	"upkeep/internal/lab/crash/upgrade"
)

// errands are what the mutants are tried on: the first that shows one is enough.
func errands(r releases) []Errand {
	of := func(x Target, f func(*World, func(...string))) Errand {
		x.Users, x.Notes = false, x.Example == "notes"
		return Errand{Target: x, Do: f}
	}
	given := func(prepare func(*sitetest.Site)) func(*sitetest.Site) []string {
		return func(s *sitetest.Site) []string { prepare(s); return nil }
	}
	back := r.target("return", 0, "1.0", r.good)
	back.From, back.Discards = "2.0", true
	back.Prepare = func(s *sitetest.Site) []string {
		s.Must(0, "upgrade", "--yes", "--from", r.good, "--to", "2.0")
		return []string{"back", "--yes"}
	}
	points := r.target("restore points", 0, "1.0", r.good)
	points.Prepare = given(func(*sitetest.Site) {})
	adopt := points
	adopt.Name = "adopt and remove"
	builds := points
	builds.Name = "bundles and plans"
	words := itms("words", 0, "7.5 SP1", func(s *sitetest.Site) {
		s.Bundle("7.5 SP1")
		s.Replace(s.Document, "params:\n", "params:\n  by_hand: true\n  rapideploy: true\n")
	})
	words.Edit = func(path, text string) string { // there is no other computer here to keep a backup
		if path != "releases/7.5 SP1/release.yaml" {
			return text
		}
		return regexp.MustCompile(`(?m)^  - \{id: storage.*\n`).ReplaceAllString(text, "")
	}
	install := Target{Name: "install", Example: "itop", Version: "3.1.0"}
	install.Prepare = given(func(s *sitetest.Site) {
		s.Bundle("3.2.0")
		s.Stop()
		for _, name := range []string{"app", "conf", "data", "extensions", "model", "modules", "trace", "installation.yaml", "upkeep"} {
			if err := os.RemoveAll(filepath.Join(s.Root, name)); err != nil {
				panic(err)
			}
		}
	})
	hooks := Target{Name: "hooks", Example: "exchange", Version: "1.2.2", Code: 0, From: "1.2.2", To: "1.2.3",
		Prepare: func(s *sitetest.Site) []string {
			s.Bundle("1.2.3")
			return []string{"upgrade", "--yes", "--from", s.Releases}
		}}
	restoring := points
	restoring.Name = "an interrupted restore"
	interrupted := r.target("interrupted commands", 0, "2.0", r.good)
	interrupted.Prepare = given(func(*sitetest.Site) {})
	adopted := points
	adopted.Name = "adopt"
	takeOver := func(w *World, do func(...string)) {
		id := w.ID()
		w.Remove("installation.yaml")
		do("adopt", "--product", r.good, "--state", w.State, "--name", id, "--set", "root="+w.Root, "--set", "runtime="+w.Bin,
			"--set", "account="+w.Service().Name, "--set", "port="+strconv.Itoa(w.Port), "--set", "private=file:"+filepath.Join(w.Root, "data/private-token"))
		do("adopt", "--product", r.good)
	}
	dying := func(path, name string) *fault.Spec {
		return &fault.Spec{Do: fault.Kill, Path: path, Name: name, Kind: "file"}
	}
	killed := of(interrupted, func(w *World, do func(...string)) {
		args := []string{"upgrade", "--yes", "--from", r.good, "--to", "2.0"}
		for i, f := range []*fault.Spec{dying(".new", "Rename"), dying("forecast.json", "WriteFile"),
			nil,
			{Do: fault.Fail, Path: "forecast.json", Name: "WriteFile", Errno: "ENOSPC"}} {
			w.With(f)
			if f == nil {
				do("resume")
			} else {
				do(args...)
			}
			if i > 1 && w.Exists("upkeep/reserve") {
				w.Write("reserve-left", "", 0o644)
			}
		}
		w.With(nil)
		if err := os.WriteFile(filepath.Join(glob(w.State, "bundles/*"), "SHA256SUMS"), nil, 0o644); err != nil {
			w.T.Error(err)
		}
		do(args...)
	})
	killed.Codes = []int{-1, -1, 0, 1, 0}
	again := of(restoring, func(w *World, do func(...string)) {
		do("backup", "create", "--from", r.good)
		id := filepath.Base(glob(w.State, "restore-points/*"))
		written := dying("/restoring", "WriteFile")
		written.When = "after"
		w.With(written)
		do("backup", "restore", "--yes", "--from", r.good, id)
		w.With(dying("/restoring", "Remove"))
		do("backup", "restore", "--yes", "--from", r.good, id)
		w.With(nil)
		do("upgrade", "--yes", "--from", r.good)
		do("backup", "restore", "--yes", "--from", r.good, id)
	})
	again.Codes = []int{0, -1, -1, 1, 0}
	fed := r.target("a feed", 0, "2.0", r.good)
	fed.Prepare = given(func(s *sitetest.Site) {
		f := s.Feed()
		if err := errors.Join(f.Release("stable", glob(r.good, "*2.0*")), f.Release("stable", glob(r.good, "*3.0*"))); err != nil {
			panic(err)
		}
	})
	carried := of(fed, func(w *World, do func(...string)) {
		file := filepath.Join(w.Dir, "carried.feed")
		do("feed", "refresh")
		do("feed", "export", "2.0", "-o", file)
		do("feed", "import", file)
		do("feed", "fetch")
		do("upgrade", "--yes", "--to", "2.0")
	})
	return []Errand{
		carried,
		of(adopted, takeOver),
		killed,
		again,
		of(builds, func(w *World, do func(...string)) {
			do("plan", "--from", r.good)
			do("rehearse", "--from", r.good)
			do("vendor", "build", w.Source("2.0"), "-o", filepath.Join(w.Dir, "as-folder"))
			do("vendor", "build", w.Source("2.0"), "-o", filepath.Join(w.Dir, "as-file.tar.zst"))
		}),
		of(points, func(w *World, do func(...string)) {
			do("backup", "create", "--from", r.good)
			id := filepath.Base(glob(w.State, "restore-points/*"))
			do("backup", "verify", id)
			w.Write("data/stray", "a stray file\n", 0o644)
			db := filepath.Join(w.Root, "data/notes.db")
			if err := errors.Join(os.Chmod(db, 0o640), unix.Setxattr(db, "user.comment", []byte("kept"), 0)); err != nil {
				w.T.Error(err)
			}
			do("backup", "restore", "--yes", "--from", r.good, id)
			do("mode", "normal")
		}),
		of(adopt, func(w *World, do func(...string)) {
			takeOver(w, do)
			do("status")
			do("remove", "--yes", "--with-restore-points")
		}),
		of(words, func(w *World, do func(...string)) {
			w.Write("settings/images", "ghost\n", 0o644)
			do("done", "rapideploy", "--from", w.Releases)
			do("plan", "--from", w.Releases, "--answer", "console-tasks=yes", "--answer", "lac=enabled")
			do("tasks", "--from", w.Releases)
		}),
		of(install, func(w *World, do func(...string)) {
			do("install", "--yes", "--from", w.Releases, "--state", w.State, "--name", "itop-"+strings.ToLower(rand.Text()[:12]),
				"--set", "root="+w.Root, "--set", "runtime="+w.Bin, "--set", "account="+w.Service().Name, "--set", "port="+strconv.Itoa(w.Port))
		}),
		of(r.target("back", 6, "1.0", r.bad), nil),
		of(r.target("forward", 0, "3.0", r.good, "--rehearse", "data"), nil),
		of(r.target("stay", 9, "2.0", r.bad, "--on-failure", "stay"), nil),
		of(back, nil),
		of(hooks, nil),
		of(itms("holds", 0, "7.5 SP1", func(s *sitetest.Site) { s.Bundle("7.5 SP1") }), nil),
	}
}

func glob(dir, pattern string) string {
	found, _ := filepath.Glob(filepath.Join(dir, pattern))
	if len(found) == 0 {
		return "none"
	}
	return found[0]
}

// explained are calls (file:function method), functions, whole files, or folders, whose mutants survive or which none of
// the errands reaches, each with its reason.
var explained = map[string]string{
	"internal/audit":                                 "the hub's audit log, which no run writes: crashed before each of its calls by the package's own tests",
	"internal/manage/hub.go":                         "accounts and sessions of the page, which no run writes: one file that is exchanged as a whole",
	"internal/feed":                                  "what has come of a feed: killed at its operations, with mutants of each call, by the tests of the package",
	"internal/feed/trust":                            "what is known of a feed, which no run changes: tried on the tests of the package, see internal/lab/crash/contract",
	"internal/manage/vendor_feed.go":                 "the vendor's computer: the folder of a feed's drafts, which package vendor makes as well, and a scratch folder",
	"internal/manage/vendor_init.go":                 "the vendor's computer: a source that was just asked for",
	"internal/manage/vendor_try.go":                  "the vendor's computer: a scratch place that is thrown away",
	"internal/vendor":                                "a vendor's feed, on the vendor's computer: crashed before each of its calls by the package's own tests",
	"internal/feed/fetch/file.go":                    "downloads: killed at every operation, with mutants of each call, by the tests of the package",
	"internal/feed/patch/apply.go":                   "patches: killed at every operation, with mutants of each call, by the tests of the package",
	"internal/demo/install.go":                       "the sample product of a show: its folder is thrown away",
	"internal/demo/sources.go":                       "the sample product of a show: its folder is thrown away",
	"internal/demo/tree.go":                          "the sample product of a show: its folder is thrown away",
	"internal/manage/standard.go":                    "written once a run is over, for upkeep drift to compare with: what is missing is said there, and the next run writes it anew",
	"internal/manage/errand.go":                      "the state folder of an installation that nothing was done with yet, for a file that tells people how far a piece of work is",
	"internal/manage/demo.go":                        "the sample product of a show: its folder is thrown away",
	"internal/backup/archive/ahead.go":               "dumps that could not be made, or are out of date: tried on the archive's contract suite, see internal/lab/crash/contract",
	"internal/backup/archive/amend.go":               "late writes: tried on the archive's contract suite, see internal/lab/crash/contract",
	"internal/backup/archive/archive.go:Remove":      "restore points beyond those that are kept: tried on the archive's contract suite, see internal/lab/crash/contract",
	"internal/backup/archive/archive.go:Sweep":       "restore points that were begun: tried on the archive's contract suite, see internal/lab/crash/contract",
	"internal/backup/putback/inplace.go:attributes":  "extended attributes of folders: tried on the archive's contract suite, see internal/lab/crash/contract",
	"internal/backup/putback/inplace.go:move":        "a mount inside a tree: tried on the archive's contract suite, see internal/lab/crash/contract",
	"internal/backup/archive/prepare.go":             "what an earlier try has left: tried on the archive's contract suite, see internal/lab/crash/contract",
	"internal/backup/putback/putback.go":             "trees that are exchanged, and what an earlier try has left: tried on the archive's contract suite, see internal/lab/crash/contract",
	"internal/backup/restic/finish.go":               "no run of the crash suite has a repository: killed before each of its calls by the contract suite, which every engine runs",
	"internal/backup/restic/prepare.go":              "no run of the crash suite has a repository: killed before each of its calls by the contract suite, which every engine runs",
	"internal/backup/restic/restore.go":              "no run of the crash suite has a repository: killed before each of its calls by the contract suite, which every engine runs",
	"internal/backup/restic/snapshots.go":            "no run of the crash suite has a repository: killed before each of its calls by the contract suite, which every engine runs",
	"internal/backup/restic/store.go":                "no run of the crash suite has a repository: killed before each of its calls by the contract suite, which every engine runs",
	"internal/backup/restic/sweep.go":                "no run of the crash suite has a repository: killed before each of its calls by the contract suite, which every engine runs",
	"internal/files/copy.go":                         "links, devices, and copies that failed: tried on the tests of the package, see internal/lab/crash/contract",
	"internal/files/stage.go":                        "a tree that could not be staged: tried on the tests of the package, see internal/lab/crash/contract",
	"internal/files/unpack.go":                       "devices: tried on the tests of the package, see internal/lab/crash/contract",
	"internal/files/write.go":                        "extended attributes and holes: tried on the tests of the package, see internal/lab/crash/contract",
	"internal/step/access/markers.go":                "a page that was parked twice: tried on the contract suite of the verb, see internal/lab/crash/contract",
	"internal/step/backup/observe.go":                "an empty folder that a killed try has left: tried on the contract suite of the verb, see internal/lab/crash/contract",
	"internal/step/cleanup/bundles.go":               "copies that no run needs: tried on the crash file system, see internal/lab/crash/upgrade",
	"internal/step/install/edited.go":                "edited links and folders: tried on the contract suite of the verb, see internal/lab/crash/contract",
	"internal/step/install/trees.go":                 "trees behind a link, and file systems without exchange: tried on the contract suite of the verb, see internal/lab/crash/contract",
	"internal/step/merge/merge.go":                   "edited files that are merged: tried on the contract suite of the verb, see internal/lab/crash/contract",
	"internal/step/params/params.go":                 "a document that another account owns: tried on the contract suite of the verb, see internal/lab/crash/contract",
	"internal/bundle/archive.go:Sweep":               "what a killed fetch has left: tried on the tests of internal/feed",
	"internal/bundle/fetched.go":                     "documents of a feed: tried on the tests of internal/feed",
	"internal/bundle/archive.go:openArchive":         "bundles are unpacked into a fresh temporary folder each time: there is nothing in the way",
	"internal/bundle/archive.go:unpack":              "a temporary copy that nothing refers to; the one that is kept is synced by keepBundle, and what is left goes with its folder",
	"internal/bundle/sign.go:addSignature":           "for vendors: who is interrupted signs again; the archive is replaced whole, or not",
	"internal/manage/push.go:keepPush":               "what a power cut takes of it is missed by the engine, which then refuses to begin: nothing was touched",
	"internal/bundle/build.go:archive":               "for vendors: who is interrupted builds again; the sums tell a torn bundle",
	"internal/bundle/build.go:directory":             "for vendors: who is interrupted builds again; write makes the folder as well",
	"internal/bundle/build.go:write":                 "for vendors: a tree under construction, synced as a whole before it gets its name",
	"internal/database/sqlite/restore.go:remove":     "there is none: the service was stopped, and SQLite has taken away what it wrote beside",
	"internal/database/sqlite/restore.go:stage":      "dress, the call before, syncs the file as well",
	"internal/database/sqlite/restore.go:dress":      "stage syncs the file after it",
	"internal/database/sqlite/sqlite.go:Scratch":     "a scratch database is gone with its process: nobody looks for it after a crash",
	"internal/manage/built.go":                       "only upkeep drift --build makes standards from scripts, and no run depends on them",
	"internal/manage/adopted.go:keepAdopted":         "the folder's name is synced with what is written beside it, the record last",
	"internal/manage/doctor_fix.go:Carry":            "the state folder is there whenever an upgrade has run",
	"internal/manage/doctor_span.go:Hold":            "the state folder is there whenever an upgrade has run",
	"internal/manage/doctor_stopped.go:register":     "what a remedy has stopped: TestRegisterIsDurable cuts the power",
	"internal/manage/engine.go:carryOn":              "the command that watches, and the next one, remove the reserve as well; the crash file system has an engine alone",
	"internal/manage/engine.go:easeFullDisk":         "a full disk: the e2e tests of full disks fill one",
	"internal/manage/installation.go:give":           "a temporary folder, which a vendor's tool writes its dump to",
	"internal/manage/hub_files.go":                   "tokens and keys of starts, which no run needs: TestHubFilesPowerCut cuts the power",
	"internal/manage/install.go:Start":               "a folder whose name is synced with that of the next file in it",
	"internal/manage/machine.go:make":                "setup-host: changes the computer, is run by a person, and is repeated; its own tests and those on hosts",
	"internal/manage/machine.go:Remove":              "remove-host: changes the computer, is run by a person, and is repeated; its own tests and those on hosts",
	"internal/manage/machine_timer.go":               "setup-host: changes the computer, is run by a person, and is repeated; its own tests",
	"internal/manage/machine_hub.go":                 "setup-host: changes the computer, is run by a person, and is repeated; its own tests and those on hosts",
	"internal/manage/socket.go":                      "a folder in one that the next boot clears",
	"internal/manage/hub_door.go":                    "a socket in a folder that the next boot clears, made anew by each hub",
	"internal/manage/proofs.go:NoteProof":            "what a power cut takes of it is proven again",
	"internal/manage/restore_look.go":                "a copy in a folder of its own, which nothing refers to; interrupted it is made again",
	"internal/manage/watch.go:noteWatch":             "what was seen of releases: it tells people, nothing is believed for it, and the next look writes it anew",
	"internal/manage/schedule.go":                    "the yes that is kept for later, which no run of the suite is: cut after each of its calls by the package's own tests",
	"internal/manage/notices.go:noteDeliveries":      "what people were told, for status: nothing is decided by it",
	"internal/manage/notices_run.go:once":            "that people were told of a run: they are told again, otherwise",
	"internal/manage/timer.go:NoteTimer":             "what the timer could not do: it fails again, or does it",
	"internal/manage/own_tool.go:Upgrade":            "the state folder is there whenever an upgrade has run",
	"internal/manage/self_check.go:copyFile":         "a copy in a temporary folder",
	"internal/selfupgrade":                           "exchanges the program: tried on the tests of the package, see internal/lab/crash/contract",
	"internal/manage/migrations.go:recording":        "the state folder is there whenever an upgrade has run; what is recorded lies in the product's database",
	"internal/manage/modes.go:EndModes":              "the state folder is there whenever a mode is on",
	"internal/manage/points.go:CreatePoint":          "the state folder is there whenever services run that are Upkeep's own",
	"internal/manage/register.go:Forget":             "a note of an installation that is gone: whoever reads it passes over it",
	"internal/manage/register.go:enrol":              "only where systemd has booted; TestRegister and the tests on hosts",
	"internal/manage/rehearse.go:Rehearse":           "the state folder is there whenever services run that are Upkeep's own",
	"internal/manage/remove.go:Remove":               "of the register (only where systemd has booted) and of folders that others have made; what a power cut brings back is removed by giving the command again",
	"internal/manage/review.go:undecided":            "the state folder is there whenever services run that are Upkeep's own",
	"internal/manage/review_store.go":                "what a person decides before a run: what a power cut takes is asked again, and an edited script is read back against its sum",
	"internal/manage/secret.go:WriteSecret":          "a secret that a person types; there is no keyboard here",
	"internal/manage/support.go:WriteSupport":        "a file for whoever helps, which nothing reads: what a power cut leaves of it is written again",
	"internal/manage/takeover.go:takeOver":           "the state folder is there whenever services run that are Upkeep's own",
	"internal/manage/takeover.go:claim":              "the document's folder is there: the product is in it",
	"internal/manage/upgrade.go:Start":               "the state folder is there whenever services run that are Upkeep's own",
	"internal/manage/upgrade.go:openRun Preallocate": "the reserve matters on a full disk only, and its name is synced with the owner's",
	"internal/manage/upgrade.go:keepBundle":          "its names are synced by the Rename that follows",
	"internal/manage/words.go:say":                   "the folder's name is synced with that of the word's file, or the word is asked for again",
	"internal/scratch/scratch.go:Close":              "a temporary folder: removed, and nothing depends on its being gone after a power cut",
	"internal/scratch/scratch.go:New":                "a temporary folder",
	"internal/scratch/scratch.go:Sweep":              "temporary folders: what is left is swept by the next one",
	"internal/service/command/command.go:Start":      "no example here has a service with commands only; its own tests",
	"internal/service/inhibit.go:Inhibit MkdirAll":   "the folder is that of the services, which is there once one was started; the crash file system tries the file",
	"internal/service/process/process.go:save":       "without its record a service is found by its pid file, its group and what it runs (adopt.go)",
	"internal/service/process/start.go:Stop":         "the record of a process that is gone is not believed",
	"internal/service/systemd":                       "changes a real systemd: its mutants are tried in internal/lab/crash/contract",
	"internal/step/packages":                         "needs apt and root: its mutants are tried in internal/lab/crash/contract",
}

// tried is a mutant with what came of it.
type tried struct {
	Mutant
	name, how string
}

func (m tried) String() string { return m.Do + " " + m.Site }

// Every call of durable that the crash file system does not reach is left out,
// and made without its syncs, in the real binary: the oracle must notice.
func TestMutants(t *testing.T) {
	lab.Slow(t)
	dice, seed := Seed(t)
	root, err := lab.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	calls, err := sites.All()
	if err != nil {
		t.Fatal(err)
	}
	inMemory := upgrade.Reached(t) // their mutants are tried there
	r := built(t)
	all := errands(r)
	traced := make([]tracedErrand, len(all))
	side(len(all), func(i int) { traced[i] = all[i].trace(t) })
	side(len(all), func(i int) { // what no mutant is must not be taken for one
		if how := traced[i].left(t, Mutant{}); how != "" {
			t.Errorf("%s comes out otherwise the second time: %s", all[i].Name, how)
		}
	})
	if t.Failed() {
		return
	}
	var mutants []*tried
	var unreached []string
	used := map[string]bool{}
	why := func(site, method string) string {
		name, err := where(root, site)
		if err != nil {
			t.Fatal(err)
		}
		file, _, _ := strings.Cut(site, ":")
		for _, key := range []string{name + " " + method, name, file, filepath.Dir(file)} {
			if explained[key] != "" {
				used[key] = true
				return explained[key]
			}
		}
		return ""
	}
	for _, c := range calls {
		if inMemory[c.Site] {
			continue
		}
		name, err := where(root, c.Site)
		if err != nil {
			t.Fatal(err)
		}
		name += " " + c.Method
		if !slices.ContainsFunc(traced, func(e tracedErrand) bool { return e.reaches(c.Site) }) {
			unreached = append(unreached, c.Site)
			if reason := why(c.Site, c.Method); reason != "" {
				t.Logf("not reached: %s %s: %s", c.Site, name, reason)
			} else {
				t.Errorf("no harness reaches %s (%s): reach it in an errand, or say in explained why not", c.Site, name)
			}
			continue
		}
		mutants = append(mutants, &tried{Mutant: Mutant{fault.Omit, c.Site}, name: name})
		if slices.ContainsFunc(traced, func(e tracedErrand) bool { return e.lazy(c.Site) }) {
			mutants = append(mutants, &tried{Mutant: Mutant{fault.Lazy, c.Site}, name: name})
		}
	}
	mutants = scale.Sample(mutants, len(mutants), dice)
	dices := make([]uint64, len(mutants))
	for i := range dices {
		dices[i] = dice.Uint64()
	}
	side(len(mutants), func(i int) { mutants[i].how = attempt(t, traced, mutants[i].Mutant, dices[i]) })
	caught, survive := 0, 0
	for _, m := range mutants {
		switch reason := why(m.Site, m.name[strings.LastIndexByte(m.name, ' ')+1:]); {
		case m.how != "":
			caught++
			t.Logf("%s (%s): %s", m, m.name, firstLine(m.how))
		case reason != "":
			survive++
			t.Logf("survives: %s (%s): %s", m, m.name, reason)
		default:
			t.Errorf("survives: %s (%s)", m, m.name)
		}
	}
	for key := range explained {
		if !used[key] {
			// what a seeded kill catches this time may survive the next
			t.Logf("%s: nothing of it survives or stays unreached this time", key)
		}
	}
	t.Logf("%d mutants, %d caught, %d sites that no harness reaches", len(mutants), caught, len(unreached))
	tally.Seeded(t, "mutants", "mutants", len(mutants)-survive, seed)
	tally.Seeded(t, "mutants", "survive, and the table says why", survive, seed)
	tally.Seeded(t, "mutants", "calls that no harness reaches, and the table says why", len(unreached), seed)
	tally.Seeded(t, "mutants", "caught", caught, seed)
}

// attempt tries a mutant in the cheap ways first.
func attempt(t *testing.T, traced []tracedErrand, m Mutant, seed uint64) string {
	var reach []tracedErrand
	for _, e := range traced {
		if e.reaches(m.Site) {
			reach = append(reach, e)
			if how := e.unsynced(m); how != "" {
				return e.Name + ", " + how
			}
		}
	}
	if m.Do == fault.Lazy {
		return ""
	}
	for _, e := range reach[:min(3, len(reach))] {
		if how := e.left(t, m); how != "" {
			return e.Name + ", undisturbed: " + how
		}
	}
	return kills(t, reach, m, seed)
}

// side calls f for each number below n, several at once.
func side(n int, f func(int)) {
	next := make(chan int)
	var busy sync.WaitGroup
	for range workers() {
		busy.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	busy.Wait()
}

func firstLine(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return strings.ReplaceAll(text, "\n", " | ")
}
