package demo

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
)

// kind is a family of files that make a tree look like a real one.
type kind struct {
	name  string // with %02d
	many  int
	lines int    // at most
	head  string // with the revision
	line  string
	tail  string
}

func kinds() []kind {
	return []kind{
		{"static/icon-%02d.svg", 48, 12, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 1000" data-revision="%d">`,
			`<path d="M%d %dh%dv%dz" fill="currentColor"/>`, "</svg>"},
		{"lib/module-%02d.js", 44, 40, "// revision %d", `export const value%d = (x) => (x * %d + %d) %% %d;`, ""},
		{"locale/lang-%02d.json", 30, 24, "{\"revision\": %d,", `  "text.%d": "%d · %d · %d",`, `  "end": ""}`},
		{"doc/page-%02d.md", 22, 30, "# Page, revision %d\n", `Paragraph %d: see chapter %d, section %d, page %d.`, ""},
		{"licenses/package-%02d.txt", 8, 60, "Licence, revision %d\n", `Clause %d.%d of part %d: as is, without warranty (%d).`, ""},
	}
}

// filler gives about 150 files of a version, of which each release changes
// about a third, adds a few and drops a few. Same version, same bytes.
func filler(version int) map[string]treeFile {
	out := map[string]treeFile{}
	for _, k := range kinds() {
		for i := range k.many {
			name := fmt.Sprintf(k.name, i)
			id := hash(name)
			if i >= k.many-3 && int(id%4) > version || i < 2 && version > 1+int(id%2) {
				continue // not there yet, or not any more
			}
			revision := 0
			for v := 1; v <= version; v++ {
				if hash(fmt.Sprint(name, v))%3 == 0 {
					revision = v
				}
			}
			out[name] = treeFile{text: k.text(id, revision), mode: 0o644}
		}
	}
	return out
}

// text is a file's content: that of the revision differs from the one before
// in some of its lines.
func (k kind) text(id uint64, revision int) []byte {
	dice := rand.New(rand.NewPCG(id, 7))
	change := rand.New(rand.NewPCG(id, uint64(revision)))
	var b strings.Builder
	fmt.Fprintf(&b, k.head+"\n", revision)
	for i := range 4 + dice.IntN(k.lines) {
		n := dice.IntN(1000)
		if revision > 0 && change.IntN(4) == 0 {
			n += revision * 1000
		}
		fmt.Fprintf(&b, k.line+"\n", i, n, 1+dice.IntN(90), 1+dice.IntN(90))
	}
	b.WriteString(k.tail)
	return []byte(b.String())
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}
