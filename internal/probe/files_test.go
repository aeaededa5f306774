package probe

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"upkeep/internal/plan"
)

func TestFile(t *testing.T) {
	dir := t.TempDir()
	version := write(t, dir+"/VERSION", "2.3.4\n")
	app := write(t, dir+"/app.json", `{"app": {"version": "8.1.2", "schema": 3}}`)
	php := write(t, dir+"/config-itop.php", "<?php $MySettings = array('app_root_url' => 'https://itop.example/');")
	conf := write(t, dir+"/ha.conf", "# pair\npeer = 10.0.0.2\n")
	url := write(t, dir+"/miniflux.conf", "DATABASE_URL=postgres://me:s3c/r@t@db/x\n")
	empty := write(t, dir+"/empty", "\n")
	broken := write(t, dir+"/broken.json", "{")
	xml := write(t, dir+"/applicationspath.config", `<a path="x"/>`)
	if err := os.Symlink("/nowhere/at/all", dir+"/dangling"); err != nil {
		t.Fatal(err)
	}
	e := New(Deps{})
	for _, r := range []row{
		{p: probe("file", version), ok: true, got: "2.3.4", evidence: "content of"},
		{p: probe("file", version, "expect=2.3.4"), ok: true, got: "2.3.4"},
		{p: probe("file", version, "expect=>= 2.10"), got: "2.3.4"},
		{p: probe("file", version, "select=^(\\d+)"), ok: true, got: "2", evidence: `^(\d+) in `},
		{p: probe("file", version, "select=^x"), got: "none", evidence: "holds no ^x"},
		{p: probe("file", app, "select=app.version", "expect=>= 8.1, < 9"), ok: true, got: "8.1.2"},
		{p: probe("file", app, "select=app.missing", "expect=none"), ok: true, got: "none"},
		{p: probe("file", php, "select=app_root_url"), ok: true, got: "https://itop.example/"},
		{p: probe("file", conf, "select=peer"), ok: true, got: "10.0.0.2"},
		{p: probe("file", conf, "format=text", "select=peer = (.*)"), ok: true, got: "10.0.0.2"},
		{p: probe("file", url, "select=DATABASE_URL"), ok: true, got: "postgres://me:***@db/x"},
		{p: probe("file", empty), got: "none", evidence: "is empty"},
		{p: probe("file", dir+"/absent"), got: "none", evidence: "does not exist"},
		{p: probe("file", dir+"/absent", "expect=none"), ok: true, got: "none"},
		{p: probe("file", dir+"/dangling"), got: "none", evidence: "does not exist"},
		{p: probe("file", dir), err: "cannot read file " + dir + ": it is no regular file"},
		{p: probe("file", broken, "select=a"), err: "cannot read the text as JSON"},
		{p: probe("file", broken, "select=a", "expect=none"), err: "cannot read the text as JSON"},
		{p: probe("file", xml, "select=//*[@path]"), ok: true, got: "x"},
		{p: probe("file", version, "format=toml"), err: `unknown format "toml"`},
		{p: probe("file", version, "colour=red"), err: `it takes no key "colour"`},
		{p: probe("file", version, "select=("), err: "cannot compile"},
		{p: probe("file", ""), err: "its argument is empty"},
	} {
		r.check(t, e)
	}
}

func TestFileTooLong(t *testing.T) {
	path := t.TempDir() + "/large"
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(maxFile+1), f.Close()); err != nil {
		t.Fatal(err)
	}
	row{p: probe("file", path), err: "it is longer than"}.check(t, New(Deps{}))
}

func TestExists(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir+"/xivo.ini", "x")
	e := New(Deps{})
	for _, r := range []row{
		{p: probe("exists", file), ok: true, got: "file"},
		{p: probe("exists", file, "expect=present"), ok: true, got: "file"},
		{p: probe("exists", file, "expect=none"), got: "file"},
		{p: probe("exists", file, "expect=folder"), got: "file"},
		{p: probe("exists", dir, "expect=folder"), ok: true, got: "folder"},
		{p: probe("exists", "/dev/null"), ok: true, got: "other"},
		{p: probe("exists", dir+"/absent"), got: "none", evidence: "does not exist"},
		{p: probe("exists", dir+"/absent", "expect=none"), ok: true, got: "none"},
		{p: probe("exists", file+"/below", "expect=none"), ok: true, got: "none"},
		{p: probe("exists", file, "select=x"), err: "it takes no select"},
		{p: plan.Probe{Source: "exists"}, err: "it needs an argument"},
		{p: plan.Probe{Source: "exists", Args: []string{"a", "b"}}, err: "it takes 1 argument, not 2"},
	} {
		r.check(t, e)
	}
}

func TestFree(t *testing.T) {
	dir := t.TempDir()
	e := New(Deps{})
	v, err := e.Read(t.Context(), probe("free", dir))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := strconv.ParseInt(v.Text, 10, 64); err != nil || n <= 0 {
		t.Fatalf("free = %+v", v)
	}
	// What is free changes while we look, so only the verdict is compared.
	for _, c := range []struct {
		path, expect string
		ok           bool
	}{
		{dir, ">= 1kB", true},
		{dir + "/not/yet/made", ">= 1kB", true},
		{dir, ">= 900PB", false},
	} {
		verdict, err := e.Check(t.Context(), probe("free", c.path, "expect="+c.expect))
		if err != nil || verdict.OK != c.ok || !strings.Contains(verdict.Evidence, " bytes free on the volume of "+c.path) {
			t.Errorf("%s %s: %+v, %v", c.path, c.expect, verdict, err)
		}
	}
	row{p: probe("free", dir, "expect=>= many"), err: `nothing can be compared with "many"`}.check(t, e)
	verdict, _ := e.Check(t.Context(), probe("free", dir, "expect=>= 2.4GB"))
	if verdict.Want != ">= 2.4GB (2,576,980,378 bytes)" {
		t.Errorf("the exact bytes are not shown: %q", verdict.Want)
	}
}

