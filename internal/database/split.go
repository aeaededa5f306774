package database

import "strings"

// Statement is one statement of a script.
type Statement struct {
	Raw   string   // with what stands before and behind it
	Text  string   // as the server takes it, without the mark of its end
	Begin int      // line of the script on which Text begins
	Line  int      // line of its first word: what messages name
	Words []string // outside of quotes, in upper case
}

// Split splits a script. What is no statement is left out: comments at the
// end, and the lines by which the mariadb client is told what ends a statement
// (DELIMITER).
func Split(sql string, d Dialect) []Statement {
	var out []Statement
	for _, p := range pieces(sql, d) {
		if len(p.Words) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// pieces gives all of the text: joined, their Raw are the text.
func pieces(sql string, d Dialect) []Statement {
	s := scanner{text: sql, dialect: d, line: 1, end: ";"}
	var out []Statement
	for s.pos < len(s.text) {
		out = append(out, s.piece())
	}
	return out
}

const white = " \t\r\n\f\v"

func (s *scanner) piece() Statement {
	from, line := s.pos, s.line
	words, first, end := s.statement()
	text := s.text[from:end]
	begins := strings.TrimLeft(strings.TrimPrefix(text, "\uFEFF"), white)
	return Statement{Raw: s.text[from:s.pos], Text: strings.TrimRight(begins, white), Words: words, Line: first,
		Begin: line + strings.Count(text[:len(text)-len(begins)], "\n")}
}
