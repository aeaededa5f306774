package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// mergedLines merges line by line; clean says that nothing was changed by both.
// Texts that have little in common are not: their keys tell more.
func mergedLines(base, site, new []byte) (text []byte, clean bool) {
	const few = 300
	var out bytes.Buffer
	for _, c := range chunks(base, site, new, few) {
		if c.both() {
			return nil, false
		}
		out.WriteString(c.pick())
	}
	return out.Bytes(), true
}

// mergeLines merges a text without keys.
func mergeLines(base, site, new []byte, choices map[string]string) (Result, error) {
	r := Result{Format: Lines}
	var out bytes.Buffer
	used := map[string]int{}
	for _, c := range chunks(base, site, new, 0) {
		if !c.both() {
			if c.site != c.base && c.site != c.new {
				r.Kept = append(r.Kept, c.id())
			}
			out.WriteString(c.pick())
			continue
		}
		id := c.id()
		if used[id]++; used[id] > 1 {
			id += fmt.Sprintf("#%d", used[id])
		}
		chosen := choices[id]
		r.Conflicts = append(r.Conflicts, Conflict{id, c.base, c.site, c.new, chosen})
		text, given := strings.CutPrefix(chosen, "=")
		switch {
		case given:
			if text = strings.TrimSuffix(text, "\n"); text != "" {
				text += eolOf(new)
			}
			out.WriteString(text)
		case chosen == Mine:
			r.Kept = append(r.Kept, id)
			out.WriteString(c.site)
		case chosen == New || chosen == "":
			out.WriteString(c.new)
		default:
			return r, fmt.Errorf("%q is no choice for %s: say %s, %s, or = and the text", chosen, id, Mine, New)
		}
	}
	r.Text = out.Bytes()
	return r, nil
}

// chunk is a part of three texts: one that is the same in all, or one that is
// not.
type chunk struct {
	base, site, new string
	line            int // of the new text, from 1
	count           int
}

func (c chunk) both() bool { return c.site != c.base && c.new != c.base && c.site != c.new }

func (c chunk) pick() string {
	if c.site == c.base || c.both() {
		return c.new
	}
	return c.site
}

func (c chunk) id() string {
	switch {
	case c.count > 1:
		return fmt.Sprintf("lines %d-%d", c.line, c.line+c.count-1)
	case c.count == 1:
		return fmt.Sprintf("line %d", c.line)
	}
	return fmt.Sprintf("before line %d", c.line)
}

// chunks is the three-way comparison of Khanna, Kunal and Pierce. Parts with more
// than most differences are not looked into; 0: all are.
func chunks(base, site, new []byte, most int) []chunk {
	b, s, n := split(base), split(site), split(new)
	inSite, inNew := matches(b, s, most), matches(b, n, most)
	var out []chunk
	var x, y, z int
	cut := func(to, toSite, toNew int) {
		if to > x || toSite > y || toNew > z {
			out = append(out, chunk{strings.Join(b[x:to], ""), strings.Join(s[y:toSite], ""), strings.Join(n[z:toNew], ""), z + 1, toNew - z})
		}
		x, y, z = to, toSite, toNew
	}
	for x < len(b) || y < len(s) || z < len(n) {
		k := 0
		for x+k < len(b) && inSite[x+k] == y+k && inNew[x+k] == z+k {
			k++
		}
		if k > 0 {
			cut(x+k, y+k, z+k)
			continue
		}
		o := x
		for o < len(b) && (inSite[o] < 0 || inNew[o] < 0) {
			o++
		}
		if o == len(b) {
			cut(len(b), len(s), len(n))
			break
		}
		cut(o, inSite[o], inNew[o])
	}
	return out
}

// split gives the lines of a text, with their ends.
func split(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	l := strings.SplitAfter(string(text), "\n")
	if l[len(l)-1] == "" {
		l = l[:len(l)-1]
	}
	return l
}

