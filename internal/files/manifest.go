package files

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The manifest is one text file for two readers. For `sha256sum -c` (run in the tree's root) it is a list of sums with comments.
// For Upkeep the comments hold the rest:
//
//	# upkeep manifest 1
//	#: dir 0755 0 0 0 1700000000000000000 bin
//	#: file 4755 0 0 6 1700000000000000000 bin/tool xattr.user.origin=dmVuZG9y
//	5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  bin/tool
//	#: link 0000 0 0 0 1700000000000000000 current target=bin
//	# end 3
//
// An entry has type, mode (octal), uid, gid, size, mtime (ns), path, then what else there is: target=, hardlink=, rdev=, sparse=1,
// sha256= (only where no sum line can follow: a tree that is one file), xattr.NAME= in base64. Names are escaped: blanks, control
// characters, backslashes, = and bytes that are not UTF-8 are \xHH. A file's sum follows on the next line in sha256sum's own
// escaping. The last line counts the entries, so that a cut file shows.
const (
	manifestHead  = "# upkeep manifest 1"
	manifestEntry = "#: "
	manifestEnd   = "# end "
)

// WriteManifest writes the description of a tree, stamps excepted.
func WriteManifest(w io.Writer, t Tree) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, manifestHead)
	for _, e := range t.Entries {
		fmt.Fprintf(b, "%s%s %04o %d %d %d %d %s", manifestEntry, e.Type, e.Mode, e.UID, e.GID, e.Size, e.MTime, escapeName(e.Path))
		option := func(name, value string) {
			if value != "" {
				fmt.Fprintf(b, " %s=%s", name, escapeName(value))
			}
		}
		option("target", e.Target)
		option("hardlink", e.HardLink)
		if e.Rdev != 0 {
			option("rdev", strconv.FormatUint(e.Rdev, 10))
		}
		if e.Sparse {
			option("sparse", "1")
		}
		if e.Path == "." {
			option("sha256", e.SHA256)
		}
		for _, n := range xattrNames(e) {
			fmt.Fprintf(b, " xattr.%s=%s", escapeName(n), base64.RawStdEncoding.EncodeToString(e.Xattrs[n]))
		}
		b.WriteByte('\n')
		if e.SHA256 != "" && e.Path != "." {
			writeSum(b, e.SHA256, e.Path)
		}
	}
	fmt.Fprintf(b, "%s%d\n", manifestEnd, len(t.Entries))
	return b.Flush()
}

// ParseManifest reads what WriteManifest wrote, and refuses everything else: unsorted or repeated entries, paths that lead out of the
// tree, sums without their entry, a missing end.
func ParseManifest(r io.Reader) (Tree, error) {
	p := manifestParser{ended: -1}
	err := lines(r, p.line)
	switch {
	case err != nil:
	case !p.begun:
		err = errors.New("it is empty")
	case p.ended != len(p.tree.Entries):
		err = errors.New("its end is missing")
	}
	if err != nil {
		return Tree{}, fmt.Errorf("cannot read manifest: %w", err)
	}
	return p.tree, nil
}

// ParseAny reads a manifest, or plain output of sha256sum: then names and sums are all the tree knows.
func ParseAny(r io.Reader) (Tree, error) {
	b := bufio.NewReader(r)
	if head, _ := b.Peek(len(manifestHead)); bytes.Equal(head, []byte(manifestHead)) {
		return ParseManifest(b)
	}
	s, err := ParseSums(b)
	if err != nil {
		return Tree{}, err
	}
	return s.Tree(), nil
}

type manifestParser struct {
	tree  Tree
	begun bool
	ended int
	sum   bool // the last entry may be followed by its sum
}

