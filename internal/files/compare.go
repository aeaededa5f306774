package files

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
)

// What tells in what two trees differ.
type What string

// The kinds of differences.
const (
	Added    What = "added"
	Removed  What = "removed"
	Retyped  What = "type"
	Content  What = "content"
	Mode     What = "mode"
	Owner    What = "owner"
	Target   What = "target"
	Xattr    What = "xattr"
	HardLink What = "hardlink"
	MTime    What = "mtime"
)

// Difference is one thing that is not the same; Old and New are for people.
type Difference struct {
	Path string
	What What
	Old  string `json:",omitempty"`
	New  string `json:",omitempty"`
}

func (d Difference) String() string {
	s := strconv.QuoteToGraphic(d.Path)
	s = fmt.Sprintf("%s: %s", s[1:len(s)-1], d.What)
	if d.Old != "" || d.New != "" {
		s += fmt.Sprintf(" %s → %s", orNone(d.Old), orNone(d.New))
	}
	return s
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Ignore names what does not count. The zero value lets everything count.
type Ignore struct {
	Paths    []string // patterns, see Match; what lies below a matched directory is ignored with it
	MTime    bool
	Owner    bool
	Mode     bool
	Xattrs   bool
	HardLink bool
}

// Fingerprint is what a fingerprint of "exactly as it was" leaves out: times only, as putting a file back is itself a change of its directory.
func Fingerprint() Ignore { return Ignore{MTime: true} }

// Compare lists the differences from a to b, by path. Contents are compared by their sums where both have one, otherwise by size.
// A bad pattern in ignore counts as matching nothing: more is reported, not less.
func Compare(a, b Tree, ignore Ignore) []Difference {
	m, _ := newMatcher(ignore.Paths)
	var out []Difference
	i, j := 0, 0
	for i < len(a.Entries) || j < len(b.Entries) {
		switch {
		case j == len(b.Entries) || i < len(a.Entries) && a.Entries[i].Path < b.Entries[j].Path:
			if e := a.Entries[i]; !m.covers(e.Path, e.Type == Dir) {
				out = append(out, Difference{Path: e.Path, What: Removed, Old: e.brief()})
			}
			i++
		case i == len(a.Entries) || b.Entries[j].Path < a.Entries[i].Path:
			if e := b.Entries[j]; !m.covers(e.Path, e.Type == Dir) {
				out = append(out, Difference{Path: e.Path, What: Added, New: e.brief()})
			}
			j++
		default:
			x, y := a.Entries[i], b.Entries[j]
			if !m.covers(x.Path, x.Type == Dir || y.Type == Dir) {
				out = append(out, compareEntry(x, y, ignore)...)
			}
			i++
			j++
		}
	}
	return out
}

func (e Entry) brief() string {
	switch e.Type {
	case File:
		if e.SHA256 != "" {
			return "file sha256:" + e.SHA256[:min(12, len(e.SHA256))]
		}
		return fmt.Sprintf("file of %d bytes", e.Size)
	case Link:
		return "link to " + e.Target
	}
	return string(e.Type)
}

func compareEntry(x, y Entry, ignore Ignore) (out []Difference) {
	add := func(w What, old, new string) {
		if old != new {
			out = append(out, Difference{x.Path, w, old, new})
		}
	}
	if x.Type != y.Type {
		add(Retyped, x.brief(), y.brief())
		return out
	}
	switch x.Type {
	case File:
		if x.SHA256 != "" && y.SHA256 != "" {
			add(Content, "sha256:"+x.SHA256, "sha256:"+y.SHA256)
		} else {
			add(Content, fmt.Sprintf("%d bytes", x.Size), fmt.Sprintf("%d bytes", y.Size))
		}
		if !ignore.HardLink {
			add(HardLink, x.HardLink, y.HardLink)
		}
	case Link:
		add(Target, x.Target, y.Target)
	case Char, Block:
		add(Content, fmt.Sprintf("device %d", x.Rdev), fmt.Sprintf("device %d", y.Rdev))
	}
	if !ignore.Mode {
		add(Mode, fmt.Sprintf("%04o", x.Mode), fmt.Sprintf("%04o", y.Mode))
	}
	if !ignore.Owner {
		add(Owner, fmt.Sprintf("%d:%d", x.UID, x.GID), fmt.Sprintf("%d:%d", y.UID, y.GID))
	}
	if !ignore.Xattrs {
		for _, n := range xattrNames(x, y) {
			p, inX := x.Xattrs[n]
			q, inY := y.Xattrs[n]
			if inX != inY || !bytes.Equal(p, q) {
				add(Xattr, showXattr(n, p, inX), showXattr(n, q, inY))
			}
		}
	}
	if !ignore.MTime {
		add(MTime, strconv.FormatInt(x.MTime, 10), strconv.FormatInt(y.MTime, 10))
	}
	return out
}

func showXattr(name string, v []byte, present bool) string {
	if !present {
		return ""
	}
	return fmt.Sprintf("%s=0x%x", name, v)
}

func xattrNames(entries ...Entry) []string {
	seen := map[string]bool{}
	var names []string
	for _, e := range entries {
		for n := range e.Xattrs {
			if !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	sort.Strings(names)
	return names
}

// Digest is the fingerprint of a tree as 64 hex digits: equal for trees between which Compare finds no difference under
// Fingerprint(), different otherwise. The tree must have been scanned with Hash for contents to count.
func Digest(t Tree) string { return DigestWith(t, Fingerprint()) }

// DigestWith is Digest with other things left out.
func DigestWith(t Tree, ignore Ignore) string {
	m, _ := newMatcher(ignore.Paths)
	h := sha256.New()
	_, _ = io.WriteString(h, "upkeep tree 1\n")
	for _, e := range t.Entries {
		if !m.covers(e.Path, e.Type == Dir) {
			writeCanonical(h, e, ignore)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeCanonical writes each field with its length, so that no two entries read the same.
func writeCanonical(w io.Writer, e Entry, ignore Ignore) {
	var b strings.Builder
	field := func(s string) { fmt.Fprintf(&b, "%d:%s,", len(s), s) }
	number := func(leftOut bool, n int64) {
		if leftOut {
			n = 0
		}
		field(strconv.FormatInt(n, 10))
	}
	field(e.Path)
	field(string(e.Type))
	number(ignore.Mode, int64(e.Mode))
	number(ignore.Owner, int64(e.UID))
	number(ignore.Owner, int64(e.GID))
	number(ignore.MTime, e.MTime)
	switch e.Type {
	case File:
		if e.SHA256 == "" {
			number(false, e.Size)
		}
		field(e.SHA256)
		if ignore.HardLink {
			e.HardLink = ""
		}
		field(e.HardLink)
	case Link:
		field(e.Target)
	case Char, Block:
		number(false, int64(e.Rdev))
	}
	if !ignore.Xattrs {
		for _, n := range xattrNames(e) {
			field(n)
			field(string(e.Xattrs[n]))
		}
	}
	b.WriteByte('\n')
	_, _ = io.WriteString(w, b.String())
}
