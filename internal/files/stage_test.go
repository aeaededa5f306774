//go:build linux

package files

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/durable"
	"upkeep/internal/lab/tap/watch"
)

func payload(t testing.TB, root string) ([]byte, Tree) {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	must(t, err)
	tree, err := Pack(t.Context(), durable.OS(), z, root, scan(t, root), PackOptions{Portable: true})
	must(t, err)
	must(t, z.Close())
	return b.Bytes(), tree
}

func TestStage(t *testing.T) {
	root := plant(t, t.TempDir(), map[string]string{"bin/app": "binary", "lib/x.js": "x", "empty/": "", "current": "-> bin/app", "lib/up": "-> ../bin"})
	must(t, os.Chmod(root+"/bin/app", 0o755|os.ModeSetuid))
	must(t, os.Chmod(root+"/empty", 0o2775|os.ModeSetgid))
	must(t, os.Link(root+"/lib/x.js", root+"/lib/y.js"))
	data, want := payload(t, root)
	base := t.TempDir()
	dest := StagingName(base+"/app", "run-7/install 1")
	if filepath.Base(dest) != ".upkeep-app-run-7_install_1" {
		t.Errorf("name %s", dest)
	}
	// What an interrupted run left is wiped; the same call works again and again.
	plant(t, dest, map[string]string{"leftover": "x"})
	for range 2 {
		got, err := staged(t, bytes.NewReader(data), dest, StageOptions{Want: &want})
		must(t, err)
		diffTrees(t, got, scan(t, dest), Ignore{})
		diffTrees(t, want, got, Ignore{MTime: false, Owner: true, Mode: true})
	}
	if e, _ := scan(t, dest).Find("bin/app"); e.Mode != 0o755 {
		t.Errorf("setuid was not dropped: %o", e.Mode)
	}
	got, err := staged(t, bytes.NewReader(data), dest, StageOptions{Want: &want, Setuid: true})
	must(t, err)
	diffTrees(t, want, got, Ignore{Owner: true})
	if os.Getuid() == 0 {
		got, err := staged(t, bytes.NewReader(data), dest, StageOptions{Setuid: true, Owner: &Ownership{33, 34}})
		must(t, err)
		diffTrees(t, got, scan(t, dest), Ignore{})
		for _, e := range got.Entries {
			if e.UID != 33 || e.GID != 34 {
				t.Errorf("%+v", e)
			}
		}
		if e, _ := got.Find("bin/app"); e.Mode != 0o4755 {
			t.Errorf("the change of owner took the setuid bit: %o", e.Mode)
		}
	}
	list, _ := os.ReadDir(base)
	if len(list) != 1 {
		t.Errorf("left over: %v", list)
	}
}

