package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"upkeep/internal/backup"
	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
	"upkeep/internal/manage"
)

// TestCommands runs the scripts of testdata/script as the account that runs the
// tests (as root the gate keeps users out): some of them in a quick run, all
// where slow tests are asked for.
func TestCommands(t *testing.T) {
	if os.Getenv("UPKEEP_SLOW") == "1" {
		scripts(t, "")
		return
	}
	var quick []string
	for _, name := range []string{"usage", "vendor", "upgrade", "failing", "busy", "stopped"} {
		quick = append(quick, filepath.Join("testdata", "script", name+".txtar"))
	}
	scripts(t, "", quick...)
}

// TestCommandsUnprivileged runs every script as an account without rights.
func TestCommandsUnprivileged(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	scripts(t, "nobody")
}

// scripts runs the scripts with commands of their own beside those of
// testscript:
//
//	site EXAMPLE VERSION [stopped]  install an example; sets $SITE $STATE $RELEASES $DOC $PORT $MARKS $BIN $ACCOUNT
//	bundle VERSION...               build bundles into $RELEASES
//	source VERSION NAME             copy a release's source folder; sets $NAME
//	build FOLDER FILE               build a bundle of it
//	upkeep CODE ARGUMENT...         run the binary, which must end with the code
//	answer TEXT                     type it in the next upkeep
//	begin ARGUMENT...               run the binary in the background
//	end CODE                        wait for it
//	await FILE                      wait until a file is there
//	at STEP                         wait until the run has begun the step
//	asked TEXT                      wait until a person is asked for that
//	kill9 engine|terminal           kill it
//	keep NAME, same NAME            describe the product in full; compare
//	still NAME                      compare all files, Upkeep's own too, with times
//	query DATABASE SQL TEXT         compare the first column
//	replace FILE OLD NEW            change a text that is there once; ⏎ begins a line
//	hook NAME TEXT                  write an executable file into $SITE/hooks
//	put FILE TEXT                   write a file of the product
//	delete FILE PATTERN             take away the one line that fits
//	decide CHOICE CODE              upkeep decide, on the open run
//	environ NAME=VALUE...           environment of the next commands
//	point NAME                      the name of the latest restore point, as a variable
//	repository                      keep restore points with restic; sets $RESTIC $REPOSITORY $PASSWORD
//	feed [LINE...]                  make a feed of the product, its keys in $FEED/../feed-keys, and write it into the document, with further lines of feed:; sets $FEED
//	publish CHANNEL FILE...         publish bundles in it
//	withdraw VERSION WHY            withdraw a release; block VERSION FROM WHY blocks a way; promote VERSION makes it stable
//	resign DAYS                     sign the feed as if it were so many days ago
//	push NAME                       build what the example has in pushes/NAME into $MARKS, as NAME.tar.zst
//	restore NAME                    upkeep backup restore, of the latest restore point
func scripts(t *testing.T, account string, files ...string) {
	dir := "testdata/script"
	if len(files) > 0 {
		dir = ""
	}
	testscript.Run(t, testscript.Params{
		Dir: dir, Files: files,
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			tb, ok := env.T().(testing.TB)
			if !ok {
				return errors.New("the script has no test of its own")
			}
			env.Values[scriptKey{}] = &script{t: tb, account: account, kept: map[string]string{}, still: map[string]string{}}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			root := os.Geteuid() == 0 && account == ""
			return cond == "gate" && root || cond == "account" && !root, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"site": scriptSite, "bundle": scriptBundle, "source": scriptSource, "build": scriptBuild, "upkeep": scriptUpkeep, "answer": scriptAnswer,
			"begin": scriptBegin, "end": scriptEnd, "await": scriptAwait, "at": scriptAt, "asked": scriptAsked, "kill9": scriptKill, "interrupt": scriptInterrupt, "keep": scriptKeep, "same": scriptSame,
			"still": scriptStill, "query": scriptQuery, "replace": scriptReplace, "hook": scriptHook, "put": scriptPut,
			"decide": scriptDecide, "restore": scriptRestore, "delete": scriptDelete,
			"environ": scriptEnviron, "point": scriptPoint, "repository": scriptRepository,
			"feed": scriptFeed, "publish": scriptPublish, "withdraw": scriptFeedChange, "block": scriptFeedChange, "promote": scriptFeedChange, "resign": scriptResign, "push": scriptPush,
		},
	})
}

type scriptKey struct{}

// script is what the commands of one script share.
type script struct {
	*sitetest.Site
	t       testing.TB
	account string
	typed   string
	kept    map[string]string
	still   map[string]string
	wait    func() sitetest.Result
	feed    *sitetest.Feed
	known   int // runs before the command in the background
}

func of(ts *testscript.TestScript, args []string, least int) *script {
	if len(args) < least {
		ts.Fatalf("%d arguments, want at least %d", len(args), least)
	}
	return ts.Value(scriptKey{}).(*script)
}

func scriptSite(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 2)
	s.Site = sitetest.New(s.t, sitetest.Options{Example: args[0], Version: args[1], Account: s.account, Stopped: len(args) > 2 && args[2] == "stopped"})
	for k, v := range map[string]string{"SITE": s.Root, "STATE": s.State, "RELEASES": s.Releases, "DOC": s.Document, "PORT": strconv.Itoa(s.Port), "BIN": s.Bin, "MARKS": s.Marks, "ACCOUNT": s.Service().Name} {
		ts.Setenv(k, v)
	}
}

func scriptBundle(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 1)
	for _, v := range args {
		s.Bundle(v)
	}
}

func scriptSource(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 2)
	ts.Setenv(args[1], s.Copy(s.Source(args[0]), args[1]))
}

