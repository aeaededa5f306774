// Package audit is the log of who has changed what through the hub: appended to,
// never rewritten, each entry bound to the one before it by a sum. What is to be
// changed is noted, durably, before, and what has come of it after.
//
// It may import internal/durable and the standard library.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Kind is what an entry says.
type Kind string

// The kinds. Mended says that what stands before it is not whole: a power cut has
// torn an entry that nothing had been done for yet.
const (
	Begin  Kind = "begin"
	End    Kind = "end"
	Mended Kind = "mended"
)

// Entry is what is noted. Begin has who does what, on what; End the number of its
// Begin, and the result.
type Entry struct {
	Kind   Kind              `json:"kind"`
	At     time.Time         `json:"at"`
	By     string            `json:"by,omitempty"`
	Role   string            `json:"role,omitempty"`
	Do     string            `json:"do,omitempty"`
	On     map[string]string `json:"on,omitempty"`
	Of     int64             `json:"of,omitempty"`
	Result string            `json:"result,omitempty"`
	Text   string            `json:"text,omitempty"`
	Bytes  int64             `json:"bytes,omitempty"` // of what is torn
	Sum    string            `json:"sum,omitempty"`   // of what is torn, SHA-256
}

// record is one line of the file: {"n":N,"prev":"PREV","hash":"HASH","entry":ENTRY}.
type record struct {
	N     int64
	Prev  string // sum of the record before it; of the first: origin
	Hash  string
	Entry []byte // JSON
}

// origin is what the first record follows.
var origin = strings.Repeat("0", 64)

// lineMost bounds a line, in bytes.
const lineMost = 64 << 10

// textMost bounds each text of an entry, in bytes.
const textMost = 500

func (r *record) sum() string {
	text := append(strconv.AppendInt(make([]byte, 0, len(r.Prev)+len(r.Entry)+22), r.N, 10), ' ')
	text = append(append(append(text, r.Prev...), ' '), r.Entry...)
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:])
}

// line makes the line of an entry that follows a record.
func line(n int64, prev string, e Entry) (raw []byte, hash string, err error) {
	for _, text := range []*string{&e.By, &e.Role, &e.Do, &e.Result, &e.Text} {
		*text = clip(*text)
	}
	on := map[string]string{}
	for k, v := range e.On {
		if len(on) < 50 {
			on[clip(k)] = clip(v)
		}
	}
	e.On = on
	r := record{N: n, Prev: prev}
	if r.Entry, err = json.Marshal(e); err != nil {
		return nil, "", err
	}
	r.Hash = r.sum()
	raw = fmt.Appendf(nil, "%s%d%s%s%s%s%s%s%s", lineN, r.N, linePrev, r.Prev, lineHash, r.Hash, lineEntry, r.Entry, lineEnd)
	if len(raw) > lineMost {
		return nil, "", fmt.Errorf("an entry of %d bytes is too large", len(raw))
	}
	return raw, r.Hash, nil
}

func clip(text string) string {
	text = strings.ToValidUTF8(text, "�")
	if len(text) <= textMost {
		return text
	}
	cut := textMost
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// What stands between the parts of a line.
const (
	lineN     = `{"n":`
	linePrev  = `,"prev":"`
	lineHash  = `","hash":"`
	lineEntry = `","entry":`
	lineEnd   = "}\n"
	sumSize   = 2 * sha256.Size
)

// parse reads a line, which must be whole: every byte of it is what line has made.
func parse(raw []byte) (r record, e Entry, ok bool) {
	rest, begins := bytes.CutPrefix(raw, []byte(lineN))
	number, rest, found := bytes.Cut(rest, []byte(linePrev))
	rest, ends := bytes.CutSuffix(rest, []byte(lineEnd))
	const fixed = sumSize + len(lineHash) + sumSize + len(lineEntry)
	if !begins || !found || !ends || len(raw) > lineMost || len(rest) <= fixed {
		return r, e, false
	}
	n, err := strconv.ParseInt(string(number), 10, 64)
	r = record{n, string(rest[:sumSize]), string(rest[sumSize+len(lineHash) : fixed-len(lineEntry)]), rest[fixed:]}
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != string(number) || string(rest[sumSize:sumSize+len(lineHash)]) != lineHash || string(rest[fixed-len(lineEntry):fixed]) != lineEntry {
		return r, e, false
	}
	return r, e, r.Hash == r.sum() && json.Unmarshal(r.Entry, &e) == nil
}

// piece is a line of the file, whole or not.
type piece struct {
	at, size int64
	record   record
	entry    Entry
	ok       bool
	sum      string // of what is not whole
}

// read gives the file's lines from a place on. What is not whole comes in one piece
// with all such lines that follow it.
func read(r io.Reader, at int64, tell func(piece) error) error {
	var odd piece
	oddSum := sha256.New()
	flush := func() error {
		if odd.size == 0 {
			return nil
		}
		odd.sum = hex.EncodeToString(oddSum.Sum(nil))
		err := tell(odd)
		odd = piece{}
		oddSum.Reset()
		return err
	}
	in := lines{r: r}
	for {
		raw, err := in.next()
		if len(raw) > 0 {
			p := piece{at: at, size: int64(len(raw))}
			if p.record, p.entry, p.ok = parse(raw); p.ok {
				if err := flush(); err != nil {
					return err
				}
				if err := tell(p); err != nil {
					return err
				}
			} else {
				if odd.size == 0 {
					odd.at = at
				}
				odd.size += p.size
				_, _ = oddSum.Write(raw) // never fails
			}
			at += p.size
		}
		if err == io.EOF {
			return flush()
		}
		if err != nil {
			return err
		}
	}
}

// lines cuts at the ends of lines, and in any case at lineMost.
type lines struct {
	r   io.Reader
	buf []byte
	err error
}

func (l *lines) next() ([]byte, error) {
	for {
		if i := bytes.IndexByte(l.buf, '\n'); i >= 0 || len(l.buf) > lineMost {
			n := i + 1
			if i < 0 || n > lineMost+1 {
				n = lineMost + 1
			}
			out := l.buf[:n:n]
			l.buf = l.buf[n:]
			return out, nil
		}
		if l.err != nil {
			out := l.buf
			l.buf = nil
			return out, l.err
		}
		chunk := make([]byte, len(l.buf)+32<<10)
		n := copy(chunk, l.buf)
		m, err := l.r.Read(chunk[n:])
		l.buf, l.err = chunk[:n+m], err
	}
}