func TestStageRefusesAndLeavesNothing(t *testing.T) {
	file, dir, link, hard := byte(tar.TypeReg), byte(tar.TypeDir), byte(tar.TypeSymlink), byte(tar.TypeLink)
	h := func(name string, kind byte, to string) tar.Header {
		return tar.Header{Name: name, Typeflag: kind, Linkname: to}
	}
	for _, c := range []struct {
		name    string
		headers []tar.Header
		want    string
	}{
		{"absolute", []tar.Header{h("/etc/evil", file, "")}, "absolute"},
		{"climbing", []tar.Header{h("../evil", file, "")}, "climbs"},
		{"climbing later", []tar.Header{h("a/b/../../../evil", file, "")}, "climbs"},
		{"dot", []tar.Header{h("a/./b", file, "")}, "empty or ."},
		{"absolute link", []tar.Header{h("l", link, "/etc")}, "is absolute"},
		{"link out", []tar.Header{h("l", link, "../x")}, "leads out"},
		{"link out, deeper", []tar.Header{h("a/b/l", link, "../../../x")}, "leads out"},
		{"link out through a link", []tar.Header{h("t", dir, ""), h("d/e/l1", link, "../../t"), h("d/e/l2", link, "l1/../..")}, "leads out"},
		{"link out through a later link", []tar.Header{h("b", link, "a/.."), h("a", link, "..")}, "leads out"},
		{"link in circles", []tar.Header{h("a", link, "b"), h("b", link, "a")}, "in circles"},
		{"link to nothing", []tar.Header{h("a", link, "")}, "link to nothing"},
		{"through a link", []tar.Header{h("d", dir, ""), h("l", link, "d"), h("l/evil", file, "")}, `leads through the link "l"`},
		{"through a file", []tar.Header{h("f", file, ""), h("f/evil", file, "")}, `leads through the file "f"`},
		{"hard link out", []tar.Header{h("l", hard, "../../etc/passwd")}, "climbs"},
		{"hard link to nothing", []tar.Header{h("l", hard, "later"), h("later", file, "")}, "no file before it"},
		{"hard link to a link", []tar.Header{h("d", dir, ""), h("a", link, "d"), h("l", hard, "a")}, "no file before it"},
		{"twice", []tar.Header{h("f", file, ""), h("f", file, "")}, `"f" is there twice`},
		{"twice in other words", []tar.Header{h("f", file, ""), h("./f", file, "")}, `"f" is there twice`},
		{"file over directory", []tar.Header{h("d/x", file, ""), h("d", file, "")}, `"d" is there twice`},
		{"directory twice", []tar.Header{h("d", dir, ""), h("d", dir, "")}, `"d" is there twice`},
		{"file as the root", []tar.Header{h("a", file, ""), h(".", file, "")}, "twice"},
		{"device", []tar.Header{{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}}, `"null" is a char`},
		{"block device", []tar.Header{{Name: "sda", Typeflag: tar.TypeBlock, Devmajor: 8}}, `"sda" is a block`},
		{"fifo", []tar.Header{{Name: "pipe", Typeflag: tar.TypeFifo}}, `"pipe" is a fifo`},
		{"odd type", []tar.Header{{Name: "odd", Typeflag: 'Z'}}, "unknown tar type"},
		{"too big", []tar.Header{{Name: "big", Size: 1 << 20}}, "no room for"},
		{"too many", []tar.Header{h("a", file, ""), h("b", file, ""), h("c/d/e/f/g/h/i", file, "")}, "too many entries"},
		{"nothing", nil, "empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := t.TempDir()
			must(t, os.Mkdir(base+"/inner", 0o755))
			_, err := staged(t, bytes.NewReader(compress(t, tarball(t, c.headers...))), base+"/inner/.upkeep-x", StageOptions{Limits: Limits{Bytes: 1000, Entries: 8}})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "cannot stage "+base) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			var left []string
			for _, e := range scan(t, base).Entries {
				left = append(left, e.Path)
			}
			equal(t, []string{".", "inner"}, left)
		})
	}
}

func TestStageAcceptsOrdinaryTars(t *testing.T) {
	data := tarball(t,
		tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o750},
		tar.Header{Name: "./a/b/c"}, tar.Header{Name: "./a/", Typeflag: tar.TypeDir, Mode: 0o711},
		tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "a/b/../b/c"}, tar.Header{Name: "self", Typeflag: tar.TypeSymlink, Linkname: "."},
		tar.Header{Name: "dangling", Typeflag: tar.TypeSymlink, Linkname: "not/there"})
	tree, err := staged(t, bytes.NewReader(compress(t, data)), t.TempDir()+"/.upkeep-x", StageOptions{})
	must(t, err)
	for p, mode := range map[string]uint32{".": 0o750, "a": 0o711, "a/b": 0o755, "a/b/c": 0o644} {
		if e, ok := tree.Find(p); !ok || e.Mode != mode {
			t.Errorf("%s: %+v", p, e)
		}
	}
}

