//go:build linux

package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"upkeep/internal/durable"
)

func TestScanDescribesEverything(t *testing.T) {
	root := oddTree(t, t.TempDir())
	tree := scan(t, root)
	find := func(p string) Entry {
		e, ok := tree.Find(p)
		if !ok {
			t.Errorf("%q is not there", p)
		}
		return e
	}
	if e := tree.Entries[0]; e.Path != "." || e.Type != Dir {
		t.Errorf("first is %+v", e)
	}
	if e := find("bin/tool"); e.Mode != 0o4755 || e.HardLink != "also-tool" || e.Size != 10 || e.MTime != 1_500_000_000_987_654_321 {
		t.Errorf("%+v", e)
	}
	if e := find("also-tool"); e.HardLink != "" || e.SHA256 != find("zz-tool").SHA256 || len(e.SHA256) != 64 {
		t.Errorf("%+v", e)
	}
	if e := find("empty-dir"); e.Mode != 0o3777 || e.Type != Dir {
		t.Errorf("%+v", e)
	}
	if e := find("link-\xff"); e.Type != Link || e.Target != "\xfe" || e.Mode != 0 {
		t.Errorf("%+v", e)
	}
	if e := find("sparse"); !e.Sparse || e.Size != 10<<20 {
		t.Errorf("%+v", e)
	}
	if find("fifo").Type != FIFO || find("socket").Type != Socket || find("etc/a b\n\\c").Type != File {
		t.Error("types")
	}
	if got := tree.Bytes(); got < 10<<20 || got > 10<<20+200 {
		t.Errorf("%d bytes: hard links counted once?", got)
	}
}