// matches gives for every line of a the line of b that it is; -1: none. Parts with more than most differences have none; 0: all are looked into.
func matches(a, b []string, most int) []int {
	ids := map[string]int{}
	number := func(l []string) []int {
		out := make([]int, len(l))
		for i, s := range l {
			id, ok := ids[s]
			if !ok {
				id = len(ids)
				ids[s] = id
			}
			out[i] = id
		}
		return out
	}
	m := &matcher{a: number(a), b: number(b), out: make([]int, len(a)), most: most}
	for i := range m.out {
		m.out[i] = -1
	}
	size := 2*(len(a)+len(b)) + 4
	m.fore, m.rear = make([]int, size), make([]int, size)
	m.compare(0, len(a), 0, len(b))
	return m.out
}

// matcher finds a longest common subsequence: Myers' algorithm in linear space.
type matcher struct {
	a, b, out  []int
	fore, rear []int
	most       int
}

func (m *matcher) compare(a0, a1, b0, b1 int) {
	for a0 < a1 && b0 < b1 && m.a[a0] == m.b[b0] {
		m.out[a0] = b0
		a0, b0 = a0+1, b0+1
	}
	for a0 < a1 && b0 < b1 && m.a[a1-1] == m.b[b1-1] {
		a1, b1 = a1-1, b1-1
		m.out[a1] = b1
	}
	if a0 == a1 || b0 == b1 {
		return
	}
	x, y := m.middle(a0, a1, b0, b1)
	if x == a0 && y == b0 || x == a1 && y == b1 {
		return // nothing in common
	}
	m.compare(a0, x, b0, y)
	m.compare(x, a1, y, b1)
}

// middle gives a point that a shortest way from corner to corner passes.
func (m *matcher) middle(a0, a1, b0, b1 int) (int, int) {
	n, k := a1-a0, b1-b0
	delta, off := n-k, n+k+1
	m.fore[off+1], m.rear[off+1] = 0, 0
	for d := 0; d <= (n+k+1)/2 && (m.most == 0 || d <= m.most); d++ {
		for i := -d; i <= d; i += 2 {
			x := 0
			if i == -d || i != d && m.fore[off+i-1] < m.fore[off+i+1] {
				x = m.fore[off+i+1]
			} else {
				x = m.fore[off+i-1] + 1
			}
			from := x
			for x < n && x-i < k && x >= 0 && x-i >= 0 && m.a[a0+x] == m.b[b0+x-i] {
				x++
			}
			m.fore[off+i] = x
			if j := delta - i; delta%2 != 0 && j >= -(d-1) && j <= d-1 && x+m.rear[off+j] >= n {
				if x <= n && x-i <= k && from >= 0 {
					return a0 + from, b0 + from - i
				}
			}
		}
		for i := -d; i <= d; i += 2 {
			x := 0
			if i == -d || i != d && m.rear[off+i-1] < m.rear[off+i+1] {
				x = m.rear[off+i+1]
			} else {
				x = m.rear[off+i-1] + 1
			}
			from := x
			for x < n && x-i < k && x >= 0 && x-i >= 0 && m.a[a1-1-x] == m.b[b1-1-x+i] {
				x++
			}
			m.rear[off+i] = x
			if j := delta - i; delta%2 == 0 && j >= -d && j <= d && x+m.fore[off+j] >= n {
				if x <= n && x-i <= k {
					return a1 - from, b1 - from + i
				}
			}
		}
	}
	return a0, b0
}

// Diff lists what one text has and the other has not, with a line of what is
// the same around it: lines that begin with a minus, a plus or a blank, and
// "…" where something is left out.
func Diff(old, new []byte) []string {
	a, b := split(old), split(new)
	in := matches(a, b, 0)
	var all []string
	y := 0
	for x, to := range in {
		if to < 0 {
			all = append(all, "-"+a[x])
			continue
		}
		for ; y < to; y++ {
			all = append(all, "+"+b[y])
		}
		all = append(all, " "+a[x])
		y++
	}
	for ; y < len(b); y++ {
		all = append(all, "+"+b[y])
	}
	var out []string
	for i, l := range all {
		near := all[max(0, i-1):min(len(all), i+2)]
		if slices.ContainsFunc(near, func(s string) bool { return s[0] != ' ' }) {
			out = append(out, strings.TrimRight(l, "\r\n"))
		} else if len(out) > 0 && out[len(out)-1] != "…" {
			out = append(out, "…")
		}
	}
	if n := len(out); n > 0 && out[n-1] == "…" {
		out = out[:n-1]
	}
	return out
}