func TestStageChecksSums(t *testing.T) {
	root := plant(t, t.TempDir(), map[string]string{"a": "1", "b": "2"})
	data, want := payload(t, root)
	for name, edit := range map[string]func(Sums){
		`"a" has the sum`:        func(s Sums) { s["a"] = strings.Repeat("0", 64) },
		`"c" is missing`:         func(s Sums) { s["c"] = s["a"] },
		`"b" is not in the sums`: func(s Sums) { delete(s, "b") },
	} {
		base, sums := t.TempDir(), want.Sums()
		edit(sums)
		bad := sums.Tree()
		_, err := staged(t, bytes.NewReader(data), base+"/.upkeep-x", StageOptions{Want: &bad})
		var se *SumError
		if !errors.As(err, &se) || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
		if list, _ := os.ReadDir(base); len(list) > 0 {
			t.Errorf("left %v", list)
		}
	}
	// A manifest announces sizes: more is refused before it is written.
	small := Tree{Entries: []Entry{{Path: "a", Type: File, Size: 1, SHA256: want.Sums()["a"]}}}
	if _, err := staged(t, bytes.NewReader(data), t.TempDir()+"/.upkeep-x", StageOptions{Want: &small}); !errors.Is(err, ErrTooBig) {
		t.Error(err)
	}
	many := Sums{}
	for _, p := range strings.Split("abcdefghijklmn", "") {
		many[p] = "x"
	}
	if err := CheckSums(Tree{}, many); !strings.Contains(err.Error(), "and 4 more") {
		t.Error(err)
	}
}

func TestStageDamaged(t *testing.T) {
	root := plant(t, t.TempDir(), map[string]string{"a": strings.Repeat("some text ", 500), "b": "2"})
	data, want := payload(t, root)
	for n := range len(data) {
		base := t.TempDir()
		flipped := bytes.Clone(data)
		flipped[n] ^= 0x10
		for name, bad := range map[string][]byte{"cut": data[:n], "flipped": flipped} {
			tree, err := staged(t, bytes.NewReader(bad), base+"/.upkeep-x", StageOptions{Want: &want})
			if err == nil { // a bit without meaning: then what came out must be right all the same
				if name == "cut" || len(Compare(want, tree, Ignore{Owner: true})) > 0 {
					t.Errorf("%s at %d of %d was accepted", name, n, len(data))
				}
			} else if list, _ := os.ReadDir(base); len(list) > 0 {
				t.Errorf("%s at %d left %v", name, n, list)
			}
			must(t, os.RemoveAll(base+"/.upkeep-x"))
		}
	}
	if _, err := staged(t, strings.NewReader("not zstd"), t.TempDir()+"/x", StageOptions{}); err == nil {
		t.Error("rubbish was accepted")
	}
	trailing := compress(t, append(tarball(t, tar.Header{Name: "a"}), bytes.Repeat([]byte{0}, 3<<20)...))
	if _, err := staged(t, bytes.NewReader(trailing), t.TempDir()+"/x", StageOptions{}); !errors.Is(err, ErrUnsafe) {
		t.Errorf("3 MiB after the end: %v", err)
	}
}

func TestStageNeverWipesAProduct(t *testing.T) {
	data, _ := payload(t, plant(t, t.TempDir(), map[string]string{"a": "1"}))
	app := plant(t, t.TempDir()+"/app", map[string]string{"precious": "x"})
	if _, err := staged(t, bytes.NewReader(data), app, StageOptions{}); err == nil || !strings.Contains(err.Error(), "no staging directory") {
		t.Error(err)
	}
	held := plant(t, filepath.Join(filepath.Dir(app), ".upkeep-app-1"), map[string]string{marker: "", "uploads/x": "x"})
	if _, err := staged(t, bytes.NewReader(data), held, StageOptions{}); !errors.Is(err, ErrCarry) {
		t.Error(err)
	}
	for _, p := range []string{app + "/precious", held + "/uploads/x"} {
		if _, err := os.Stat(p); err != nil {
			t.Error(err)
		}
	}
}

