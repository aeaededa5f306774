package audit

import (
	"fmt"
	"strings"

	"upkeep/internal/durable"
)

// Head is the number and the sum of an entry, as somebody has noted them elsewhere.
type Head struct {
	N    int64
	Hash string
}

// Report is what verifying has found.
type Report struct {
	Entries int64   `json:"entries"` // that are whole
	Head    string  `json:"head"`    // sum of the last one
	HeadN   int64   `json:"headEntry"`
	Breaks  []Break `json:"breaks"`
	Mended  int     `json:"mended"` // places that a power cut has torn
	Open    []int64 `json:"open"`   // changes whose result was not noted
	Torn    bool    `json:"torn"`   // the last line is not whole: the next entry will say so
}

// Break is a place where the log was changed.
type Break struct {
	After int64  `json:"after"` // entry before it
	Text  string `json:"text"`
}

// Verify reads the whole log. A cut at its very end does not show in the log itself:
// it shows where an entry is known from elsewhere.
func Verify(fsys durable.Reader, path string, known ...Head) (Report, error) {
	f, err := fsys.OpenNoFollow(path)
	if err != nil {
		return Report{}, fmt.Errorf("cannot read the audit log: %w", err)
	}
	defer f.Close()
	out := Report{Head: origin, Breaks: []Break{}, Open: []int64{}}
	say := func(format string, args ...any) {
		out.Breaks = append(out.Breaks, Break{out.HeadN, fmt.Sprintf(format, args...)})
	}
	begun, wanted := map[int64]bool{}, map[int64][]string{}
	var order []int64
	for _, h := range known {
		wanted[h.N] = append(wanted[h.N], strings.ToLower(h.Hash))
	}
	var odd *piece
	err = read(f, 0, func(p piece) error {
		if !p.ok {
			odd = &p
			return nil
		}
		r, e := p.record, p.entry
		mends := e.Kind == Mended
		switch {
		case odd != nil && mends && e.Bytes == odd.size && e.Sum == odd.sum:
			out.Mended++
		case odd != nil:
			say("%d bytes at %d are no entry: one was changed, or something was written in between", odd.size, odd.at)
		case mends:
			say("entry %d tells of a torn one before it, and there is none", r.N)
		}
		odd = nil
		switch {
		case r.N == out.HeadN+1 && r.Prev == out.Head:
		case out.HeadN == 0 && r.N > 1:
			say("the log begins with entry %d: what was before it was cut", r.N)
		case r.N == out.HeadN+2:
			say("entry %d is missing", r.N-1)
		case r.N > out.HeadN+1:
			say("the entries %d to %d are missing", out.HeadN+1, r.N-1)
		case r.N <= out.HeadN:
			say("entry %d stands where %d belongs: entries were moved, or written twice", r.N, out.HeadN+1)
		default:
			say("entry %d does not follow the entry %d that is here: that one was exchanged", r.N, out.HeadN)
		}
		out.Entries++
		out.HeadN, out.Head = r.N, r.Hash
		for _, hash := range wanted[r.N] {
			if hash != r.Hash {
				say("entry %d is not the one that was noted (%s): the log was written anew", r.N, hash)
			}
		}
		delete(wanted, r.N)
		switch e.Kind {
		case Begin:
			begun[r.N] = true
			order = append(order, r.N)
		case End:
			if !begun[e.Of] {
				say("entry %d ends %d, which is not open", r.N, e.Of)
			}
			delete(begun, e.Of)
		}
		return nil
	})
	if err != nil {
		return Report{}, fmt.Errorf("cannot read the audit log: %w", err)
	}
	out.Torn = odd != nil
	for _, h := range known {
		if _, missing := wanted[h.N]; missing {
			say("entry %d, which was noted, is not there: the end of the log was cut", h.N)
			delete(wanted, h.N)
		}
	}
	for _, n := range order {
		if begun[n] {
			out.Open = append(out.Open, n)
		}
	}
	return out, nil
}
