package config

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// model is a configuration of two levels.
type model []group

type group struct {
	name string
	keys []pair
}

type pair struct{ key, value string }

func (m model) clone() model {
	out := slices.Clone(m)
	for i := range out {
		out[i].keys = slices.Clone(out[i].keys)
	}
	return out
}

// render writes a model in a format, with a vendor's words about it.
func (m model) render(f Format, words string) string {
	var b strings.Builder
	switch f {
	case JSON:
		b.WriteString("{\n")
		for i, g := range m {
			fmt.Fprintf(&b, "  // %s\n  %q: {\n", words, g.name)
			for k, p := range g.keys {
				fmt.Fprintf(&b, "    %q: %q%s\n", p.key, p.value, strings.Repeat(",", min(1, len(g.keys)-1-k)))
			}
			fmt.Fprintf(&b, "  }%s\n", strings.Repeat(",", min(1, len(m)-1-i)))
		}
		b.WriteString("}\n")
	case XML:
		b.WriteString("<c>\n")
		for _, g := range m {
			fmt.Fprintf(&b, "  <!-- %s -->\n  <%s>\n", words, g.name)
			for _, p := range g.keys {
				fmt.Fprintf(&b, "    <%s v='%s'>%s</%s>\n", p.key, p.value, p.value, p.key)
			}
			fmt.Fprintf(&b, "  </%s>\n", g.name)
		}
		b.WriteString("</c>\n")
	case YAML:
		for _, g := range m {
			fmt.Fprintf(&b, "# %s\n%s:\n", words, g.name)
			for _, p := range g.keys {
				fmt.Fprintf(&b, "  %s: %s # %s\n", p.key, p.value, words)
			}
		}
	case INI:
		for _, g := range m {
			fmt.Fprintf(&b, "; %s\n[%s]\n", words, g.name)
			for _, p := range g.keys {
				fmt.Fprintf(&b, "%s = %s\n", p.key, p.value)
			}
		}
	default:
		sep := map[Format]string{Properties: "=", Keyword: " ", Lines: "\t"}[f]
		for _, g := range m {
			fmt.Fprintf(&b, "\n# %s %s\n", g.name, words)
			for _, p := range g.keys {
				fmt.Fprintf(&b, "%s-%s%s%s\n", g.name, p.key, sep, p.value)
			}
		}
	}
	return b.String()
}

func models(t *rapid.T) model {
	var m model
	for i := range rapid.IntRange(1, 4).Draw(t, "groups") {
		g := group{name: fmt.Sprintf("g%d", i)}
		for k := range rapid.IntRange(1, 6).Draw(t, "keys") {
			g.keys = append(g.keys, pair{fmt.Sprintf("k%d", k), rapid.StringMatching(`[a-z]{1,3}`).Draw(t, "value")})
		}
		m = append(m, g)
	}
	return m
}

// change edits some keys: only those whose turn it is, so that two that have
// other turns never edit the same one.
func change(t *rapid.T, m model, turn, of int, who string) model {
	m = m.clone()
	n := 0
	for i := range m {
		var keys []pair
		for k, p := range m[i].keys {
			if n++; n%of == turn {
				switch rapid.IntRange(0, 3).Draw(t, "what") {
				case 0:
					p.value = who + "-" + p.value
				case 1:
					if k > 0 { // not the last one of its group
						continue
					}
				}
			}
			keys = append(keys, p)
		}
		if rapid.Bool().Draw(t, "add") {
			at := rapid.IntRange(0, len(keys)).Draw(t, "where")
			keys = slices.Insert(keys, at, pair{"of-" + who, "x"})
		}
		m[i].keys = keys
	}
	return m
}

func (m model) flat() map[string]string {
	out := map[string]string{}
	for _, g := range m {
		for _, p := range g.keys {
			out[g.name+"."+p.key] = p.value
		}
	}
	return out
}

var keyed = []Format{YAML, JSON, XML, INI, Properties, Keyword}

// TestLaws: what holds for every merge.
func TestLaws(t *testing.T) {
	for _, f := range Formats() {
		t.Run(string(f), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := models(t)
				base := m.render(f, "old")
				other := change(t, m, 0, 1, "a").render(f, rapid.SampledFrom([]string{"old", "new"}).Draw(t, "words"))
				third := change(t, m, 0, 1, "b").render(f, "old")
				if rapid.Bool().Draw(t, "CRLF") {
					other = strings.ReplaceAll(other, "\n", "\r\n")
				}
				if rapid.Bool().Draw(t, "no end") {
					other = strings.TrimSuffix(other, "\n")
				}
				for name, c := range map[string][4]string{"merge(base, base, new) = new": {base, base, other, other}, "merge(base, site, base) = site": {base, other, base, other}, "merge(base, x, x) = x": {base, third, third, third}} {
					r, err := Merge([]byte(c[0]), []byte(c[1]), []byte(c[2]), f, nil)
					if err != nil || len(r.Conflicts) > 0 || r.Format != f {
						t.Fatalf("%s: %v, %v, %s %s", name, err, r.Conflicts, r.Format, r.Why)
					}
					if string(r.Text) != c[3] {
						t.Fatalf("%s does not hold:\n%q\nwant\n%q", name, r.Text, c[3])
					}
				}
			})
		})
	}
}

