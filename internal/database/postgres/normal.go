package postgres

import "strings"

// normal brings the text of an expression or view into a form that survives a
// dump and a restore. PostgreSQL's own text does not: x IN ('a', 'b') on a
// varchar column is printed with other casts and parentheses once it has been
// read back. So outside of quotes, parentheses, casts and white space are left
// out. What is lost for a comparison is small: the definition in question was
// written by pg_dump and read by the server.
func normal(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	p := prints{text: text}
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '(' || c == ')' || isSpace(c):
			p.pos++
			// Keep words apart, but by one blank at most.
			if s := b.String(); s != "" && isName(s[len(s)-1]) && isSpace(c) {
				b.WriteByte(' ')
			}
		case strings.HasPrefix(p.text[p.pos:], "::"):
			p.pos += 2
			p.typeName()
		case c == '\'' || c == '"':
			b.WriteString(p.quoted())
		case c == '$':
			b.WriteString(p.dollar())
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	return strings.TrimSpace(b.String())
}

// prints reads text as PostgreSQL prints it.
type prints struct {
	text string
	pos  int
}

func (p *prints) quoted() string {
	start, q := p.pos, p.text[p.pos]
	escapes := q == '\'' && start > 0 && p.text[start-1] == 'E'
	for p.pos++; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; {
		case escapes && c == '\\':
			p.pos++
		case c == q:
			p.pos++
			return p.text[start:p.pos]
		}
	}
	p.pos = len(p.text)
	return p.text[start:]
}

// dollar reads $tag$ … $tag$, or one dollar sign ($1).
func (p *prints) dollar() string {
	start := p.pos
	end := strings.IndexByte(p.text[start+1:], '$')
	if end >= 0 {
		tag := p.text[start : start+end+2]
		if plain(tag[1 : len(tag)-1]) {
			if closing := strings.Index(p.text[start+len(tag):], tag); closing >= 0 {
				p.pos = start + len(tag) + closing + len(tag)
				return p.text[start:p.pos]
			}
		}
	}
	p.pos++
	return "$"
}

func plain(tag string) bool {
	for i := range len(tag) {
		if !isName(tag[i]) || (i == 0 && tag[i] >= '0' && tag[i] <= '9') {
			return false
		}
	}
	return true
}

// typeName passes a type as format_type prints it: schema.name, several words,
// (10,2), [].
func (p *prints) typeName() {
	first := p.name()
	for p.pos < len(p.text) && p.text[p.pos] == '.' {
		p.pos++
		first = p.name()
	}
	switch first {
	case "character", "bit":
		p.words("varying")
	case "double":
		p.words("precision")
	case "interval":
		p.words("year", "month", "day", "hour", "minute", "second", "to")
	}
	p.brackets()
	if first == "timestamp" || first == "time" {
		p.words("with", "without")
		p.words("time")
		p.words("zone")
	}
	p.brackets()
}

func (p *prints) name() string {
	if p.pos < len(p.text) && p.text[p.pos] == '"' {
		return p.quoted()
	}
	start := p.pos
	for p.pos < len(p.text) && isName(p.text[p.pos]) {
		p.pos++
	}
	return p.text[start:p.pos]
}

// words passes any of these, as long as they follow each other.
func (p *prints) words(any ...string) {
	for again := true; again; {
		again = false
		for _, w := range any {
			rest := p.text[p.pos:]
			if strings.HasPrefix(rest, " "+w) && (len(rest) == len(w)+1 || !isName(rest[len(w)+1])) {
				p.pos += len(w) + 1
				again = true
			}
		}
	}
}

// brackets passes (…) of digits and [].
func (p *prints) brackets() {
	for p.pos < len(p.text) {
		rest := p.text[p.pos:]
		switch {
		case strings.HasPrefix(rest, "[]"):
			p.pos += 2
		case rest[0] == '(':
			end := strings.IndexByte(rest, ')')
			if end < 0 || strings.Trim(rest[1:end], "0123456789,") != "" {
				return
			}
			p.pos += end + 1
		default:
			return
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func isName(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