func scriptBuild(ts *testscript.TestScript, _ bool, args []string) {
	of(ts, args, 2).Build(args[0], args[1])
}

func scriptUpkeep(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 1)
	if s.Site == nil {
		ts.Fatalf("say site first")
	}
	r := s.Answer(s.typed, args[1:]...)
	s.typed = ""
	show(ts, s, r, args[0])
}

func show(ts *testscript.TestScript, s *script, r sitetest.Result, want string) {
	_, _ = ts.Stdout().Write([]byte(r.Out))
	_, _ = ts.Stderr().Write([]byte(r.Err))
	if strconv.Itoa(r.Code) != want {
		ts.Fatalf("want exit code %s: %v\n%s", want, r, s.Log())
	}
}

func scriptAnswer(ts *testscript.TestScript, _ bool, args []string) {
	of(ts, args, 1).typed = strings.ReplaceAll(args[0], "⏎", "\n") + "\n"
}

func scriptBegin(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 1)
	s.known = len(s.Runs())
	s.wait = s.Began(args...)
}

func scriptEnd(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 1)
	r := s.wait()
	show(ts, s, r, args[0])
}

// patience bounds what a script waits for.
const patience = 30 * time.Second

func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	of(ts, args, 1)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if _, err := os.Lstat(args[0]); err == nil {
			return
		}
	}
	ts.Fatalf("%s did not come", args[0])
}

func scriptAt(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 1)
	err := s.Follow(s.known, patience, func(e manage.Event) bool { return e.Kind == manage.EventBegan && e.Step == args[0] })
	ts.Check(err)
}

func scriptAsked(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 1)
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		r := s.Upkeep("tasks")
		if strings.Contains(r.Out, "A task for a person") && strings.Contains(r.Out, args[0]) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("nobody is asked for %q: %v", args[0], r)
		}
	}
}

func scriptKill(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 1)
	switch args[0] {
	case "engine":
		if !s.KillEngine() {
			ts.Fatalf("there is no engine")
		}
	case "terminal":
		if !s.KillTerminal() {
			ts.Fatalf("there is no terminal")
		}
	}
}

func scriptInterrupt(ts *testscript.TestScript, _ bool, args []string) {
	if !of(ts, args, 0).Interrupt() {
		ts.Fatalf("there is no terminal")
	}
}

func scriptKeep(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 1)
	s.kept[args[0]], s.still[args[0]] = s.Snapshot(), s.Everything()
}

func scriptSame(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts, args, 1)
	if d := sitetest.Diff(s.kept[args[0]], s.Snapshot()); (d == "") == neg {
		ts.Fatalf("not the same as %s, or meant to differ:\n%s", args[0], d)
	}
}

func scriptStill(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 1)
	if d := sitetest.Diff(s.still[args[0]], s.Everything()); d != "" {
		ts.Fatalf("something was written since %s:\n%s", args[0], d)
	}
}

func scriptQuery(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 3)
	if got := strings.Join(s.Query(args[0], args[1]), " "); got != args[2] {
		ts.Fatalf("%s gives %q, want %q", args[1], got, args[2])
	}
}

func scriptReplace(ts *testscript.TestScript, _ bool, args []string) {
	of(ts, args, 3).Replace(args[0], args[1], strings.ReplaceAll(args[2], "⏎", "\n"))
}

func scriptHook(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 2)
	s.Hook(filepath.Join("hooks", args[0]), args[1])
}

func scriptPut(ts *testscript.TestScript, _ bool, args []string) {
	of(ts, args, 2).Write(args[0], strings.ReplaceAll(args[1], "⏎", "\n")+"\n", 0o644)
}

// scriptDecide answers for the run that was begun last.
func scriptDecide(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 2)
	runs := s.Runs()
	if len(runs) == 0 {
		ts.Fatalf("nothing was run yet")
	}
	show(ts, s, s.Upkeep("decide", filepath.Base(runs[len(runs)-1]), args[0]), args[1])
}

// latest is the restore point that was made last.
func (s *script) latest(ts *testscript.TestScript) string {
	var points []backup.Point
	ts.Check(json.Unmarshal([]byte(s.Upkeep("backup", "list", "--format", "json").Out), &points))
	if len(points) == 0 {
		ts.Fatalf("there is no restore point")
	}
	return points[len(points)-1].ID
}

func scriptPoint(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], of(ts, args, 1).latest(ts))
}

// scriptRestore verifies the restore point that was made last, and puts it back.
func scriptRestore(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 1)
	point := s.latest(ts)
	show(ts, s, s.Upkeep("backup", "verify", point), "0")
	show(ts, s, s.Upkeep("backup", "restore", "--yes", "--from", s.Releases, point), "0")
}

func scriptEnviron(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 1)
	s.Env = append(s.Env, args...)
}

func scriptRepository(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 0)
	at, password := s.Repository(args...)
	ts.Setenv("REPOSITORY", at)
	ts.Setenv("PASSWORD", password)
	ts.Setenv("RESTIC", lab.Restic(s.t))
}

func scriptDelete(ts *testscript.TestScript, _ bool, args []string) {
	of(ts, args, 2)
	pattern := regexp.MustCompile(args[1])
	text, err := os.ReadFile(args[0])
	ts.Check(err)
	lines := strings.Split(string(text), "\n")
	kept := slices.DeleteFunc(slices.Clone(lines), pattern.MatchString)
	if len(lines)-len(kept) != 1 {
		ts.Fatalf("%d lines of %s fit %s", len(lines)-len(kept), args[0], args[1])
	}
	ts.Check(os.WriteFile(args[0], []byte(strings.Join(kept, "\n")), 0o644))
}
