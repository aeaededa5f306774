package logs

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

type parser struct {
	want  Filter
	words map[string]Level
	last  time.Time // of the entry before: a line without a time belongs to it
}

func newParser(want Filter) *parser {
	if want.Zone == nil {
		want.Zone = time.Local
	}
	return &parser{want: want, words: words()}
}

// parse reads one line. A line that names no level goes with the entry above
// it, as the lines of a stack do.
func (p *parser) parse(line string) (Entry, bool) {
	line = strings.TrimSpace(line)
	if line == "" {
		return Entry{}, false
	}
	e, ok := p.json(line)
	if !ok {
		e = p.text(line)
	}
	if e.Time.IsZero() {
		e.Time = p.last
	}
	p.last = e.Time
	e.Text = clip(e.Text)
	return e, e.Level != None
}

// The keys under which the common libraries write an entry's parts.
var (
	levelKeys = [...]string{"level", "severity", "lvl", "levelname", "log.level", "loglevel", "@l", "PRIORITY"}
	timeKeys  = [...]string{"time", "timestamp", "@timestamp", "ts", "t", "@t", "datetime", "date"}
	textKeys  = [...]string{"msg", "message", "MESSAGE", "@m", "@mt", "text", "error"}
)

func (p *parser) json(line string) (Entry, bool) {
	var e Entry
	var all map[string]json.RawMessage
	if line[0] != '{' || json.Unmarshal([]byte(line), &all) != nil {
		return e, false
	}
	for _, key := range levelKeys {
		if raw, ok := all[key]; ok {
			e.Level = p.jsonLevel(raw)
			break
		}
	}
	for _, key := range timeKeys {
		if raw, ok := all[key]; ok {
			if e.Time = p.jsonTime(raw); !e.Time.IsZero() {
				break
			}
		}
	}
	for _, key := range textKeys {
		if json.Unmarshal(all[key], &e.Text) == nil && e.Text != "" {
			return e, true
		}
	}
	e.Text = line
	return e, true
}

// jsonLevel reads a word, or a number: of bunyan and pino from 10 for trace to
// 60 for fatal, of the journal and of GELF from 7 for debug to 0 for emergency.
func (p *parser) jsonLevel(raw json.RawMessage) Level {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	if l, ok := p.words[strings.ToLower(text)]; ok {
		return l
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || n < 0:
		return None
	case n >= 60:
		return Critical
	case n >= 50:
		return Error
	case n >= 40:
		return Warning
	case n >= 30:
		return Info
	case n >= 10:
		return Debug
	case n > 7:
		return None
	}
	return [...]Level{Critical, Critical, Critical, Error, Warning, Notice, Info, Debug}[n]
}

func (p *parser) jsonTime(raw json.RawMessage) time.Time {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		t, _ := p.time(text)
		return t
	}
	sec, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || sec < 0 || sec > 1e14 {
		return time.Time{}
	}
	if sec > 1e11 { // milliseconds
		sec /= 1000
	}
	return time.UnixMilli(int64(sec * 1000))
}

var (
	keyed       = regexp.MustCompile(`(?i)\b(?:level|lvl|severity)="?([a-z]+)`)
	enclosed    = regexp.MustCompile(`[\[<(]\s*(?:[a-zA-Z0-9_.-]+:)?([a-zA-Z]+)\s*[\])>]`)
	upper       = regexp.MustCompile(`\b([A-Z]{3,13})\b`)
	beforeColon = regexp.MustCompile(`\b([A-Za-z]+):`)
)

// lookIn is how far into a line its level is looked for: what stands further
// in is what the entry says.
const lookIn = 160

func (p *parser) text(line string) Entry {
	var e Entry
	var rest string
	if e.Time, rest = p.time(line); e.Time.IsZero() {
		rest = line
	}
	e.Text = rest
	if fields := strings.Split(line, "|"); len(fields) >= 3 {
		if f, ok := p.fields(fields); ok {
			return f
		}
	}
	head := rest[:min(len(rest), lookIn)]
	e.Level = p.level(head)
	return e
}

// fields reads an entry between bars: the level is the first field that is
// nothing but one, the time the first that is one, and the text all others.
func (p *parser) fields(fields []string) (Entry, bool) {
	var e Entry
	var rest []string
	for _, f := range fields {
		f = strings.TrimSpace(f)
		if l, ok := p.words[strings.ToLower(f)]; ok && e.Level == None {
			e.Level = l
			continue
		}
		if e.Time.IsZero() {
			if t, left := p.time(f); !t.IsZero() && strings.TrimSpace(left) == "" {
				e.Time = t
				continue
			}
		}
		rest = append(rest, f)
	}
	e.Text = strings.Join(rest, " | ")
	return e, e.Level != None
}

// level finds the word that is the entry's level: the first that is written as
// one is.
func (p *parser) level(head string) Level {
	for _, m := range keyed.FindAllStringSubmatch(head, -1) {
		if l, ok := p.words[strings.ToLower(m[1])]; ok {
			return l
		}
	}
	first, found := len(head), None
	for _, form := range [...]*regexp.Regexp{enclosed, upper, beforeColon} {
		for _, at := range form.FindAllStringSubmatchIndex(head, -1) {
			l, ok := p.words[strings.ToLower(head[at[2]:at[3]])]
			if ok && at[2] < first {
				first, found = at[2], l
			}
		}
	}
	return found
}
