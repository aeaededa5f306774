package scope

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// maxLine bounds a line handed on; a longer one is handed on in parts.
const maxLine = 8 << 10

// sink takes a child's output: whole lines to the writer until the limit, then
// it only counts; the last bytes are always kept. Memory is bounded.
type sink struct {
	to     io.Writer
	redact func([]byte) []byte
	limit  int64
	name   string

	line    []byte // unfinished
	rest    []byte // the last bytes after the cut, not looked at yet
	restCut bool   // rest begins somewhere in a line
	passed  int64
	total   int64
	cut     bool
	failed  bool // the writer failed: it is left alone from then on
	tail    []byte
	tailOut int64 // bytes dropped from the front of tail
}

// Write takes a chunk; it never fails, since a child must not be hurt by a
// reader that went away.
func (s *sink) Write(p []byte) (int, error) {
	n := len(p)
	s.total += int64(n)
	if s.cut { // a flood: as little work as possible
		s.rest = append(s.rest, p...)
		if len(s.rest) > 8*TailSize {
			s.rest = append(s.rest[:0], s.rest[len(s.rest)-TailSize:]...)
			s.restCut = true
		}
		return n, nil
	}
	s.lines(p)
	return n, nil
}

func (s *sink) lines(p []byte) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		room := maxLine - len(s.line)
		switch {
		case i >= 0 && i < room:
			s.line = append(s.line, p[:i+1]...)
			p = p[i+1:]
			s.flush()
		case len(p) >= room:
			s.line = append(s.line, p[:room]...)
			p = p[room:]
			s.flush()
		default:
			s.line = append(s.line, p...)
			p = nil
		}
	}
}

// flush hands on the line that was gathered.
func (s *sink) flush() {
	if len(s.line) == 0 {
		return
	}
	raw := int64(len(s.line))
	line := s.line
	if s.redact != nil {
		line = s.redact(line)
	}
	s.keep(line)
	switch {
	case s.cut:
	case s.passed+raw > s.limit:
		s.cut = true
		s.emit(fmt.Appendf(nil, "[upkeep: %s writes more than %d bytes; cut here]\n", s.name, s.limit))
	default:
		s.passed += raw
		s.emit(line)
	}
	s.line = s.line[:0]
}

// keep appends to the tail, which is trimmed now and then to TailSize.
func (s *sink) keep(line []byte) {
	s.tail = append(s.tail, line...)
	if len(s.tail) > 4*TailSize {
		drop := len(s.tail) - TailSize
		s.tailOut += int64(drop)
		s.tail = append(s.tail[:0], s.tail[drop:]...)
	}
}

func (s *sink) emit(line []byte) {
	if s.to == nil || s.failed {
		return
	}
	if line[len(line)-1] != '\n' {
		line = append(line[:len(line):len(line)], '\n')
	}
	if _, err := s.to.Write(line); err != nil {
		s.failed = true
	}
}

// close hands on an unfinished line and, after a cut, the count and the end.
func (s *sink) close() {
	if i := bytes.IndexByte(s.rest, '\n'); s.restCut && i >= 0 && i < len(s.rest)-1 {
		s.rest, s.line = s.rest[i+1:], s.line[:0]
	}
	s.lines(s.rest)
	s.flush()
	if s.cut {
		s.emit(fmt.Appendf(nil, "[upkeep: %d bytes were cut; the last lines:]\n", s.truncated()))
		for l := range strings.Lines(lastBytes(s.text(), 4<<10)) {
			s.emit([]byte(l))
		}
	}
}

func (s *sink) truncated() int64 { return s.total - s.passed }

// text is the tail, from the first whole line in it.
func (s *sink) text() string {
	t := string(s.tail)
	if len(t) > TailSize || s.tailOut > 0 {
		t = lastBytes(t, TailSize)
	}
	return strings.ToValidUTF8(t, "�")
}

// lastBytes returns whole lines from the end, at most n bytes; a part of a
// line when the last one is longer than that.
func lastBytes(t string, n int) string {
	if len(t) <= n {
		return t
	}
	t = t[len(t)-n:]
	if i := strings.IndexByte(t, '\n'); i >= 0 && i < len(t)-1 {
		t = t[i+1:]
	}
	return t
}

// lastLine is the last line with something in it, for an error message.
func lastLine(t string) string {
	t = strings.TrimRight(t, " \t\r\n")
	t = t[strings.LastIndexByte(t, '\n')+1:]
	if len(t) > 300 {
		t = strings.ToValidUTF8(t[:300], "") + "…"
	}
	return strings.TrimSpace(t)
}
