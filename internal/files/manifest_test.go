//go:build linux

package files

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func manifest(t testing.TB, tree Tree) string {
	t.Helper()
	var b bytes.Buffer
	must(t, WriteManifest(&b, tree))
	return b.String()
}

// unstamped is what a manifest keeps.
func unstamped(tree Tree) Tree {
	var out Tree
	for _, e := range tree.Entries {
		e.Stamp = Stamp{}
		out.Entries = append(out.Entries, e)
	}
	return out
}

func TestManifestRoundTrip(t *testing.T) {
	tree := unstamped(scan(t, oddTree(t, t.TempDir())))
	back, err := ParseManifest(strings.NewReader(manifest(t, tree)))
	must(t, err)
	equal(t, tree, back)
	single := unstamped(scan(t, plant(t, t.TempDir(), map[string]string{"f": "x"})+"/f"))
	back, err = ParseManifest(strings.NewReader(manifest(t, single)))
	must(t, err)
	equal(t, single, back)
	rapid.Check(t, func(t *rapid.T) {
		tree := treeGen().Draw(t, "tree")
		var b bytes.Buffer
		if err := WriteManifest(&b, tree); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		back, err := ParseManifest(&b)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if DigestWith(tree, Ignore{}) != DigestWith(back, Ignore{}) {
			t.Fatalf("changed:\n%s", text)
		}
		// Every cut is noticed.
		cut := rapid.IntRange(0, len(text)-1).Draw(t, "cut")
		if _, err := ParseManifest(strings.NewReader(text[:cut])); err == nil {
			t.Fatalf("cut at %d of %d accepted", cut, len(text))
		}
	})
}

// The tool that every administrator has reads both formats, odd names included.
func TestSha256sumReadsOurFiles(t *testing.T) {
	tool, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip("no sha256sum on this machine")
	}
	root := oddTree(t, t.TempDir())
	tree := scan(t, root)
	var sums bytes.Buffer
	must(t, WriteSums(&sums, tree.Sums()))
	for name, text := range map[string]string{"sums": sums.String(), "manifest": manifest(t, tree)} {
		cmd := exec.Command(tool, "-c", "--strict", "-")
		cmd.Dir, cmd.Stdin = root, strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "WARNING") || strings.Count(string(out), ": OK\n") != len(tree.Sums()) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	// And we read theirs.
	cmd := exec.Command(tool, "bin/tool", "etc/a b\n\\c", "not-utf8-\xff\xfe", "-b", "sparse")
	cmd.Dir = root
	out, err := cmd.Output()
	must(t, err)
	theirs, err := ParseSums(bytes.NewReader(out))
	must(t, err)
	for p, sum := range theirs {
		if tree.Sums()[p] != sum {
			t.Errorf("%q: %s", p, sum)
		}
	}
	if len(theirs) != 4 {
		t.Errorf("%d sums", len(theirs))
	}
}

