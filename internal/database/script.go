package database

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Script is one SQL script of a migration.
type Script struct {
	Name string // for messages: the file's name
	SQL  string
}

// Dialect is the reading of quotes and comments.
type Dialect int

// The dialects a script may be written in.
const (
	Postgres Dialect = iota
	SQLite
	MariaDB
)

// Check refuses what cannot run inside one transaction of ours: statements that
// begin or end a transaction, COPY from the client, and commands of psql, the
// sqlite3 shell (lines that begin with a backslash or a dot) or the mariadb
// client. It wraps ErrScript and names script and line.
func (s Script) Check(d Dialect) error { return s.check(d, false) }

// CheckAlone is Check for a script that is carried out statement by statement:
// what cannot run in a transaction may be in it.
func (s Script) CheckAlone(d Dialect) error { return s.check(d, true) }

func (s Script) check(d Dialect, alone bool) error {
	var bad error
	scan(s.SQL, d, func(words []string, line int) bool {
		why := refusal(words)
		if alone && words[0] == "VACUUM" {
			why = ""
		}
		if d == MariaDB && why == "" {
			why = refusalMariaDB(words)
		}
		if why != "" {
			bad = fmt.Errorf("%s, line %d: %w: %s", s.Name, line, ErrScript, why)
		}
		return bad == nil
	})
	return bad
}

// Statements counts the statements of a text.
func Statements(sql string, d Dialect) int { return len(Split(sql, d)) }

// Commands gives the words of every statement, outside of quotes and in upper
// case.
func Commands(sql string, d Dialect) [][]string {
	var out [][]string
	scan(sql, d, func(words []string, _ int) bool { out = append(out, words); return true })
	return out
}

// refusalMariaDB is what only MariaDB and its client know.
func refusalMariaDB(words []string) string {
	switch words[0] {
	case "SOURCE":
		return words[0] + " is a command of the mariadb client: say client: native at the step, or take it out"
	case "USE":
		return "USE reaches outside the database"
	case "XA", "LOCK", "UNLOCK":
		return words[0] + " is Upkeep's to say: take it out"
	case "SET":
		if slices.Contains(words, "AUTOCOMMIT") {
			return "SET autocommit ends the transaction: take it out"
		}
	}
	return ""
}