func TestNewest(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2025, 11, 20, 10, 0, 0, 0, time.UTC)
	for i, name := range []string{"old.dump", "sub/new.dump", "other.txt"} {
		path := write(t, filepath.Join(dir, name), "content")
		if err := os.Chtimes(path, at, at.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir+"/zz/empty.dump", "") // now, and nothing in it
	if err := os.MkdirAll(dir+"/nothing", 0o755); err != nil {
		t.Fatal(err)
	}
	e := New(Deps{})
	for _, r := range []row{
		{p: probe("newest", dir), ok: true, got: "2025-11-20T12:00:00Z", evidence: "other.txt, 7 bytes"},
		{p: probe("newest", dir, "name=*.dump"), ok: true, got: "2025-11-20T11:00:00Z", evidence: "sub/new.dump"},
		{p: probe("newest", dir, "name=*.dump", "expect=> 2025-11-20T10:30:00Z"), ok: true, got: "2025-11-20T11:00:00Z"},
		{p: probe("newest", dir, "name=*.dump", "expect=> 2025-11-20T11:00:00Z"), got: "2025-11-20T11:00:00Z"},
		{p: probe("newest", dir, "name=empty.*", "expect=> 2020-01-01"), got: "none", evidence: "no file with content"},
		{p: probe("newest", dir+"/nothing"), got: "none", evidence: "no file with content among 0"},
		{p: probe("newest", dir+"/absent"), got: "none", evidence: "does not exist"},
		{p: probe("newest", dir+"/old.dump"), err: "not a directory"},
		{p: probe("newest", dir, "name=["), err: "is no pattern"},
	} {
		r.check(t, e)
	}
}

func TestAge(t *testing.T) {
	path := write(t, t.TempDir()+"/status.xml", "x")
	at := time.Date(2025, 11, 20, 10, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	releases := write(t, t.TempDir()+"/releases.xml", `<releases><release version="20.5" date="2025-11-20"/><fix date="2025-11-21T11:00:00Z"/><next date="2025-11-22"/></releases>`)
	broken := write(t, t.TempDir()+"/broken.xml", "<releases><release")
	e := New(Deps{Now: func() time.Time { return at.Add(26*time.Hour + 500*time.Millisecond) }})
	for _, r := range []row{
		{p: probe("age", path, "expect=> 1d"), ok: true, got: "26h0m0s", evidence: "was written 2025-11-20T10:00:00Z"},
		{p: probe("age", path, "expect=< 24h"), got: "26h0m0s"},
		{p: probe("age", path+".absent", "expect=> 1d"), got: "none"},
		{p: probe("age", releases, "select=//release/@date", "expect=>= 1d"), ok: true, got: "36h0m0s", evidence: "says 2025-11-20T00:00:00Z"},
		{p: probe("age", releases, "select=//fix/@date", "expect=>= 1d"), got: "1h0m0s", evidence: "says 2025-11-21T11:00:00Z"},
		{p: probe("age", releases, "select=//next/@date"), ok: true, got: "-11h59m59s"},
		{p: probe("age", releases, "select=//none/@date"), got: "none", evidence: "holds no //none/@date"},
		{p: probe("age", releases+".absent", "select=//release/@date"), got: "none", evidence: "does not exist"},
		{p: probe("age", releases, "select=//release/@version"), err: `"20.5" is not a time such as`},
		{p: probe("age", broken, "select=//release/@date"), err: "cannot read the text as XML"},
	} {
		r.check(t, e)
	}
}

func TestSum(t *testing.T) {
	path := write(t, t.TempDir()+"/payload", "content")
	sum := sha256.Sum256([]byte("content"))
	text := hex.EncodeToString(sum[:])
	e := New(Deps{})
	for _, r := range []row{
		{p: probe("sum", path, "expect="+text), ok: true, got: text},
		{p: probe("sum", path, "expect="+strings.Repeat("0", 64)), got: text},
		{p: probe("sum", path+".absent", "expect=none"), ok: true, got: "none"},
		{p: probe("sum", path, "expect="+strings.ToUpper(text)), err: "is no SHA-256 sum"},
		{p: probe("sum", path, "expect=abc"), err: "is no SHA-256 sum"},
		{p: probe("sum", "/"), err: "it is no regular file"},
	} {
		r.check(t, e)
	}
}

func TestProcess(t *testing.T) {
	dir := t.TempDir()
	own := write(t, dir+"/own.pid", fmt.Sprintf("%d\nsecond line\n", os.Getpid()))
	gone := write(t, dir+"/gone.pid", "4194303\n") // the greatest number a process can have, less one
	junk := write(t, dir+"/junk.pid", "hello")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e := New(Deps{})
	for _, r := range []row{
		{p: probe("process", own), ok: true, got: "running"},
		{p: probe("process", own, "expect=stopped"), got: "running"},
		{p: probe("process", own, "name="+filepath.Base(exe)), ok: true, got: "running"},
		{p: probe("process", own, "name=postgres"), got: "stopped", evidence: "not postgres"},
		{p: probe("process", gone, "expect=stopped"), ok: true, got: "stopped", evidence: "does not run"},
		{p: probe("process", dir+"/absent.pid", "expect=stopped"), ok: true, got: "stopped"},
		{p: probe("process", junk), err: "does not begin with the number of a process"},
		{p: probe("process", filepath.Base(exe)), ok: true, got: "running", evidence: "runs as process"},
		{p: probe("process", "no-such-program-here", "expect=stopped"), ok: true, got: "stopped"},
	} {
		r.check(t, e)
	}
}
