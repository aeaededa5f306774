// Package logs reads the log files of products: which of their entries are of
// a level or worse, and not older than a moment. It knows lines of text, JSON
// and fields between "|", as they are commonly written, without being told
// which. It reads only what it is given.
package logs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Level says how bad an entry is, worse ones being greater.
type Level int

// The levels. None is that of a line that names none.
const (
	None Level = iota
	Debug
	Info
	Notice
	Warning
	Error
	Critical
)

// words are the names of levels that programs use: syslog's (RFC 5424, 6.2.1),
// and those of the common libraries.
func words() map[string]Level {
	return map[string]Level{
		"trace": Debug, "debug": Debug, "verbose": Debug, "fine": Debug, "finer": Debug, "finest": Debug,
		"info": Info, "information": Info, "informational": Info, "log": Info, "statement": Info,
		"notice": Notice,
		"warn":   Warning, "warning": Warning,
		"error": Error, "err": Error, "severe": Error, "fail": Error, "failure": Error, "exception": Error,
		"critical": Critical, "crit": Critical, "fatal": Critical, "panic": Critical, "alert": Critical, "emerg": Critical, "emergency": Critical,
	}
}

// ParseLevel reads the name of a level, in upper or lower case.
func ParseLevel(s string) (Level, error) {
	if l, ok := words()[strings.ToLower(s)]; ok {
		return l, nil
	}
	return None, fmt.Errorf("%q is no level: use debug, info, notice, warning, error or critical", s)
}

// Entry is one that was looked for.
type Entry struct {
	Level Level
	Time  time.Time // zero where the log has none
	Text  string    // without its time; its first line
}

// Filter says what is looked for.
type Filter struct {
	Level Level          // this or worse
	Since time.Time      // not older; zero: of any age. Entries without a time count
	Zone  *time.Location // of times that name none
	Now   time.Time
}

// Limits of what is kept and read.
const (
	maxLine = 64 << 10 // of a line; the rest of a longer one is passed over
	maxKept = 200      // different texts
	maxText = 500      // characters of a text
)

// Found is what Read has found.
type Found struct {
	Texts  []string // different ones, in the order of their first entries; at most 200
	Total  int      // entries
	Worst  Level
	Last   time.Time // of the last entry; zero where none has a time
	Passed int       // entries of other levels, or older
	More   bool      // there are more texts
	seen   map[string]bool
}

// Read adds what a log holds. It reads to the end, with little memory.
func (f *Found) Read(r io.Reader, want Filter) error {
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	p := newParser(want)
	in := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if e, ok := p.parse(line); ok {
			f.note(e, want)
		}
		if err != nil {
			return nil
		}
	}
}

func (f *Found) note(e Entry, want Filter) {
	if e.Level < want.Level || !e.Time.IsZero() && e.Time.Before(want.Since) {
		f.Passed++
		return
	}
	f.Total++
	f.Worst = max(f.Worst, e.Level)
	if e.Time.After(f.Last) {
		f.Last = e.Time
	}
	switch {
	case f.seen[e.Text]:
	case len(f.Texts) == maxKept:
		f.More = true
	default:
		f.seen[e.Text] = true
		f.Texts = append(f.Texts, e.Text)
	}
}

// readLine returns a line without its end; of a longer one the first maxLine bytes.
func readLine(in *bufio.Reader) (string, error) {
	b, more, err := in.ReadLine()
	line := string(b)
	for more && err == nil {
		_, more, err = in.ReadLine()
	}
	return line, err
}

// String is the level's name.
func (l Level) String() string {
	return []string{"none", "debug", "info", "notice", "warning", "error", "critical"}[min(max(l, None), Critical)]
}

// clip makes one line of at most maxText characters.
func clip(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\ufffd")), " ")
	if r := []rune(s); len(r) > maxText {
		return string(r[:maxText]) + "…"
	}
	return s
}
