package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// vault installs a product whose data only the vendor's tool knows.
func vault(t *testing.T, edit map[string]func(text string) string) *sitetest.Site {
	s := sitetest.New(t, sitetest.Options{Example: "vault", Version: "1.0", Edit: func(path, text string) string {
		if e := edit[path]; e != nil {
			return e(text)
		}
		return text
	}})
	s.Bundle("2.0")
	return s
}

// fails has the new version fail after its data were migrated.
func fails(string) string { return "#!/bin/sh\necho spoiled >\"$STORE/items/a\"\nexit 1\n" }

// byFile has the tool write and read a file, and its backup looked at.
func byFile(text string) string {
	text = strings.NewReplacer(`vault", dump]`, `vault", dump, "${backup.file}"]`, `vault", load]`, `vault", load, "${backup.file}"]`).Replace(text)
	return strings.Replace(text, "    content:", `    verify: [{command: ["${param.root}/bin/vault", check, "${backup.file}"], as: "${param.account}", expect: "3"}]`+"\n    content:", 1)
}

// What the vendor's tool dumps lies in the restore point, and what fails is put
// back with the tool and compared, whichever way the tool hands its dump over.
func TestVault(t *testing.T) {
	lab.Slow(t)
	s := vault(t, nil)
	before := s.Snapshot()
	wants(t, flat(s.Must(0, "plan", "--from", s.Releases).Out), `make the restore point of 1\.0 \(app, store\)`)
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	if got := s.Read("store/version") + s.Read("store/items/upgraded") + s.Read("app/VERSION"); got != "2\nfrom before 2\n2.0\n" {
		t.Errorf("%q\n%s", got, s.Log())
	}
	wants(t, s.Must(0, "backup", "verify", point(t, s)).Out, "is whole")
	s.Must(0, "back", "--yes")
	now := regexp.MustCompile(`(?m)^\.app\.upkeep.*\n?`).ReplaceAllString(s.Snapshot(), "") // the new tree, until it is cleared away
	if d := sitetest.Diff(strings.TrimSpace(before), strings.TrimSpace(now)); d != "" {
		t.Errorf("not as it was:\n%s\n%s", d, s.Log())
	}
}

// point names the restore point that was made last.
func point(t *testing.T, s *sitetest.Site) string {
	out := strings.Fields(s.Must(0, "backup", "list").Out)
	for _, w := range out {
		if strings.HasSuffix(w, "-origin") {
			return w
		}
	}
	t.Fatalf("no restore point: %v", out)
	return ""
}

func TestVaultFails(t *testing.T) {
	lab.Slow(t)
	for name, c := range map[string]struct {
		product func(string) string
		says    string
	}{
		"by streams": {nil, `restored the database of store from [^ ]+-origin, and compared it`},
		"by a file":  {byFile, `restored the database of store from [^ ]+-origin, and compared it`},
		"content not told": {func(text string) string {
			i := strings.Index(text, "    content:")
			return text[:i] + text[i+strings.Index(text[i:], "\n")+1:]
		}, `not in the restore point of store: nothing of the product tells what the data are`},
	} {
		t.Run(name, func(t *testing.T) {
			s := vault(t, map[string]func(string) string{"product.yaml": c.product, "releases/2.0/app/bin/settle": fails})
			before := s.Snapshot()
			s.Must(6, "upgrade", "--yes", "--from", s.Releases)
			if d := sitetest.Diff(before, s.Snapshot()); d != "" {
				t.Errorf("not as it was:\n%s", d)
			}
			wants(t, s.Log(), c.says)
		})
	}
}

// A tool that fails, leaves nothing, leaves something that its own look does
// not like, or is not there never makes a restore point: nothing is changed.
func TestVaultTool(t *testing.T) {
	lab.Slow(t)
	tool := func(old, text string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, text, 1) }
	}
	for name, c := range map[string]struct {
		edit map[string]func(string) string
		code int
		says string
	}{
		"fails half way": {map[string]func(string) string{"site/bin/vault": tool("dump) if", "dump) echo half; echo the store is locked >&2; exit 3; if")}, 6,
			`store cannot be dumped: .*vault dump: vault failed with exit code 3: the store is locked`},
		"writes nothing":    {map[string]func(string) string{"site/bin/vault": tool("dump) if", "dump) exit 0; if")}, 6, `store cannot be dumped: .*vault dump ended well and wrote nothing`},
		"leaves no file":    {map[string]func(string) string{"product.yaml": byFile, "site/bin/vault": tool("dump) if", "dump) exit 0; if")}, 6, `ended well and left no file where it was told to`},
		"its look says no":  {map[string]func(string) string{"product.yaml": byFile, "site/bin/vault": tool("check) tar", "check) echo 0; exit 0; tar")}, 6, `what the tool wrote is not as it should be: it reads 0, wanted is 3`},
		"always written to": {map[string]func(string) string{"site/bin/vault": tool("sum) cat", "sum) date +%N; exit 0; cat")}, 6, `it was written to while the tool dumped it`},
		"is not there":      {map[string]func(string) string{"product.yaml": tool(`vault", dump]`, `gone", dump]`)}, 3, `the database store could not be put back as it was: the vendor's tool is not there`},
	} {
		t.Run(name, func(t *testing.T) {
			s := vault(t, c.edit)
			before := s.Snapshot()
			r := s.Must(c.code, "upgrade", "--yes", "--from", s.Releases)
			wants(t, flat(r.Out+r.Err), c.says)
			if d := sitetest.Diff(before, s.Snapshot()); d != "" {
				t.Errorf("not as it was:\n%s", d)
			}
			if list := s.Must(0, "backup", "list").Out; strings.Contains(list, "-origin") {
				t.Errorf("a restore point was made:\n%s", list)
			}
		})
	}
}

// Killed while the tool restores, what is between is restored again.
func TestVaultKilled(t *testing.T) {
	lab.Slow(t)
	s := vault(t, map[string]func(string) string{"releases/2.0/app/bin/settle": fails, "site/bin/vault": func(text string) string {
		return strings.Replace(text, "rm -rf items version\n", "rm -rf items version\n\t[ -e ../trace/again ] || { : >../trace/again; sleep 60; }\n", 1)
	}})
	before := s.Snapshot()
	wait := s.Began("upgrade", "--yes", "--from", s.Releases)
	for end := time.Now().Add(30 * time.Second); !s.Exists("trace/again"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the tool restores nothing:\n%s", s.Log())
		}
	}
	if s.Exists("store/version") {
		t.Error("the test kills nothing in between")
	}
	s.KillTerminal()
	s.KillEngine()
	wait()
	s.Must(6, "resume")
	s.Remove("trace/again")
	if d := sitetest.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("not as it was:\n%s\n%s", d, s.Log())
	}
	wants(t, s.Log(), `ended [1-9][0-9]* processes`)
}
