package site

import (
	"fmt"
	"strconv"
	"strings"
)

// Draft is what a new installation document says.
type Draft struct {
	ID        string
	Product   string
	Title     string     // what the document is, in a line
	State     string     // folder of the state; empty: the default
	BackupDir string     // folder of the restore points; empty: in the state folder
	Feed      *DraftFeed // nil: the document names none
	Params    []DraftParam
}

// DraftFeed is the feed of a new installation document.
type DraftFeed struct {
	URL  string // address, or an absolute folder
	Root string // absolute path of the root's file
}

// DraftParam is a parameter of a new installation document. Without a value it
// is only spoken of, in a comment.
type DraftParam struct {
	ID      string
	Comment string
	Value   *Value
}

// Compose writes a new installation document, for people to read and to edit.
// Decode reads it back.
func Compose(d Draft) []byte {
	var b strings.Builder
	comment(&b, "", d.Title)
	b.WriteString("installation:\n")
	pair(&b, "  ", "id", d.ID)
	pair(&b, "  ", "product", d.Product)
	if d.State != "" {
		pair(&b, "  ", "state", d.State)
	}
	if d.BackupDir != "" {
		b.WriteString("backup:\n")
		pair(&b, "  ", "dir", d.BackupDir)
	}
	if f := d.Feed; f != nil {
		b.WriteString("feed:\n")
		pair(&b, "  ", "url", f.URL)
		fmt.Fprintf(&b, "  root: {file: %s}\n", quoted(f.Root))
	}
	open := false
	for _, p := range d.Params {
		if !open && p.Value != nil {
			b.WriteString("params:\n")
			open = true
		}
	}
	for _, p := range d.Params {
		indent := ""
		if open {
			indent = "  "
		}
		comment(&b, indent, p.Comment)
		switch {
		case p.Value == nil:
		case p.Value.Ref == nil:
			pair(&b, "  ", p.ID, p.Value.Text)
		case p.Value.Ref.File != "":
			fmt.Fprintf(&b, "  %s: {file: %s}\n", p.ID, quoted(p.Value.Ref.File))
		default:
			fmt.Fprintf(&b, "  %s: {env: %s}\n", p.ID, quoted(p.Value.Ref.Env))
		}
	}
	return []byte(b.String())
}

func comment(b *strings.Builder, indent, text string) {
	for line := range strings.Lines(text) {
		b.WriteString(indent + "# " + strings.TrimRight(clean(line), " ") + "\n")
	}
}

func pair(b *strings.Builder, indent, key, value string) {
	fmt.Fprintf(b, "%s%s: %s\n", indent, key, quoted(value))
}

// quoted writes a text so that YAML reads nothing else in it: its double-quoted
// style knows every escape that Go writes (YAML 1.2.2, 5.7).
func quoted(text string) string { return strconv.Quote(strings.ToValidUTF8(text, "\ufffd")) }

// clean leaves out what must not stand in a comment.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return -1
		}
		return r
	}, text)
}