func TestBadSumsAndManifests(t *testing.T) {
	sum := strings.Repeat("a", 64)
	file := "#: file 0644 0 0 1 0 a\n" + sum + "  a\n"
	for _, c := range []struct{ text, want string }{
		{sum + "  a\n" + sum + "  a\n", `line 2: "a" is there twice`},
		{sum + "  /etc/passwd\n", "absolute"},
		{sum + "  ../x\n", "climbs"},
		{sum + "  a/../../x\n", "climbs"},
		{sum + "  a//x\n", "empty or . element"},
		{sum + "  ./x\n", "empty or . element"},
		{sum + "  \n", "not a SHA-256"},
		{sum + " a\n", "not a SHA-256"},
		{strings.ToUpper(sum) + "  a\n", "not a SHA-256"},
		{sum[1:] + "  aa\n", "not a SHA-256"},
		{sum + "  a", "cut off"},
		{`\` + sum + "  a\\x\n", "unknown escape"},
		{`\` + sum + "  a\\\n", "half an escape"},
		{"hello\n", "line 1: "},
		{sum + "  " + strings.Repeat("a", maxLine) + "\n", "line 1: "},
		{manifestHead + "\n", "its end is missing"},
		{manifestHead + "\n# end 1\n", "0 entries where 1"},
		{manifestHead + "\n# end 0\nx\n", "follows the end"},
		{manifestHead + "\n" + sum + "  a\n# end 0\n", "does not follow its entry"},
		{manifestHead + "\n" + file + sum + "  a\n# end 1\n", "does not follow its entry"},
		{manifestHead + "\n" + file + file + "# end 2\n", "out of order"},
		{manifestHead + "\n#: file 0644 0 0 1 0 /a\n# end 1\n", "absolute"},
		{manifestHead + "\n#: file 0644 0 0 1 0 a/../..\n# end 1\n", "climbs"},
		{manifestHead + "\n#: file 0644 0 0 1 0\n# end 1\n", "cut off"},
		{manifestHead + "\n#: thing 0644 0 0 1 0 a\n# end 1\n", "unknown type"},
		{manifestHead + "\n#: file 99 0 0 1 0 a\n# end 1\n", "invalid syntax"},
		{manifestHead + "\n#: file 0644 0 0 -1 0 a\n# end 1\n", "size -1"},
		{manifestHead + "\n#: dir 0644 0 0 1 0 a\n# end 1\n", "size 1"},
		{manifestHead + "\n#: link 0000 0 0 0 0 a\n# end 1\n", "must have a target"},
		{manifestHead + "\n#: file 0644 0 0 0 0 a target=b\n# end 1\n", "must have a target"},
		{manifestHead + "\n#: file 0644 0 0 0 0 a hardlink=b\n# end 1\n", "further name"},
		{manifestHead + "\n#: file 0644 0 0 0 0 b hardlink=../a\n# end 1\n", "climbs"},
		{manifestHead + "\n#: file 0644 0 0 0 0 a colour=red\n# end 1\n", "unknown field"},
		{manifestHead + "\n#: file 0644 0 0 0 0 a xattr.user.a=?\n# end 1\n", "illegal base64"},
		{manifestHead + "\n#: file 0644 0 0 0 0 a\\q\n# end 1\n", "unknown escape"},
		{manifestHead + "\n#: file 0644 0 0 0 0 a sparse\n# end 1\n", "without a value"},
	} {
		_, err := ParseAny(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80q: %v, want %q", c.text, err, c.want)
		}
	}
	if _, err := ParseManifest(strings.NewReader("")); err == nil {
		t.Error("an empty manifest was accepted")
	}
	if _, err := ParseManifest(strings.NewReader("# something\n")); err == nil {
		t.Error("another head was accepted")
	}
	s, err := ParseSums(strings.NewReader("# made by hand\n\n" + sum + " *a b\n\\" + sum + "  c\\nd\n"))
	must(t, err)
	equal(t, Sums{"a b": sum, "c\nd": sum}, s)
}

func FuzzParseSums(f *testing.F) {
	f.Add(strings.Repeat("a", 64) + "  a\n")
	f.Add(`\` + strings.Repeat("0", 64) + " *a\\nb\\\\\n# x\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSums(strings.NewReader(text))
		if err != nil {
			return
		}
		var b bytes.Buffer
		must(t, WriteSums(&b, s))
		again, err := ParseSums(&b)
		must(t, err)
		equal(t, s, again)
		for p := range s {
			must(t, CheckPath(p))
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	f.Add(manifest(f, scan(f, oddTree(f, f.TempDir()))))
	f.Add(manifestHead + "\n#: file 4755 1 2 3 4 a\\x20b xattr.user.a=AA sparse=1\n" + strings.Repeat("f", 64) + "  a b\n# end 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := ParseManifest(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := ParseManifest(strings.NewReader(manifest(t, tree)))
		must(t, err)
		equal(t, tree, again)
	})
}
