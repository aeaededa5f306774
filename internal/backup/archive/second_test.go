package archive

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"upkeep/internal/files"
)

// tree makes a description from words: "d:bin f1:bin/app f2:a f2=a:b" are a
// directory, a file with content 1, one with content 2, and a second name of it.
func tree(text string) files.Tree {
	t := files.Tree{Entries: []files.Entry{{Path: ".", Type: files.Dir}}}
	for _, word := range strings.Fields(text) {
		kind, path, _ := strings.Cut(word, ":")
		e := files.Entry{Path: path, Type: files.Dir}
		if kind != "d" {
			content, first, _ := strings.Cut(kind[1:], "=")
			e.Type, e.HardLink = files.File, first
			e.Stamp = files.Stamp{Ino: uint64(content[0]), CTime: 1, Settled: true}
		}
		t.Entries = append(t.Entries, e)
	}
	return join(t, files.Tree{})
}

func paths(t files.Tree) string {
	var out []string
	for _, e := range t.Entries {
		out = append(out, e.Path)
	}
	return strings.Join(out, " ")
}

func TestSplit(t *testing.T) {
	for _, c := range []struct{ name, base, now, changed, gone string }{
		{"same", "f1:a d:b f2:b/c", "f1:a d:b f2:b/c", "", ""},
		{"content", "f1:a d:b f2:b/c", "f1:a d:b f3:b/c", ". b b/c", "b/c"},
		{"added", "f1:a", "f1:a f2:b", ". b", ""},
		{"removed", "f1:a d:b f2:b/c", "f1:a d:b", ". b", "b/c"},
		{"removed directory", "f1:a d:b f2:b/c", "f1:a", ".", "b/c b"},
		{"deep", "d:b d:b/c f2:b/c/d f1:b/e", "d:b d:b/c f3:b/c/d f1:b/e", ". b b/c b/c/d", "b/c/d"},
		{"file to directory", "f1:a", "d:a f2:a/b", ". a a/b", "a"},
		{"directory to file", "d:a f2:a/b", "f1:a", ". a", "a/b a"},
		{"one of two names gone", "f1:a f1=a:b", "f1:b", ". b", "b a"},
		{"a second name", "f1:a", "f1:a f1=a:b", ". b a", "a"},
		{"names of a changed file", "f1:a f1=a:b", "f2:a f2=a:b", ". a b", "b a"},
	} {
		base, now := tree(c.base), tree(c.now)
		kept, changed := split(base, now)
		want := strings.Fields(c.changed)
		slices.Sort(want)
		if got := paths(changed); got != strings.Join(want, " ") {
			t.Errorf("%s: packed again %q, want %q", c.name, got, c.changed)
		}
		if diff := cmp.Diff(paths(now), paths(join(kept, changed))); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if got := strings.Join(gone(base, kept, changed), " "); got != c.gone {
			t.Errorf("%s: gone %q, want %q", c.name, got, c.gone)
		}
	}
}

// TestNames: any names but the empty one survive the list.
func TestNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.StringMatching(`[^\x00]{1,9}`), func(s string) string { return s }).Draw(t, "names")
		got := decodeNames(encodeNames(names))
		want := map[string]bool{}
		for _, n := range names {
			want[n] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
