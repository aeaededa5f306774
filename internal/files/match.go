package files

import (
	"fmt"
	"path"
	"strings"
)

// matcher holds patterns in the grammar of Match.
type matcher []pattern

type pattern struct {
	parts    []string
	anchored bool
	dirOnly  bool
}

func newMatcher(patterns []string) (matcher, error) {
	var m matcher
	for _, text := range patterns {
		p := pattern{dirOnly: strings.HasSuffix(text, "/")}
		s := strings.TrimSuffix(text, "/")
		p.anchored = strings.Contains(s, "/")
		s = strings.TrimPrefix(strings.TrimPrefix(s, "./"), "/")
		p.parts = strings.Split(s, "/")
		for _, part := range p.parts {
			if part == "" || part == "." || part == ".." {
				return nil, fmt.Errorf("cannot use pattern %q: it has an empty, . or .. element", text)
			}
			if _, err := path.Match(part, ""); err != nil {
				return nil, fmt.Errorf("cannot use pattern %q: %w", text, err)
			}
		}
		m = append(m, p)
	}
	return m, nil
}

// Match tells whether a path of a tree, or a directory above it, is matched by one of the patterns. A pattern without a slash matches
// a name anywhere ("*.pid"); with a slash it is read from the root of the tree ("var/log/*.log", "/cache"); "**" stands for any
// number of elements; a slash at the end restricts it to directories ("cache/"); elements are those of path.Match.
func Match(patterns []string, p string) (bool, error) {
	m, err := newMatcher(patterns)
	if err != nil || p == "." {
		return false, err
	}
	return m.covers(p, false), nil
}

// covers is excludes for a path on its own: whatever lies above it is asked, too.
func (m matcher) covers(p string, isDir bool) bool {
	for i := range len(p) {
		if p[i] == '/' && m.excludes(p[:i], true) {
			return true
		}
	}
	return m.excludes(p, isDir)
}

// excludes asks for the path alone: a walk has asked for its parents before.
func (m matcher) excludes(p string, isDir bool) bool {
	if len(m) == 0 {
		return false
	}
	parts := strings.Split(p, "/")
	for _, q := range m {
		switch {
		case q.dirOnly && !isDir:
		case !q.anchored:
			if ok, _ := path.Match(q.parts[0], parts[len(parts)-1]); ok || q.parts[0] == "**" {
				return true
			}
		case matchParts(q.parts, parts):
			return true
		}
	}
	return false
}

func matchParts(pattern, parts []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for i := range len(parts) + 1 {
				if matchParts(pattern[1:], parts[i:]) {
					return true
				}
			}
			return false
		}
		if len(parts) == 0 {
			return false
		}
		if ok, _ := path.Match(pattern[0], parts[0]); !ok {
			return false
		}
		pattern, parts = pattern[1:], parts[1:]
	}
	return len(parts) == 0
}
