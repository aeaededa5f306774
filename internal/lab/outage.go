package lab

import (
	"fmt"
	"strings"
	"time"
)

// Outage is when a product did not answer its users well. An outage page
// (503) is no good answer.
type Outage struct {
	Spans   []Span
	Asked   int           // questions in all
	Slowest time.Duration // the good answer that took longest
}

// Span is one time without a good answer: from the first question that was
// not answered well to the next good answer. Its error is up to two polls.
type Span struct {
	From, To time.Time
	Asked    int
	Answers  map[string]int // what came instead, and how often
	Open     bool           // no good answer came before the polling ended
}

// Length gives how long the span lasted.
func (s Span) Length() time.Duration { return s.To.Sub(s.From) }

// Longest gives the length of the longest span.
func (o Outage) Longest() time.Duration {
	var longest time.Duration
	for _, s := range o.Spans {
		longest = max(longest, s.Length())
	}
	return longest
}

// Total gives the length of all spans together.
func (o Outage) Total() time.Duration {
	var total time.Duration
	for _, s := range o.Spans {
		total += s.Length()
	}
	return total
}

// Saw tells whether users got an answer of this kind in any span, as Sample
// words it, such as "status 503".
func (o Outage) Saw(what string) bool {
	for _, s := range o.Spans {
		if s.Answers[what] > 0 {
			return true
		}
	}
	return false
}

// String gives one line a span.
func (o Outage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d spans, %v in all, longest %v (%d questions, slowest good answer %v)", len(o.Spans),
		o.Total().Round(time.Millisecond), o.Longest().Round(time.Millisecond), o.Asked, o.Slowest.Round(time.Millisecond))
	for _, s := range o.Spans {
		fmt.Fprintf(&b, "\n  %s for %v: %v", s.From.Format("15:04:05.000"), s.Length().Round(time.Millisecond), s.Answers)
		if s.Open {
			b.WriteString(", still out at the end")
		}
	}
	return b.String()
}

// outage reads the spans from samples in the order in which they were asked.
func outage(samples []Sample) Outage {
	o := Outage{Asked: len(samples)}
	var span *Span
	for _, s := range samples {
		if s.Good {
			o.Slowest = max(o.Slowest, s.End.Sub(s.Start))
			if span != nil {
				span.To = s.End
				o.Spans = append(o.Spans, *span)
				span = nil
			}
			continue
		}
		if span == nil {
			span = &Span{From: s.Start, Answers: map[string]int{}}
		}
		span.Asked++
		span.Answers[s.What()]++
		span.To = s.End
	}
	if span != nil {
		span.Open = true
		o.Spans = append(o.Spans, *span)
	}
	return o
}