func refusal(words []string) string {
	at := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	first := at(0)
	switch first {
	case "BEGIN", "COMMIT", "END", "ABORT":
		return first + " is Upkeep's to say: take it out"
	case "START":
		return "START TRANSACTION is Upkeep's to say: take it out"
	case "ROLLBACK":
		if at(1) != "TO" && !(at(1) == "TRANSACTION" && at(2) == "TO") && !(at(1) == "WORK" && at(2) == "TO") {
			return "ROLLBACK is Upkeep's to say: take it out"
		}
	case "PREPARE":
		if at(1) == "TRANSACTION" {
			return "PREPARE TRANSACTION leaves a transaction behind: take it out"
		}
	case "VACUUM":
		return "VACUUM cannot run in a transaction: begin the script with -- upkeep: no-transaction"
	case "ATTACH", "DETACH":
		return first + " reaches outside the database"
	case "COPY":
		for i, w := range words {
			if (w == "STDIN" || w == "STDOUT") && i > 0 {
				return "COPY with " + w + " needs psql: use INSERT, or say client: native at the step"
			}
		}
	}
	if strings.HasPrefix(first, `\`) {
		return first + " is a command of psql: say client: native at the step, or take it out"
	}
	if strings.HasPrefix(first, ".") {
		return first + " is a command of the sqlite3 shell"
	}
	return ""
}

// scan hands each statement's words (unquoted, upper case) and first line to
// each, until that says false.
func scan(text string, d Dialect, each func(words []string, line int) bool) {
	sc := scanner{text: text, dialect: d, line: 1, end: ";"}
	for sc.pos < len(sc.text) {
		if p := sc.piece(); len(p.Words) > 0 && !each(p.Words, p.Line) {
			return
		}
	}
}

type scanner struct {
	text    string
	pos     int
	line    int
	dialect Dialect
	end     string // of a statement: a semicolon, until DELIMITER says otherwise
}

// statement reads to the next semicolon that ends one: not in quotes, not in
// parentheses (rules hold several statements), not in the body of a trigger or
// an SQL function. Where DELIMITER has said what ends one, only that does. It
// gives where the statement ends and what ends it begins.
func (s *scanner) statement() (words []string, line, end int) {
	parens, blocks := 0, 0
	begin := func() {
		if line == 0 {
			line = s.line
		}
	}
	for s.pos < len(s.text) {
		if s.end != ";" && strings.HasPrefix(s.text[s.pos:], s.end) {
			s.pos += len(s.end)
			return words, line, s.pos - len(s.end)
		}
		if s.skipQuiet() {
			continue
		}
		c := s.text[s.pos]
		switch {
		case c == ';':
			s.pos++
			if s.end == ";" && parens <= 0 && blocks <= 0 {
				end = s.pos - 1
				s.data(words)
				return words, line, end
			}
		case c == '(':
			begin()
			parens++
			s.pos++
		case c == ')':
			parens--
			s.pos++
		case c == '\\' && s.dialect == Postgres:
			begin()
			words = append(words, s.word())
			if s.pos < len(s.text) && s.text[s.pos] == ';' { // \; is none of its commands
				s.pos++
				continue
			}
			s.rest() // a command of psql goes to the end of its line, and ends what is before it
			return words, line, s.pos
		case c == '.' && s.dialect == SQLite && len(words) == 0:
			begin()
			words = append(words, s.word())
		case isWord(c):
			begin()
			w := s.word()
			if len(words) == 0 && w == "DELIMITER" && s.dialect == MariaDB {
				if mark := strings.TrimSpace(s.rest()); mark != "" {
					s.end = mark
					return nil, 0, s.pos
				}
			}
			blocks += s.block(words, w, blocks)
			words = append(words, w)
		default:
			begin()
			if !s.quoted() {
				s.pos++
			} else if len(words) == 0 {
				words = append(words, `"`)
			}
		}
	}
	return words, line, s.pos
}

// rest passes what is left of the line, without its end.
func (s *scanner) rest() string {
	end := strings.IndexByte(s.text[s.pos:], '\n')
	if end < 0 {
		end = len(s.text) - s.pos
	}
	text := s.text[s.pos : s.pos+end]
	s.pos += end
	return text
}

// data passes the rows behind COPY … FROM STDIN, up to the line \. of their end.
func (s *scanner) data(words []string) {
	if s.dialect != Postgres || words == nil || words[0] != "COPY" || !slices.Contains(words, "STDIN") {
		return
	}
	for s.pos < len(s.text) {
		row := strings.TrimSpace(s.rest())
		s.step()
		if row == `\.` {
			return
		}
	}
}

// block tells how a word changes the nesting of statement bodies.
func (s *scanner) block(words []string, w string, depth int) int {
	if len(words) == 0 || words[0] != "CREATE" {
		return 0
	}
	if s.dialect == MariaDB {
		return blockMariaDB(words, w, depth)
	}
	switch w {
	case "ATOMIC":
		if s.dialect == Postgres && words[len(words)-1] == "BEGIN" {
			return 1
		}
	case "BEGIN":
		if s.dialect == SQLite && depth == 0 && isTrigger(words) {
			return 1
		}
	case "CASE":
		if depth > 0 {
			return 1
		}
	case "END":
		if depth > 0 {
			return -1
		}
	}
	return 0
}

// blockMariaDB counts BEGIN … END and CASE … END. Other blocks end with a word
// of their own after END.
func blockMariaDB(words []string, w string, depth int) int {
	last := words[len(words)-1]
	switch {
	case last == "END" && depth >= 0 && slices.Contains([]string{"IF", "LOOP", "WHILE", "REPEAT", "FOR"}, w):
		return 1 // that END was not one of ours
	case w == "BEGIN", w == "CASE" && depth > 0 && last != "END":
		return 1
	case w == "END" && depth > 0:
		return -1
	}
	return 0
}

func isTrigger(words []string) bool {
	for i := 1; i < len(words) && i < 3; i++ {
		if words[i] == "TRIGGER" {
			return true
		}
	}
	return false
}

