package review

import "strings"

// mention is a name as a script writes it: schema.table.column has three parts.
type mention struct {
	names []string
	line  int
}

// mentions lists the names in a script, those in its texts too.
func mentions(kind, script string) []mention {
	s := scanner{kind: kind, text: script, line: 1}
	return s.all(0)
}

// scanner goes through a text in a server's dialect.
type scanner struct {
	kind string
	text string
	pos  int
	line int
}

// deepest bounds texts within texts.
const deepest = 8

func (s *scanner) all(depth int) []mention {
	var out []mention
	for s.pos < len(s.text) {
		if s.comment() {
			continue
		}
		if inner, line, ok := s.literal(); ok {
			if depth < deepest {
				in := scanner{kind: s.kind, text: inner, line: line}
				out = append(out, in.all(depth+1)...)
			}
			continue
		}
		at := s.pos
		if m, ok := s.chain(); ok {
			out = append(out, m)
		} else if s.pos == at { // a name that is empty is passed as well
			s.step()
		}
	}
	return out
}

func (s *scanner) step() {
	if s.text[s.pos] == '\n' {
		s.line++
	}
	s.pos++
}

func (s *scanner) skip(n int) {
	for end := min(s.pos+n, len(s.text)); s.pos < end; {
		s.step()
	}
}

func (s *scanner) rest() string { return s.text[s.pos:] }

// comment passes a comment. What MariaDB carries out in one is none.
func (s *scanner) comment() bool {
	rest := s.rest()
	switch {
	case s.kind == "mariadb" && (strings.HasPrefix(rest, "/*!") || strings.HasPrefix(rest, "/*M!")):
		s.skip(strings.IndexByte(rest, '!') + 1)
	case strings.HasPrefix(rest, "/*"):
		depth := 0
		for s.pos < len(s.text) {
			switch {
			case strings.HasPrefix(s.rest(), "/*") && (depth == 0 || s.kind == "postgres"): // which nests them
				depth++
				s.skip(2)
			case strings.HasPrefix(s.rest(), "*/"):
				depth--
				s.skip(2)
			default:
				s.step()
			}
			if depth == 0 {
				break
			}
		}
	case strings.HasPrefix(rest, "--") && (s.kind != "mariadb" || len(rest) == 2 || rest[2] <= ' '), s.kind == "mariadb" && rest[0] == '#':
		end := strings.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest)
		}
		s.skip(end)
	default:
		return false
	}
	return true
}

// literal passes a text and gives what is in it: '…', $tag$…$tag$, and "…" where
// MariaDB takes it for one (its names in it are found all the same).
func (s *scanner) literal() (inner string, line int, ok bool) {
	rest := s.rest()
	switch {
	case rest[0] == '\'':
		escapes := s.kind == "mariadb" || s.kind == "postgres" && s.pos > 0 && (s.text[s.pos-1] == 'E' || s.text[s.pos-1] == 'e')
		inner, line = s.until('\'', escapes)
		return strings.ReplaceAll(inner, "''", "'"), line, true
	case rest[0] == '"' && s.kind == "mariadb":
		inner, line = s.until('"', true)
		return inner, line, true
	case rest[0] == '$' && s.kind == "postgres":
		end := strings.IndexByte(rest[1:], '$')
		if end < 0 || strings.ContainsFunc(rest[1:1+end], func(r rune) bool { return r < 0x80 && !isWord(byte(r)) }) || end > 0 && rest[1] >= '0' && rest[1] <= '9' {
			return "", 0, false
		}
		tag := rest[:end+2]
		line = s.line
		s.skip(len(tag))
		body := s.rest()
		n := strings.Index(body, tag)
		if n < 0 {
			n = len(body)
		}
		inner = body[:n]
		s.skip(n + len(tag))
		return inner, line, true
	}
	return "", 0, false
}

// until passes a quoted piece and gives what is in it, doubled quotes as they
// are.
func (s *scanner) until(quote byte, escapes bool) (inner string, line int) {
	line = s.line
	s.pos++
	from := s.pos
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		switch {
		case escapes && c == '\\':
			s.skip(2)
			continue
		case c == quote && s.pos+1 < len(s.text) && s.text[s.pos+1] == quote && quote != ']':
			s.skip(2)
			continue
		case c == quote:
			inner = s.text[from:s.pos]
			s.pos++
			return inner, line
		}
		s.step()
	}
	return s.text[from:], line
}

// chain reads names with points between them.
func (s *scanner) chain() (mention, bool) {
	m := mention{line: s.line}
	name, ok := s.name()
	if !ok {
		return m, false
	}
	m.names = append(m.names, name)
	for {
		at, line := s.pos, s.line
		s.blank()
		if s.pos >= len(s.text) || s.text[s.pos] != '.' {
			s.pos, s.line = at, line
			return m, true
		}
		s.pos++
		s.blank()
		if s.pos >= len(s.text) {
			return m, true
		}
		if name, ok = s.name(); !ok {
			return m, true
		}
		m.names = append(m.names, name)
	}
}

func (s *scanner) blank() {
	for s.pos < len(s.text) {
		if strings.IndexByte(" \t\r\n\f\v", s.text[s.pos]) >= 0 {
			s.step()
		} else if !s.comment() {
			return
		}
	}
}

// name reads one name, quoted or not.
func (s *scanner) name() (string, bool) {
	c := s.text[s.pos]
	switch {
	case c == '"' && s.kind != "mariadb", c == '`' && s.kind != "postgres", c == '[' && s.kind == "sqlite":
		end := c
		if c == '[' {
			end = ']'
		}
		inner, _ := s.until(end, false)
		return exact(s.kind, strings.ReplaceAll(inner, string([]byte{end, end}), string([]byte{end}))), inner != ""
	case isWord(c):
		from := s.pos
		for s.pos < len(s.text) && (isWord(s.text[s.pos]) || s.text[s.pos] == '$') {
			s.pos++
		}
		return fold(s.kind, s.text[from:s.pos]), true
	}
	return "", false
}

// isWord holds for what a name that is not quoted may have in it.
func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
