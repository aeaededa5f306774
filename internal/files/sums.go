package files

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
)

// Sums maps paths of files to the SHA-256 of their content, 64 lower-case hex digits.
type Sums map[string]string

// Paths lists the paths in order.
func (s Sums) Paths() []string {
	out := make([]string, 0, len(s))
	for p := range s {
		out = append(out, p)
	}
	sort.Strings(out)
	return out
}

// Tree makes a description that knows nothing but names and sums.
func (s Sums) Tree() Tree {
	t := Tree{Entries: make([]Entry, 0, len(s))}
	for _, p := range s.Paths() {
		t.Entries = append(t.Entries, Entry{Path: p, Type: File, SHA256: s[p]})
	}
	return t
}

// WriteSums writes the sums in the format of sha256sum of GNU coreutils, sorted by path: `sha256sum -c` reads it.
func WriteSums(w io.Writer, s Sums) error {
	b := bufio.NewWriter(w)
	for _, p := range s.Paths() {
		writeSum(b, s[p], p)
	}
	return b.Flush()
}

// writeSum: a line whose name holds a backslash, newline or carriage return begins with a backslash and has these escaped (coreutils manual, "md5sum invocation").
func writeSum(b *bufio.Writer, sum, path string) {
	if strings.ContainsAny(path, "\\\n\r") {
		esc := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(path)
		fmt.Fprintf(b, "\\%s  %s\n", sum, esc)
	} else {
		fmt.Fprintf(b, "%s  %s\n", sum, path)
	}
}

// maxLine bounds a line of sums and manifests; xattrs of 64 KiB in base64 fit.
const maxLine = 1 << 20

// ParseSums reads what WriteSums or sha256sum wrote. Lines that begin with # are comments. Refused are absolute and climbing paths, a path
// that is there twice, and lines that are not a sum.
func ParseSums(r io.Reader) (Sums, error) {
	s := Sums{}
	err := lines(r, func(line string) error {
		if strings.HasPrefix(line, "#") {
			return nil
		}
		sum, path, err := parseSum(line)
		if err != nil {
			return err
		}
		if _, ok := s[path]; ok {
			return fmt.Errorf("%q is there twice", path)
		}
		s[path] = sum
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read sums: %w", err)
	}
	return s, nil
}

func lines(r io.Reader, do func(string) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 4096), maxLine)
	// As bufio.ScanLines, but a carriage return belongs to the line: names may end in one.
	sc.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			return i + 1, data[:i], nil
		}
		if atEOF && len(data) > 0 {
			return 0, nil, errors.New("the last line is cut off")
		}
		return 0, nil, nil
	})
	n := 0
	for sc.Scan() {
		n++
		if sc.Text() == "" {
			continue
		}
		if err := do(sc.Text()); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	return nil
}

func parseSum(line string) (sum, path string, err error) {
	escaped := strings.HasPrefix(line, `\`)
	if escaped {
		line = line[1:]
	}
	if len(line) < 67 || line[64] != ' ' || line[65] != ' ' && line[65] != '*' || !isSum(line[:64]) {
		return "", "", errors.New("it is not a SHA-256 sum, two spaces and a path")
	}
	sum, path = line[:64], line[66:]
	if escaped {
		if path, err = unescapeSum(path); err != nil {
			return "", "", err
		}
	}
	return sum, path, CheckPath(path)
}

func unescapeSum(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch {
		case i == len(s):
			return "", fmt.Errorf("the name %q ends in half an escape", s)
		case s[i] == '\\':
			b.WriteByte('\\')
		case s[i] == 'n':
			b.WriteByte('\n')
		case s[i] == 'r':
			b.WriteByte('\r')
		default:
			return "", fmt.Errorf("the name %q has an unknown escape", s)
		}
	}
	return b.String(), nil
}

func isSum(s string) bool {
	for i := range len(s) {
		if !('0' <= s[i] && s[i] <= '9' || 'a' <= s[i] && s[i] <= 'f') {
			return false
		}
	}
	return len(s) == 64
}

// CheckPath refuses what is not a path inside a tree: empty, absolute, or with an empty, . or .. element, a NUL, or (as Windows reads names) a backslash
// before .., a drive letter. The root itself, ".", is not a path in this sense.
func CheckPath(p string) error {
	switch {
	case p == "":
		return errors.New("a path is empty")
	case strings.HasPrefix(p, "/"):
		return fmt.Errorf("the path %q is absolute", p)
	case strings.IndexByte(p, 0) >= 0:
		return fmt.Errorf("the path %q holds a NUL", p)
	}
	for part := range strings.SplitSeq(p, "/") {
		switch part {
		case "..":
			return fmt.Errorf("the path %q climbs out of its tree", p)
		case "", ".":
			return fmt.Errorf("the path %q has an empty or . element", p)
		}
	}
	return checkPathPlatform(p)
}