func TestStageFaults(t *testing.T) {
	data, _ := payload(t, plant(t, t.TempDir(), map[string]string{"a": "1", "d/b": "2", "l": "-> a"}))
	for n := 1; ; n++ {
		base, left := t.TempDir(), n
		_, err := Stage(t.Context(), watch.New().Over(failing{durable.OS(), &left}), bytes.NewReader(data), base+"/.upkeep-x", StageOptions{})
		if err == nil {
			if n < 6 {
				t.Errorf("only %d calls", n)
			}
			return
		}
		if !errors.Is(err, errInjected) {
			t.Fatal(err)
		}
		if list, _ := os.ReadDir(base); len(list) > 0 {
			t.Errorf("call %d left %v", n, list)
		}
	}
}

func TestStageOnAFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small volume needs root")
	}
	data, _ := payload(t, plant(t, t.TempDir(), map[string]string{"a": "1", "big": strings.Repeat("0123456789", 300_000)}))
	dir := t.TempDir()
	if err := mountSmall(dir); err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	defer unmount(dir)
	_, err := staged(t, bytes.NewReader(data), dir+"/.upkeep-x", StageOptions{})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "big: no space left") {
		t.Error(err)
	}
	if list, _ := os.ReadDir(dir); len(list) > 0 {
		t.Errorf("left %v", list)
	}
}

func TestEdited(t *testing.T) {
	root := plant(t, t.TempDir()+"/app", map[string]string{"index.php": "a", "lib/x": "b", "gone": "c", "l": "-> lib", "script": "d", "uploads/shipped": "e", "d/sub/deep": "f"})
	release := scan(t, root)
	edited := func(r Tree) string {
		d, err := Edited(t.Context(), durable.OS(), r, root, Options{Exclude: []string{"uploads", "*.log"}})
		must(t, err)
		var out []string
		for _, x := range d {
			out = append(out, x.Path+" "+string(x.What))
		}
		return strings.Join(out, ", ")
	}
	if got := edited(release); got != "" {
		t.Errorf("untouched: %s", got)
	}
	must(t, os.WriteFile(root+"/index.php", []byte("edited"), 0o600))
	must(t, os.Remove(root+"/gone"))
	must(t, os.RemoveAll(root+"/d"))
	must(t, os.Remove(root+"/l"))
	must(t, os.Symlink("uploads", root+"/l"))
	must(t, os.Chmod(root+"/script", 0o755))
	plant(t, root, map[string]string{"new/file": "n", "error.log": "", "uploads/more": ""})
	must(t, os.Remove(root+"/uploads/shipped"))
	if got, want := edited(release), "d/sub/deep removed, gone removed, index.php content, l target, new/file added, script mode"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	must(t, os.Symlink("/srv/photos", root+"/photos"))
	must(t, os.Symlink("../../photos", root+"/lib/photos"))
	if got, want := edited(release.Sums().Tree()), "d/sub/deep removed, gone removed, index.php content, lib/photos added, new/file added, photos added"; got != want {
		t.Errorf("by plain sums: %s\nwant %s", got, want)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(tarball(f, tar.Header{Name: "a/b"}, tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "a"}))
	f.Add(tarball(f, tar.Header{Name: "../a"}, tar.Header{Name: "l", Typeflag: tar.TypeLink, Linkname: "../a"}))
	f.Add(tarball(f, tar.Header{Name: "d/", Typeflag: tar.TypeDir}, tar.Header{Name: "d/l", Typeflag: tar.TypeSymlink, Linkname: "../../x"}, tar.Header{Name: "d/l/y"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		base := t.TempDir()
		must(t, os.Mkdir(base+"/in", 0o700))
		tree, err := Unpack(t.Context(), watch.New().FS(), bytes.NewReader(data), base+"/in/dest", UnpackOptions{Limits: Limits{Bytes: 1 << 20, Entries: 100}})
		if list, _ := os.ReadDir(base); len(list) != 1 {
			t.Fatalf("it wrote outside: %v", list)
		}
		if list, _ := os.ReadDir(base + "/in"); len(list) > 1 {
			t.Fatalf("it wrote outside: %v", list)
		}
		if err != nil {
			return
		}
		diffTrees(t, tree, scan(t, base+"/in/dest"), Ignore{})
		if err := checkLinks(tree); err != nil {
			t.Fatal(err)
		}
	})
}
