package demo

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/bundle"
	"upkeep/internal/durable"
	"upkeep/internal/files"
)

func TestServeRefusesToStart(t *testing.T) {
	s := newSite(t)
	whole := filepath.Join(t.TempDir(), "app")
	if err := writeTree(durable.OS().Unsynced(), whole, "2.0"); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	o := Options{Tree: whole, Data: s.data, Listen: "127.0.0.1:0"}
	for _, c := range []struct {
		change func(*Options)
		err    string
	}{
		{func(o *Options) { o.Tree = t.TempDir() }, "the tree is not whole"},
		{func(o *Options) { o.Data = t.TempDir() }, "cannot open the notes"},
		{func(o *Options) { o.Listen = taken.Addr().String() }, "address already in use"},
	} {
		changed := o
		c.change(&changed)
		if err := Serve(t.Context(), changed); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("error %v, want %q", err, c.err)
		}
		if _, err := os.Stat(filepath.Join(changed.Data, DatabaseFile)); changed.Data != s.data && err == nil {
			t.Error("it made a database")
		}
	}
	for _, name := range []string{"VERSION", "app.json", "templates/index.html", "queries/list.sql", "queries/add/1-note.sql"} {
		kept, err := os.ReadFile(filepath.Join(whole, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(whole, name)); err != nil {
			t.Fatal(err)
		}
		if name == "templates/index.html" { // found out when a page is made
			kept = nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if err := Serve(ctx, o); kept != nil && (err == nil || !strings.Contains(err.Error(), "the tree is not whole")) {
			t.Errorf("without %s: %v", name, err)
		}
		cancel()
		if err := os.WriteFile(filepath.Join(whole, name), kept, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTreesLookReal(t *testing.T) {
	var before map[string]treeFile
	for _, version := range Versions() {
		all, err := tree(version)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := tree(version)
		if !cmp.Equal(all, again, cmp.AllowUnexported(treeFile{})) {
			t.Errorf("%s is another tree the second time", version)
		}
		if len(all) < 150 || len(all) > 200 {
			t.Errorf("%s has %d files", version, len(all))
		}
		added, removed, changed := 0, 0, 0
		for name, f := range all {
			if bytes.Contains(f.text, []byte("%!")) {
				t.Errorf("%s: %s is badly made", version, name)
			}
			old, was := before[name]
			switch {
			case !was:
				added++
			case !bytes.Equal(old.text, f.text):
				changed++
			}
		}
		for name := range before {
			if _, is := all[name]; !is {
				removed++
			}
		}
		if before != nil && (changed < 30 || changed > 100 || (version == "2.0" && added == 0 || version == "3.0" && removed == 0)) {
			t.Errorf("%s: %d files added, %d removed, %d changed", version, added, removed, changed)
		}
		before = all
	}
	if _, err := tree("4.0"); err == nil {
		t.Error("there is a version 4.0")
	}
}

func TestWriteBundleSources(t *testing.T) {
	var digests [2]string
	for i := range digests {
		dir := t.TempDir()
		if err := WriteBundleSources(t.Context(), durable.OS(), dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, time.Time{}, published("1.0")); err != nil { // the folder itself is ours
			t.Fatal(err)
		}
		scanned, err := files.Scan(t.Context(), durable.OS(), dir, files.Options{Hash: true})
		if err != nil {
			t.Fatal(err)
		}
		built, err := bundle.Build(t.Context(), durable.OS(), filepath.Join(dir, "2.0"), filepath.Join(t.TempDir(), "2.0"), bundle.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		digests[i] = files.DigestWith(scanned, files.Ignore{}) + built
		if i > 0 {
			break
		}
		for _, name := range []string{"1.0/upkeep.yaml", "2.0/migrations/001-titles.sql", "3.0/from/2.0/product.yaml", "3.1/components/app/bin/notes-count", "3.1/migrations/002-unique-slugs.sql"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 || (info.Mode()&0o111 != 0) != strings.Contains(name, "/bin/") {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
		text, err := os.ReadFile(filepath.Join(dir, "2.0/upkeep.yaml"))
		if err != nil || strings.Count(string(text), "\n---\n") != 1 || !strings.Contains(string(text), `version: "2.0"`) {
			t.Errorf("upkeep.yaml: %v\n%s", err, text)
		}
		// The sums of what 2.0 is reached from are those of 1.0's tree.
		f, err := os.Open(filepath.Join(dir, "2.0/from/1.0/app.sums"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		of10, err := files.ParseAny(f)
		if err != nil {
			t.Fatal(err)
		}
		edited, err := files.Edited(t.Context(), durable.OS(), of10, filepath.Join(dir, "1.0/components/app"), files.Options{})
		if err != nil || len(edited) > 0 || len(of10.Entries) < 150 {
			t.Errorf("%d sums, %v, %v", len(of10.Entries), edited, err)
		}
		if err := WriteBundleSources(t.Context(), durable.OS(), dir); err == nil {
			t.Error("it writes over what is there")
		}
	}
	if digests[0] != digests[1] {
		t.Error("the sources are others the second time")
	}
}

func TestInstall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's: a #folder")
	document, err := Install(t.Context(), durable.OS(), InstallOptions{Dir: dir, Runtime: "/opt/up keep", Port: 18090})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("root: %q\n", dir), `runtime: "/opt/up keep"` + "\n", `port: "18090"` + "\n", fmt.Sprintf("private: {file: %q}\n", dir+"/data/private-token"),
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("installation.yaml does not say %s:\n%s", want, text)
		}
	}
	for _, not := range []string{"/srv/notes", "/usr/local", "account: notes", "8090\"\n  private: {file: /srv"} {
		if strings.Contains(string(text), not) {
			t.Errorf("installation.yaml still says %s:\n%s", not, text)
		}
	}
	if info, err := os.Stat(dir + "/data/private-token"); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the token: %v, %v", info, err)
	}
	ready := make(chan string, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	var log bytes.Buffer
	go func() {
		ended <- Serve(ctx, Options{Tree: dir + "/app", Data: dir + "/data", Listen: "127.0.0.1:0", Log: &log, Ready: func(a string) { ready <- a }})
	}()
	select {
	case address := <-ready:
		app := &server{t: t, url: "http://" + address}
		if all, _ := app.listed(); len(all) != Notes {
			t.Errorf("%d notes", len(all))
		}
		if status, css, _ := app.ask("GET", "/local/theme.css", ""); status != 200 || !strings.Contains(css, "site's own") {
			t.Errorf("the site's own style: %d %s", status, css)
		}
		if _, page, _ := app.ask("GET", "/", ""); !strings.Contains(page, "/local/theme.css") {
			t.Error("the page leaves the site's own style out")
		}
	case err := <-ended:
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "notes 1.0 serves on 127.0.0.1:") {
		t.Errorf("log: %s", log.String())
	}
	if _, err := Install(t.Context(), durable.OS(), InstallOptions{Dir: dir, Runtime: "/opt/upkeep", Port: 1}); err == nil {
		t.Error("it installs over an installation")
	}
	for _, o := range []InstallOptions{{Dir: "rel", Runtime: "/x", Port: 1}, {Dir: "/x", Runtime: "x", Port: 1}, {Dir: "/x", Runtime: "/x"}} {
		if _, err := Install(t.Context(), durable.OS(), o); err == nil || !strings.Contains(err.Error(), "must be absolute paths") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestInstallForAnAccount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to another account")
	}
	dir := filepath.Join(t.TempDir(), "notes")
	if _, err := Install(t.Context(), durable.OS(), InstallOptions{Dir: dir, Runtime: "/opt/upkeep", Port: 1, Account: "nobody"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"app", "app/VERSION", "app/local/theme.css", "data", "data/notes.db", "data/private-token"} {
		info, err := durable.OS().Lstat(filepath.Join(dir, name))
		if err != nil || info.UID != 65534 {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
	if _, err := Install(t.Context(), durable.OS(), InstallOptions{Dir: t.TempDir(), Runtime: "/opt/upkeep", Port: 1, Account: "no-such-account"}); err == nil {
		t.Error("it installs for an account that does not exist")
	}
}