func TestScanRoots(t *testing.T) {
	dir := plant(t, t.TempDir(), map[string]string{"f": "content", "d/x": "x", "l": "-> d", "fl": "-> f"})
	if _, err := Scan(t.Context(), durable.OS(), dir+"/gone", Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing root: %v", err)
	}
	for _, p := range []string{"f", "fl"} {
		tree := scan(t, dir+"/"+p)
		if len(tree.Entries) != 1 || tree.Entries[0].Path != "." || tree.Entries[0].Type != File || tree.Entries[0].SHA256 == "" {
			t.Errorf("%s: %+v", p, tree)
		}
	}
	diffTrees(t, scan(t, dir+"/d"), scan(t, dir+"/l"), Ignore{})
	if _, err := Scan(t.Context(), durable.OS(), dir, Options{Exclude: []string{"a//b"}}); err == nil {
		t.Error("bad pattern accepted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Scan(ctx, durable.OS(), dir, Options{Hash: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestScanExcludes(t *testing.T) {
	root := plant(t, t.TempDir(), map[string]string{"a.pid": "", "d/b.pid": "", "d/keep": "", "cache/x/y": "", "d/cache/z": "", "log/a.log": "", "log/deep/a.log": "", "f/cache": ""})
	for _, c := range []struct{ exclude, gone string }{
		{"*.pid", "a.pid d/b.pid"},
		{"/cache", "cache cache/x cache/x/y"},
		{"cache/", "cache cache/x cache/x/y d/cache d/cache/z"},
		{"log/*.log", "log/a.log"},
		{"log/**/*.log", "log/a.log log/deep/a.log"},
		{"**/z", "d/cache/z"},
		{"d/**", "d d/b.pid d/cache d/cache/z d/keep"},
		{"[ab].pid", "a.pid d/b.pid"},
	} {
		var gone []string
		for _, d := range Compare(scan(t, root), scan(t, root, c.exclude), Ignore{}) {
			gone = append(gone, d.Path)
		}
		if got := strings.Join(gone, " "); got != c.gone {
			t.Errorf("%s leaves out %q, want %q", c.exclude, got, c.gone)
		}
		for _, p := range gone {
			if ok, err := Match([]string{c.exclude}, p); (!ok || err != nil) && !strings.HasSuffix(c.exclude, "/") {
				t.Errorf("Match(%s, %s) = %v, %v", c.exclude, p, ok, err)
			}
		}
	}
}

// counting counts opened files.
type counting struct {
	durable.FS
	mu     sync.Mutex
	opened []string
}

func (c *counting) OpenNoFollow(p string) (durable.ReadFile, error) {
	c.mu.Lock()
	c.opened = append(c.opened, p)
	c.mu.Unlock()
	return c.FS.OpenNoFollow(p)
}

func TestSecondScanReadsOnlyWhatChanged(t *testing.T) {
	files := map[string]string{}
	for i := range 30 {
		files[fmt.Sprintf("f%02d", i)] = fmt.Sprint(i)
	}
	root := plant(t, t.TempDir(), files)
	time.Sleep(2 * clockGrain)
	first, err := Scan(t.Context(), durable.OS(), root, Options{Hash: true, Settle: true})
	must(t, err)
	same := os.WriteFile(root+"/f05", []byte("X"), 0o644) // same size
	must(t, same)
	must(t, os.Chtimes(root+"/f05", time.Time{}, time.Unix(0, first.Entries[6].MTime))) // and its time put back
	must(t, os.Rename(root+"/f07", root+"/g07"))
	must(t, os.Remove(root+"/f08"))
	c := &counting{FS: durable.OS()}
	second, err := Scan(t.Context(), c, root, Options{Known: &first})
	must(t, err)
	if len(c.opened) != 0 {
		t.Errorf("a scan without sums opened %q", c.opened)
	}
	var changed []string
	for _, e := range second.Entries {
		if k, _ := first.Find(e.Path); e.Type == File && !Unchanged(k, e) {
			changed = append(changed, e.Path)
		}
	}
	equal(t, []string{"f05", "g07"}, changed)
	second, err = Scan(t.Context(), c, root, Options{Hash: true, Known: &first})
	must(t, err)
	sort.Strings(c.opened)
	equal(t, []string{root + "/f05", root + "/g07"}, c.opened)
	diffTrees(t, scan(t, root), second, Ignore{})
	// What was read just now, without Settle, is read again; what was settled before stays settled.
	c.opened = nil
	_, err = Scan(t.Context(), c, root, Options{Hash: true, Known: &second})
	must(t, err)
	if len(c.opened) != 2 {
		t.Errorf("third scan opened %q", c.opened)
	}
}

// vanishing removes files between the listing and the reading, as a running product does.
type vanishing struct{ durable.FS }

func (v vanishing) OpenNoFollow(p string) (durable.ReadFile, error) {
	_ = os.Remove(p)
	return v.FS.OpenNoFollow(p)
}

func TestScanLeavesOutWhatVanishes(t *testing.T) {
	root := plant(t, t.TempDir(), map[string]string{"a": "1", "d/b": "2"})
	tree, err := Scan(t.Context(), vanishing{durable.OS()}, root, Options{Hash: true})
	must(t, err)
	if len(tree.Entries) != 2 { // the directories
		t.Errorf("%+v", tree)
	}
}

// Half a description is none: a file that cannot be read fails the scan.
func TestScanFailsOnUnreadable(t *testing.T) {
	root := plant(t, t.TempDir(), map[string]string{"a": "1", "d/b": "2"})
	for _, bad := range []string{"a", "d", "d/b"} {
		_, err := Scan(t.Context(), denying{durable.OS(), join(root, bad)}, root, Options{Hash: true})
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), join(root, bad)) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

type denying struct {
	durable.FS
	path string
}

func (d denying) deny(p string) error {
	if p == d.path {
		return &durable.Error{Op: "open", Path: p, Err: fs.ErrPermission}
	}
	return nil
}

func (d denying) OpenNoFollow(p string) (durable.ReadFile, error) {
	if err := d.deny(p); err != nil {
		return nil, err
	}
	return d.FS.OpenNoFollow(p)
}

func (d denying) ReadDir(p string) ([]durable.DirEntry, error) {
	if err := d.deny(p); err != nil {
		return nil, err
	}
	return d.FS.ReadDir(p)
}
