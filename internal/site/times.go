package site

import (
	"time"

	"upkeep/internal/document"
	"upkeep/internal/window"
)

// Window is an allowed time for runs.
type Window struct {
	Pos  document.Pos `json:"-"`
	Days string       `json:"days,omitempty"` // mon-fri, sat, or several with commas; empty: every day
	From string       `json:"from,omitempty"` // HH:MM
	To   string       `json:"to,omitempty"`   // HH:MM; before From: on the next day
}

// Freeze is a time in which no run begins, whatever the windows say.
type Freeze struct {
	Pos  document.Pos `json:"-"`
	From string       `json:"from,omitempty"` // 2026-12-20, or with a time 2026-12-20T18:00
	To   string       `json:"to,omitempty"`   // likewise; a day alone belongs to it
	Why  string       `json:"why,omitempty"`
}

func (d decoder) windows(m *document.MapDecoder, in *Installation) {
	for _, n := range m.List("windows") {
		w := d.Map(n, "a window")
		w.Required("from", "to")
		win := Window{Pos: n.Pos, Days: d.text(w, "days"), From: d.clock(w, "from"), To: d.clock(w, "to")}
		if win.Days != "" {
			if _, err := window.ParseDays(win.Days); err != nil {
				d.Errorf(w.Get("days").Pos, "write mon-fri, sat, or several with commas", `"days" cannot be %q`, win.Days)
			}
		}
		if win.From != "" && win.From == win.To {
			d.Errorf(n.Pos, `for a whole day write from: "00:00" and to: "00:00" of two windows that meet, or no windows at all`, "the window from %s to %s is empty", win.From, win.To)
		}
		in.Windows = append(in.Windows, win)
		w.Done()
	}
}

func (d decoder) freezes(m *document.MapDecoder, in *Installation) {
	for _, n := range m.List("freezes") {
		f := d.Map(n, "a freeze")
		f.Required("from", "to", "why")
		z := Freeze{Pos: n.Pos, From: d.text(f, "from"), To: d.text(f, "to"), Why: d.text(f, "why")}
		ok := true
		for key, text := range map[string]string{"from": z.From, "to": z.To} {
			if _, err := window.ParseDay(text, false); err != nil && text != "" {
				d.Errorf(f.Get(key).Pos, `write "2026-12-24", or "2026-12-24T18:00"`, "%q must be a day, or a time of one, not %q", key, text)
				ok = false
			}
		}
		if from, until := z.days(); ok && z.From != "" && z.To != "" && !window.Moment(time.UTC, from).Before(window.Moment(time.UTC, until)) {
			d.Errorf(n.Pos, "", "the freeze ends (%s) before it begins (%s)", z.To, z.From)
		}
		in.Freezes = append(in.Freezes, z)
		f.Done()
	}
}

func (f Freeze) days() (from, until window.Day) {
	from, _ = window.ParseDay(f.From, false)
	until, _ = window.ParseDay(f.To, true)
	return from, until
}

// clock reads HH:MM, which must be quoted.
func (d decoder) clock(m *document.MapDecoder, key string) string {
	s := m.String(key)
	if s == "" {
		return ""
	}
	if !clock(s) {
		d.Errorf(m.Get(key).Pos, `write "22:00"`, "%q must be a time of day, not %q", key, s)
	}
	return s
}

func clock(s string) bool {
	_, err := window.ParseClock(s)
	return err == nil
}

// Times are when runs may begin, by windows and freezes. What was decoded is read
// without an error.
func (in *Installation) Times(zone *time.Location) window.Times {
	t := window.Times{Zone: zone}
	for _, w := range in.Windows {
		s, _ := window.ParseSpan(w.From + "-" + w.To)
		if w.Days != "" {
			s.Days, _ = window.ParseDays(w.Days)
		}
		t.Spans = append(t.Spans, s)
	}
	for _, f := range in.Freezes {
		from, until := f.days()
		t.Freezes = append(t.Freezes, window.Freeze{From: from, Until: until, Why: f.Why})
	}
	return t
}

// Automatic are when upgrades begin that nobody asks for; false where none do. They
// begin between the times of the feed and, where there are windows, only in these.
func (in *Installation) Automatic(zone *time.Location) (between, windows window.Times, ok bool) {
	if in.Feed == nil || in.Feed.Install != "automatic" {
		return window.Times{}, window.Times{}, false
	}
	windows = in.Times(zone)
	between = window.Times{Zone: zone}
	if in.Feed.Between != "" {
		s, _ := window.ParseSpan(in.Feed.Between)
		between.Spans = []window.Span{s}
	}
	return between, windows, true
}

// whenAutomatic wants a time for automatic upgrades.
func (d decoder) whenAutomatic(m *document.MapDecoder, in *Installation) {
	if f := in.Feed; f != nil && f.Install == "automatic" && f.Between == "" && len(in.Windows) == 0 && m.Get("feed").Get("between") == nil && m.Get("windows") == nil {
		d.Errorf(m.Get("feed").Get("install").Pos, `write between: "02:00-05:00" beside it, or windows`, "automatic installs need a time at which they may begin")
	}
}
