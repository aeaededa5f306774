package postgres

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"upkeep/internal/database"
)

// contents is the table of contents of an archive, as pg_restore --list prints
// it.
type contents struct {
	text    []byte
	entries []entry
}

// entry is one line: "3421; 1259 16393 TABLE public users shop".
type entry struct {
	line int
	kind string // "TABLE", "TABLE DATA", "EXTENSION", "COMMENT"
	name string // the words after the schema, without the owner
}

// readContents lets pg_restore read the head of the archive, and gives a reader
// that begins again from the start: the table of contents stands first, so only
// that and a pipe's worth of data are kept in memory.
func readContents(ctx context.Context, tools kit, r io.Reader) (contents, io.Reader, error) {
	c := program(ctx, tools.path("pg_restore"), []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}, "--format=custom", "--list")
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return contents{}, nil, err
	}
	var out, head bytes.Buffer
	c.cmd.Stdout = &out
	if err := c.cmd.Start(); err != nil {
		return contents{}, nil, fmt.Errorf("pg_restore: %w", err)
	}
	watched := &failing{r: r}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		buf := make([]byte, 32<<10)
		for {
			n, err := watched.Read(buf)
			head.Write(buf[:n])
			if n > 0 {
				if _, err := in.Write(buf[:n]); err != nil {
					break // pg_restore has read what it needs
				}
			}
			if err != nil {
				break
			}
		}
		_ = in.Close()
	}()
	err = c.wait()
	// wait has closed our end of the pipe, so the writer stops at once.
	<-fed
	if watched.err != nil {
		return contents{}, nil, fmt.Errorf("the dump cannot be read: %w", watched.err)
	}
	if err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("%w: this is not a dump that pg_restore %s can read: %w", database.ErrDamaged, tools.version, err)
		}
		return contents{}, nil, err
	}
	return parseContents(out.Bytes()), io.MultiReader(&head, r), nil
}

// kinds of more than one word that matter to us come before their beginnings.
var longKinds = []string{"TABLE DATA", "EVENT TRIGGER", "DEFAULT ACL", "SEQUENCE SET", "SEQUENCE OWNED BY", "LARGE OBJECT"}

func parseContents(text []byte) contents {
	c := contents{text: text}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for n := 0; lines.Scan(); n++ {
		if e, ok := parseEntry(lines.Text()); ok {
			e.line = n
			c.entries = append(c.entries, e)
		}
	}
	return c
}

func parseEntry(line string) (entry, bool) {
	head, rest, ok := strings.Cut(line, "; ")
	if !ok || strings.HasPrefix(line, ";") || strings.Trim(head, "0123456789") != "" {
		return entry{}, false
	}
	words := strings.SplitN(rest, " ", 3) // two object numbers
	if len(words) < 3 {
		return entry{}, false
	}
	rest = words[2]
	kind, name, ok := strings.Cut(rest, " ")
	for _, long := range longKinds {
		if strings.HasPrefix(rest, long+" ") {
			kind, name = long, rest[len(long)+1:]
		}
	}
	if !ok {
		return entry{}, false
	}
	_, name, _ = strings.Cut(name, " ") // the schema, or a dash
	if i := strings.LastIndexByte(name, ' '); i >= 0 {
		name = name[:i] // the owner, which may be empty
	}
	return entry{kind: kind, name: name}, true
}

func (c contents) has(kind, name string) bool {
	for _, e := range c.entries {
		if e.kind == kind && e.name == name {
			return true
		}
	}
	return false
}

// without is the list with some entries commented out; nil when none is, since
// pg_restore then needs no list.
func (c contents) without(skip func(entry) bool) []byte {
	var out []byte
	lines := bytes.SplitAfter(c.text, []byte("\n"))
	changed := false
	for _, e := range c.entries {
		if skip(e) {
			lines[e.line] = append([]byte(";"), lines[e.line]...)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	for _, l := range lines {
		out = append(out, l...)
	}
	return out
}