func (p *manifestParser) line(line string) error {
	switch {
	case !p.begun:
		p.begun = true
		if line != manifestHead {
			return fmt.Errorf("it does not begin with %q", manifestHead)
		}
		return nil
	case p.ended >= 0:
		return errors.New("something follows the end")
	case strings.HasPrefix(line, manifestEntry):
		e, err := parseEntry(line[len(manifestEntry):])
		if err != nil {
			return err
		}
		if n := len(p.tree.Entries); n > 0 && p.tree.Entries[n-1].Path >= e.Path {
			return fmt.Errorf("%q is out of order or there twice", e.Path)
		}
		p.tree.Entries = append(p.tree.Entries, e)
		p.sum = e.Type == File && e.Path != "."
		return nil
	case strings.HasPrefix(line, manifestEnd):
		n, err := strconv.Atoi(line[len(manifestEnd):])
		if err != nil || n != len(p.tree.Entries) {
			return fmt.Errorf("it has %d entries where %s were written", len(p.tree.Entries), line[len(manifestEnd):])
		}
		p.ended = n
		return nil
	}
	sum, path, err := parseSum(line)
	if err != nil {
		return err
	}
	if !p.sum || p.tree.Entries[len(p.tree.Entries)-1].Path != path {
		return fmt.Errorf("the sum of %q does not follow its entry", path)
	}
	p.tree.Entries[len(p.tree.Entries)-1].SHA256 = sum
	p.sum = false
	return nil
}

func parseEntry(s string) (Entry, error) {
	f := strings.Split(s, " ")
	if len(f) < 7 {
		return Entry{}, errors.New("an entry is cut off")
	}
	e := Entry{Type: Type(f[0])}
	switch e.Type {
	case File, Dir, Link, FIFO, Socket, Char, Block:
	default:
		return Entry{}, fmt.Errorf("unknown type %q", f[0])
	}
	mode, err1 := strconv.ParseUint(f[1], 8, 12)
	uid, err2 := strconv.ParseUint(f[2], 10, 32)
	gid, err3 := strconv.ParseUint(f[3], 10, 32)
	size, err4 := strconv.ParseInt(f[4], 10, 64)
	mtime, err5 := strconv.ParseInt(f[5], 10, 64)
	path, err6 := unescapeName(f[6])
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return Entry{}, err
	}
	if size < 0 || size > 0 && e.Type != File {
		return Entry{}, fmt.Errorf("%q has size %d", path, size)
	}
	e.Mode, e.UID, e.GID, e.Size, e.MTime, e.Path = uint32(mode), uint32(uid), uint32(gid), size, mtime, path
	if path != "." {
		if err := CheckPath(path); err != nil {
			return Entry{}, err
		}
	}
	for _, o := range f[7:] {
		name, value, ok := strings.Cut(o, "=")
		if !ok {
			return Entry{}, fmt.Errorf("%q has a field %q without a value", path, name)
		}
		if err := e.option(name, value); err != nil {
			return Entry{}, fmt.Errorf("%q: %w", path, err)
		}
	}
	if (e.Type == Link) != (e.Target != "") {
		return Entry{}, fmt.Errorf("%q: a link must have a target, and nothing else may", path)
	}
	return e, nil
}

func (e *Entry) option(name, value string) (err error) {
	if x, ok := strings.CutPrefix(name, "xattr."); ok {
		if x, err = unescapeName(x); err != nil {
			return err
		}
		if _, twice := e.Xattrs[x]; twice || x == "" {
			return fmt.Errorf("attribute %q is empty or there twice", x)
		}
		v, err := base64.RawStdEncoding.Strict().DecodeString(value)
		if err != nil {
			return err
		}
		if e.Xattrs == nil {
			e.Xattrs = map[string][]byte{}
		}
		e.Xattrs[x] = v
		return nil
	}
	if value, err = unescapeName(value); err != nil {
		return err
	}
	switch name {
	case "target":
		e.Target = value
	case "hardlink":
		if e.HardLink = value; e.Type != File || value >= e.Path {
			return fmt.Errorf("it cannot be a further name of %q", value)
		}
		err = CheckPath(value)
	case "rdev":
		e.Rdev, err = strconv.ParseUint(value, 10, 64)
	case "sparse":
		e.Sparse = value == "1"
	case "sha256":
		if e.SHA256 = value; !isSum(value) || e.Path != "." || e.Type != File {
			return fmt.Errorf("a sum does not belong here")
		}
	default:
		return fmt.Errorf("unknown field %q", name)
	}
	return err
}

// escapeName keeps a name on one line and in one field, whatever its bytes.
func escapeName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r <= ' ' || r == '\\' || r == '=' || r == 0x7f || r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

func unescapeName(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+3 >= len(s) || s[i+1] != 'x' {
			return "", fmt.Errorf("the name %q has an unknown escape", s)
		}
		n, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
		if err != nil {
			return "", fmt.Errorf("the name %q has an unknown escape", s)
		}
		b.WriteByte(byte(n))
		i += 3
	}
	return b.String(), nil
}