// TestOtherKeysNeverConflict: two sides that change different keys are merged
// without a question, and the text has what both want.
func TestOtherKeysNeverConflict(t *testing.T) {
	for _, f := range keyed {
		t.Run(string(f), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := models(t)
				s, n := change(t, m, 0, 2, "s"), change(t, m, 1, 2, "n")
				base, site, fresh := m.render(f, "old"), s.render(f, "old"), n.render(f, "new words")
				r, err := Merge([]byte(base), []byte(site), []byte(fresh), f, nil)
				if err != nil || len(r.Conflicts) > 0 || r.Format != f {
					t.Fatalf("%v, %v, %s %s\nbase:\n%s\nsite:\n%s\nnew:\n%s", err, r.Conflicts, r.Format, r.Why, base, site, fresh)
				}
				want := n.flat()
				was := m.flat()
				now := s.flat()
				for k, v := range now {
					if was[k] != v {
						want[k] = v
					}
				}
				for k := range was {
					if _, there := now[k]; !there {
						delete(want, k)
					}
				}
				var all model
				for _, g := range m {
					out := group{name: g.name}
					for k, v := range want {
						if name, ok := strings.CutPrefix(k, g.name+"."); ok {
							out.keys = append(out.keys, pair{name, v})
						}
					}
					all = append(all, out)
				}
				g := grammarOf(f)
				got, err := parse(g, r.Text)
				if err != nil {
					t.Fatalf("the merged text cannot be read: %v\n%s", err, r.Text)
				}
				wanted, err := parse(g, []byte(all.render(f, "x")))
				if err != nil {
					t.Fatal(err)
				}
				if got.canon() != wanted.canon() || !same(got, wanted) {
					t.Fatalf("merged is\n%s\nwhich means\n%s\nwant\n%s\nbase:\n%s\nsite:\n%s\nnew:\n%s", r.Text, got.canon(), wanted.canon(), base, site, fresh)
				}
				if !strings.Contains(string(r.Text), "new words") {
					t.Fatalf("the new release's words are gone:\n%s", r.Text)
				}
			})
		})
	}
}

// TestLinesAsGit: git merge-file is the oracle: without a conflict here there
// is none there, and the text is the same.
func TestLinesAsGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	dir := t.TempDir()
	same, conflicts := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := models(t)
		texts := [3]string{change(t, m, 0, 3, "s").render(Lines, "old"), m.render(Lines, "old"), change(t, m, 0, 2, "n").render(Lines, "old")}
		var paths []string
		for i, text := range texts {
			paths = append(paths, filepath.Join(dir, fmt.Sprint(i)))
			if err := os.WriteFile(paths[i], []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Command("git", append([]string{"merge-file", "-p"}, paths...)...).Output()
		r, merr := Merge([]byte(texts[1]), []byte(texts[0]), []byte(texts[2]), Lines, nil)
		if merr != nil {
			t.Fatal(merr)
		}
		if err == nil && len(r.Conflicts) == 0 {
			if same++; !bytes.Equal(out, r.Text) {
				t.Fatalf("git merges\n%s\nnot\n%s", out, r.Text)
			}
		}
		if err != nil {
			if conflicts++; len(r.Conflicts) == 0 {
				t.Fatalf("git sees a conflict:\n%s\nmerged here:\n%s", out, r.Text)
			}
		}
	})
	if same == 0 || conflicts == 0 {
		t.Errorf("%d without and %d with a conflict: too few to compare", same, conflicts)
	}
}

// TestMatchesAreLongest compares with the plain way to a longest common
// subsequence.
func TestMatchesAreLongest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.StringMatching(`[abc]`), 0, 30)
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		last, n := -1, 0
		for x, y := range matches(a, b, 0) {
			if y >= 0 {
				if y <= last || a[x] != b[y] {
					t.Fatalf("%d is matched with %d", x, y)
				}
				last = y
				n++
			}
		}
		long := make([][]int, len(a)+1)
		for i := range long {
			long[i] = make([]int, len(b)+1)
		}
		for i := range a {
			for k := range b {
				if long[i+1][k+1] = max(long[i][k+1], long[i+1][k]); a[i] == b[k] {
					long[i+1][k+1] = long[i][k] + 1
				}
			}
		}
		if n != long[len(a)][len(b)] {
			t.Fatalf("%d of %d lines are matched", n, long[len(a)][len(b)])
		}
	})
}

// canon is what a node means, as a text: the same for two that differ only in
// order, comments and blanks.
func (n *node) canon() string {
	if !n.branch {
		return "=" + n.text
	}
	var kids []string
	for _, k := range n.kids {
		c := k.canon()
		kids = append(kids, fmt.Sprint(len(k.name), ":", k.name, len(c), ":", c))
	}
	slices.Sort(kids)
	return "{" + strings.Join(kids, "") + "}"
}

// TestSame: two trees are the same if, and only if, they mean the same.
func TestSame(t *testing.T) {
	var tree func(t *rapid.T, deep int) *node
	tree = func(t *rapid.T, deep int) *node {
		n := &node{branch: deep > 0 && rapid.Bool().Draw(t, "branch")}
		if !n.branch {
			n.text = rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "text")
			return n
		}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3, rapid.ID).Draw(t, "names") {
			k := tree(t, deep-1)
			k.name = name
			n.kids = append(n.kids, k)
		}
		return n
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := tree(t, 2), tree(t, 2)
		if same(a, b) != (a.canon() == b.canon()) || !same(a, a) {
			t.Fatalf("%s and %s: the same: %v", a.canon(), b.canon(), same(a, b))
		}
	})
}
