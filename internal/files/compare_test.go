//go:build linux

package files

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCompareFindsEveryKindOfDifference(t *testing.T) {
	sum := func(c string) string { return strings.Repeat(c, 64) }
	base := Tree{Entries: []Entry{
		{Path: ".", Type: Dir, Mode: 0o755},
		{Path: "dev", Type: Char, Rdev: 259},
		{Path: "f", Type: File, Mode: 0o644, UID: 1, GID: 2, Size: 3, MTime: 4, SHA256: sum("a"), Xattrs: map[string][]byte{"user.a": {1}}},
		{Path: "l", Type: Link, Target: "f"},
	}}
	for _, c := range []struct {
		name string
		edit func(t *Tree)
		want string
	}{
		{"nothing", func(t *Tree) {}, ""},
		{"content", func(t *Tree) { t.Entries[2].SHA256 = sum("b") }, "f: content sha256:" + sum("a") + " → sha256:" + sum("b")},
		{"size without sum", func(t *Tree) { t.Entries[2].SHA256, t.Entries[2].Size = "", 9 }, "f: content 3 bytes → 9 bytes"},
		{"mode", func(t *Tree) { t.Entries[2].Mode = 0o4755 }, "f: mode 0644 → 4755"},
		{"owner", func(t *Tree) { t.Entries[2].GID = 7 }, "f: owner 1:2 → 1:7"},
		{"type", func(t *Tree) { t.Entries[2].Type = FIFO }, "f: type file sha256:aaaaaaaaaaaa → fifo"},
		{"target", func(t *Tree) { t.Entries[3].Target = "g" }, "l: target f → g"},
		{"attribute changed", func(t *Tree) { t.Entries[2].Xattrs = map[string][]byte{"user.a": {2}} }, "f: xattr user.a=0x01 → user.a=0x02"},
		{"attribute gone", func(t *Tree) { t.Entries[2].Xattrs = nil }, "f: xattr user.a=0x01 → none"},
		{"hard link", func(t *Tree) { t.Entries[2].HardLink = "e" }, "f: hardlink none → e"},
		{"time", func(t *Tree) { t.Entries[2].MTime = 5 }, "f: mtime 4 → 5"},
		{"device", func(t *Tree) { t.Entries[1].Rdev = 260 }, "dev: content device 259 → device 260"},
		{"removed", func(t *Tree) { t.Entries = t.Entries[:3] }, "l: removed link to f → none"},
		{"added", func(t *Tree) { t.Entries = append(t.Entries, Entry{Path: "m\n", Type: File, Size: 1}) }, `m\n: added none → file of 1 bytes`},
	} {
		other := Tree{Entries: slices.Clone(base.Entries)}
		c.edit(&other)
		var got []string
		for _, d := range Compare(base, other, Ignore{}) {
			got = append(got, d.String())
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
		if same := DigestWith(base, Ignore{}) == DigestWith(other, Ignore{}); same != (c.want == "") {
			t.Errorf("%s: digests equal: %v", c.name, same)
		}
		if same := Digest(base) == Digest(other); same != (c.want == "" || c.name == "time") {
			t.Errorf("%s: fingerprints equal: %v", c.name, same)
		}
		if d := Compare(base, other, Ignore{Paths: []string{"f", "l", "dev", "m*"}}); len(d) > 0 {
			t.Errorf("%s: ignored paths still reported: %v", c.name, d)
		}
		if DigestWith(base, Ignore{Paths: []string{"f", "l", "dev", "m*"}}) != DigestWith(other, Ignore{Paths: []string{"f", "l", "dev", "m*"}}) {
			t.Errorf("%s: ignored paths still in the digest", c.name)
		}
	}
}

// entryGen makes entries that often collide.
func entryGen(path string) *rapid.Generator[Entry] {
	return rapid.Custom(func(t *rapid.T) Entry {
		e := Entry{Path: path, Mode: rapid.SampledFrom([]uint32{0o644, 0o755, 0o4755}).Draw(t, "mode"), UID: uint32(rapid.IntRange(0, 1).Draw(t, "uid")), MTime: int64(rapid.IntRange(0, 1).Draw(t, "mtime"))}
		switch e.Type = rapid.SampledFrom([]Type{File, Dir, Link, FIFO}).Draw(t, "type"); e.Type {
		case File:
			e.SHA256 = strings.Repeat(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "sum"), 64)
			if rapid.Bool().Draw(t, "x") {
				e.Xattrs = map[string][]byte{"user.x": rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "v")}
			}
		case Link:
			e.Target, e.Mode = rapid.StringN(1, 3, 9).Draw(t, "target"), 0
		}
		return e
	})
}

func treeGen() *rapid.Generator[Tree] {
	return rapid.Custom(func(t *rapid.T) Tree {
		names := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "a/b", "a b", "c\n", `d\`, "e\xff", "=", "ü"}), rapid.ID).Draw(t, "names")
		var tree Tree
		for _, n := range names {
			tree.Entries = append(tree.Entries, entryGen(n).Draw(t, n))
		}
		tree.sort()
		return tree
	})
}

func TestDigestAgreesWithCompare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := treeGen().Draw(t, "a"), treeGen().Draw(t, "b")
		if rapid.Bool().Draw(t, "near") {
			b = Tree{Entries: slices.Clone(a.Entries)}
			if len(b.Entries) > 0 {
				i := rapid.IntRange(0, len(b.Entries)-1).Draw(t, "i")
				b.Entries[i] = entryGen(b.Entries[i].Path).Draw(t, "edit")
			}
		}
		for _, ign := range []Ignore{{}, Fingerprint(), {Owner: true, Mode: true}, {Xattrs: true}} {
			if equal := len(Compare(a, b, ign)) == 0; equal != (DigestWith(a, ign) == DigestWith(b, ign)) {
				t.Fatalf("Compare says equal=%v, digests say otherwise, under %+v", equal, ign)
			}
		}
		if back := Compare(b, a, Ignore{}); len(back) != len(Compare(a, b, Ignore{})) {
			t.Fatal("not symmetric")
		}
	})
}

func TestSub(t *testing.T) {
	tree := Tree{Entries: []Entry{{Path: "."}, {Path: "a"}, {Path: "a-b"}, {Path: "a/b"}, {Path: "a/b/c"}}}
	for path, want := range map[string]string{".": "[.]", "a": "[. b b/c]", "a/b": "[. c]", "x": "[]"} {
		var got []string
		for _, e := range tree.Sub(path).Entries {
			got = append(got, e.Path)
		}
		if path == "." {
			got = got[:1]
		}
		if fmt.Sprint(got) != want {
			t.Errorf("Sub(%s) = %v, want %s", path, got, want)
		}
	}
}