// skipQuiet passes white space and comments.
func (s *scanner) skipQuiet() bool {
	rest := s.text[s.pos:]
	switch {
	case rest[0] == '\n':
		s.line++
		s.pos++
	case strings.IndexByte(" \t\r\f\v", rest[0]) >= 0:
		s.pos++
	case strings.HasPrefix(rest, "\uFEFF"):
		s.pos += len("\uFEFF")
	case s.dialect == MariaDB && strings.HasPrefix(rest, "--") && len(rest) > 2 && rest[2] > ' ':
		return false // two minus signs
	case s.dialect == MariaDB && executed.MatchString(rest):
		s.pos += len(executed.FindString(rest)) // what only MariaDB reads is no comment
	case s.dialect == MariaDB && strings.HasPrefix(rest, "*/"):
		s.pos += 2
	case strings.HasPrefix(rest, "--"), s.dialect == MariaDB && rest[0] == '#':
		end := strings.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest)
		}
		s.pos += end
	case strings.HasPrefix(rest, "/*"):
		s.comment()
	default:
		return false
	}
	return true
}

// executed opens what looks like a comment and is none.
var executed = regexp.MustCompile(`^/\*M?![0-9]*`)

// comment passes /* … */, which PostgreSQL nests and SQLite does not.
func (s *scanner) comment() {
	depth := 0
	for s.pos < len(s.text) {
		rest := s.text[s.pos:]
		switch {
		case strings.HasPrefix(rest, "/*") && (depth == 0 || s.dialect == Postgres):
			depth++
			s.pos += 2
		case strings.HasPrefix(rest, "*/"):
			s.pos += 2
			if depth--; depth == 0 {
				return
			}
		default:
			s.step()
		}
	}
}

// quoted passes one quoted piece, if there is one here.
func (s *scanner) quoted() bool {
	switch c := s.text[s.pos]; {
	case c == '\'':
		// E'…' knows backslashes; the letter has been read as a word before.
		escapes := s.dialect == Postgres && s.pos > 0 && (s.text[s.pos-1] == 'E' || s.text[s.pos-1] == 'e') &&
			(s.pos < 2 || !isWord(s.text[s.pos-2]))
		s.until('\'', escapes || s.dialect == MariaDB)
	case c == '"':
		s.until('"', s.dialect == MariaDB)
	case c == '`' && s.dialect != Postgres:
		s.until('`', false)
	case c == '[' && s.dialect == SQLite:
		s.until(']', false)
	case c == '$' && s.dialect == Postgres:
		return s.dollar()
	default:
		return false
	}
	return true
}

func (s *scanner) until(end byte, escapes bool) {
	s.pos++
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if escapes && c == '\\' {
			s.step()
			s.step()
			continue
		}
		if c == end {
			if s.pos+1 < len(s.text) && s.text[s.pos+1] == end && end != ']' {
				s.pos += 2
				continue
			}
			s.pos++
			return
		}
		s.step()
	}
}

// dollar passes $tag$ … $tag$.
func (s *scanner) dollar() bool {
	i := s.pos + 1
	for i < len(s.text) && (isWord(s.text[i]) && s.text[i] != '$') {
		i++
	}
	if i >= len(s.text) || s.text[i] != '$' || (i > s.pos+1 && s.text[s.pos+1] >= '0' && s.text[s.pos+1] <= '9') {
		return false
	}
	tag := s.text[s.pos : i+1]
	s.pos = i + 1
	for s.pos < len(s.text) && !strings.HasPrefix(s.text[s.pos:], tag) {
		s.step()
	}
	s.pos = min(len(s.text), s.pos+len(tag))
	return true
}

func (s *scanner) step() {
	if s.pos < len(s.text) {
		if s.text[s.pos] == '\n' {
			s.line++
		}
		s.pos++
	}
}

func (s *scanner) word() string {
	start := s.pos
	s.pos++
	for s.pos < len(s.text) && isWord(s.text[s.pos]) {
		s.pos++
	}
	return strings.ToUpper(s.text[start:s.pos])
}

// isWord holds for what an unquoted name may have after its first letter. A
// dollar sign inside a name does not open a quote.
func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
