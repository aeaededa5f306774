package window

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func span(t interface{ Fatal(...any) }, text string) Span {
	days, clocks, ok := strings.Cut(text, " ")
	if !ok {
		days, clocks = "", text
	}
	s, err := ParseSpan(clocks)
	if err == nil && days != "" {
		s.Days, err = ParseDays(days)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func freeze(t interface{ Fatal(...any) }, from, until string) Freeze {
	a, err := ParseDay(from, false)
	b, err2 := ParseDay(until, true)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return Freeze{a, b, "the year's end"}
}

// Windows over midnight, over the days on which clocks change, and with freezes.
func TestNext(t *testing.T) {
	for _, c := range []struct {
		name, spans, freeze, now, need, from, until string
	}{
		{"open now", "22:00-04:00", "", "2026-11-30T23:00:00+01:00", "1h", "2026-11-30T23:00:00+01:00", "2026-12-01T04:00:00+01:00"},
		{"after midnight", "22:00-04:00", "", "2026-12-01T03:00:00+01:00", "1h", "2026-12-01T03:00:00+01:00", "2026-12-01T04:00:00+01:00"},
		{"too little is left", "22:00-04:00", "", "2026-12-01T03:00:01+01:00", "1h", "2026-12-01T22:00:00+01:00", "2026-12-02T04:00:00+01:00"},
		{"never long enough", "22:00-04:00", "", "2026-12-01T03:00:01+01:00", "8h", "", ""},
		{"it has just closed", "22:00-04:00", "", "2026-12-01T04:00:00+01:00", "0s", "2026-12-01T22:00:00+01:00", "2026-12-02T04:00:00+01:00"},
		{"the night of a Friday is Saturday's morning", "fri 22:00-04:00", "", "2026-12-05T03:59:00+01:00", "0s", "2026-12-05T03:59:00+01:00", "2026-12-05T04:00:00+01:00"},
		{"and no other's", "fri 22:00-04:00", "", "2026-12-04T03:59:00+01:00", "0s", "2026-12-04T22:00:00+01:00", "2026-12-05T04:00:00+01:00"},
		{"long enough on the night of 25 hours only", "22:00-04:00", "", "2026-12-01T03:00:01+01:00", "7h", "2027-10-30T22:00:00+02:00", "2027-10-31T04:00:00+01:00"},
		{"every hour of the week", "00:00-12:00,12:00-00:00", "", "2026-12-01T03:00:01+01:00", "100h", "2026-12-01T03:00:01+01:00", ""},
		{"spans that meet are one", "mon-fri 22:00-00:00,00:00-02:00", "", "2026-11-30T23:00:00+01:00", "3h", "2026-11-30T23:00:00+01:00", "2026-12-01T02:00:00+01:00"},
		{"a night of 23 hours", "01:30-04:00", "", "2026-03-29T01:00:00+01:00", "1h30m", "2026-03-29T01:30:00+01:00", "2026-03-29T04:00:00+02:00"},
		{"and too short in it", "01:30-04:00", "", "2026-03-29T01:00:00+01:00", "2h", "2026-03-30T01:30:00+02:00", "2026-03-30T04:00:00+02:00"},
		{"a window that clocks leap into", "02:30-05:00", "", "2026-03-29T00:00:00+01:00", "0s", "2026-03-29T03:00:00+02:00", "2026-03-29T05:00:00+02:00"},
		{"a window that clocks leap over", "02:15-02:45", "", "2026-03-29T00:00:00+01:00", "0s", "2026-03-30T02:15:00+02:00", "2026-03-30T02:45:00+02:00"},
		{"a night of 25 hours", "01:00-04:00", "", "2026-10-25T00:00:00+02:00", "4h", "2026-10-25T01:00:00+02:00", "2026-10-25T04:00:00+01:00"},
		{"a time that comes twice", "01:00-02:30", "", "2026-10-25T00:00:00+02:00", "0s", "2026-10-25T01:00:00+02:00", "2026-10-25T02:30:00+02:00"},
		{"and not again", "01:00-02:30", "", "2026-10-25T02:15:00+01:00", "0s", "2026-10-26T01:00:00+01:00", "2026-10-26T02:30:00+01:00"},
		{"a freeze alone", "", "2026-12-20 2027-01-06", "2026-12-24T12:00:00+01:00", "1h", "2027-01-07T00:00:00+01:00", ""},
		{"before a freeze", "", "2026-12-20T18:00 2027-01-06", "2026-12-20T17:30:00+01:00", "20m", "2026-12-20T17:30:00+01:00", "2026-12-20T18:00:00+01:00"},
		{"too little before a freeze", "", "2026-12-20T18:00 2027-01-06", "2026-12-20T17:30:00+01:00", "31m", "2027-01-07T00:00:00+01:00", ""},
		{"a freeze cuts a window", "22:00-04:00", "2026-12-01 2026-12-01", "2026-11-30T20:00:00+01:00", "3h", "2026-12-02T00:00:00+01:00", "2026-12-02T04:00:00+01:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			times := Times{Zone: zone(t, "Europe/Paris")}
			if c.spans != "" {
				for _, s := range strings.Split(c.spans, ",") {
					times.Spans = append(times.Spans, span(t, s))
				}
			}
			if from, until, ok := strings.Cut(c.freeze, " "); ok {
				times.Freezes = []Freeze{freeze(t, from, until)}
			}
			now, err := time.Parse(time.RFC3339, c.now)
			if err != nil {
				t.Fatal(err)
			}
			need, _ := time.ParseDuration(c.need)
			i, ok := times.Next(now, need)
			if ok != (c.from != "") || ok && (!same(i.From, c.from) || !same(i.Until, c.until)) {
				t.Errorf("Next gives %s to %s, %v; want %s to %s", i.From.Format(time.RFC3339), i.Until.Format(time.RFC3339), ok, c.from, c.until)
			}
		})
	}
}

func same(t time.Time, text string) bool {
	if text == "" {
		return t.IsZero()
	}
	want, err := time.Parse(time.RFC3339, text)
	return err == nil && t.Equal(want)
}

// What is said of the times agrees with itself, and with the clock on the wall.
func TestTimesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loc := zone(t, rapid.SampledFrom([]string{"UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia"}).Draw(t, "zone"))
		minutes := rapid.Map(rapid.IntRange(0, 95), func(n int) int { return 15 * n })
		times := Times{Zone: loc}
		for range rapid.IntRange(1, 3).Draw(t, "spans") {
			s := Span{From: minutes.Draw(t, "from"), To: minutes.Draw(t, "to")}
			if s.From == s.To {
				s.To = (s.From + 15) % (24 * 60)
			}
			for n := range s.Days {
				s.Days[n] = rapid.Bool().Draw(t, "day")
			}
			times.Spans = append(times.Spans, s)
		}
		// around a change of clocks, or anywhere
		now := time.Unix(rapid.Int64Range(1.2e9, 1.9e9).Draw(t, "now"), 0)
		if _, ends := now.In(loc).ZoneBounds(); !ends.IsZero() && rapid.Bool().Draw(t, "change") {
			now = ends.Add(time.Duration(rapid.IntRange(-72*60, 48*60).Draw(t, "off")) * time.Minute)
		}
		if rapid.Bool().Draw(t, "frozen") {
			y, m, d := now.In(loc).Date()
			n := rapid.IntRange(-3, 3).Draw(t, "freeze")
			a := time.Date(y, m, d+n, 0, 0, 0, 0, time.UTC)
			b := a.AddDate(0, 0, rapid.IntRange(0, 4).Draw(t, "days"))
			times.Freezes = []Freeze{{Day{a.Year(), a.Month(), a.Day(), minutes.Draw(t, "begins")}, Day{b.Year(), b.Month(), b.Day(), 24 * 60}, "why"}}
		}
		need := time.Duration(rapid.IntRange(0, 300).Draw(t, "need")) * time.Minute
		next, ok := times.Next(now, need)
		_, holds := times.At(now)
		if !ok {
			if holds && need == 0 {
				t.Fatalf("it is open and no time is left")
			}
			return
		}
		if next.From.Before(now) || !next.Lasts(next.From, need) {
			t.Fatalf("the next time is %s to %s", next.From, next.Until)
		}
		if holds != next.From.Equal(now) && need == 0 {
			t.Fatalf("open now: %v, but next is %s", holds, next.From)
		}
		// every minute of the time is open, by the intervals and by the wall
		for at := next.From; next.Holds(at) && at.Before(next.From.Add(30*time.Hour)); at = at.Add(time.Minute) {
			if _, ok := times.At(at); !ok || times.Frozen(at) != nil {
				t.Fatalf("%s lies in %s to %s and is closed", at, next.From, next.Until)
			}
			if !times.onWall(at) && !times.onWall(at.Add(-2*time.Hour)) && !times.onWall(at.Add(2*time.Hour)) {
				t.Fatalf("%s is open, and no clock shows a time of %s", at.In(loc), times)
			}
		}
		// every minute before it is closed, or too little is left
		for at := now; at.Before(next.From) && at.Before(now.Add(30*time.Hour)); at = at.Add(time.Minute) {
			if i, ok := times.At(at); ok && (need == 0 || i.Lasts(at, need)) {
				t.Fatalf("%s is open for %s, and next is %s", at.In(loc), need, next.From)
			}
		}
		if !next.Until.IsZero() {
			if _, ok := times.At(next.Until); ok {
				t.Fatalf("%s ends %s, and is open then", next.From, next.Until)
			}
		}
	})
}

// onWall says whether a clock shows a time of the spans.
func (t Times) onWall(at time.Time) bool {
	at = at.In(t.Zone)
	m := at.Hour()*60 + at.Minute()
	for _, s := range t.Spans {
		day := func(n int) bool { return s.Days == Days{} || s.Days[(int(at.Weekday())+n+7)%7] }
		switch {
		case s.From < s.To:
			if day(0) && s.From <= m && m < s.To {
				return true
			}
		case day(0) && m >= s.From || day(-1) && m < s.To:
			return true
		}
	}
	return false
}

func TestParseMoment(t *testing.T) {
	now, _ := time.Parse(time.RFC3339, "2026-11-30T20:00:00+01:00")
	times := Times{Zone: zone(t, "Europe/Paris"), Spans: []Span{{From: 22 * 60, To: 4 * 60}}}
	for text, want := range map[string]string{
		"02:00": "2026-12-01T02:00:00+01:00", "20:00": "2026-12-01T20:00:00+01:00", "20:01": "2026-11-30T20:01:00+01:00",
		"2026-12-24T02:00": "2026-12-24T02:00:00+01:00", "2026-12-24 02:00": "2026-12-24T02:00:00+01:00", "2026-12-24T02:00:07": "2026-12-24T02:00:07+01:00",
		"2026-12-24T02:00:00Z": "2026-12-24T02:00:00Z", "2026-10-25T02:30": "2026-10-25T02:30:00+02:00", "next": "2026-11-30T22:00:00+01:00",
		"2026-03-29T02:30": "", "2:00": "", "25:00": "", "2026-12-24": "", "tonight": "", "": "",
	} {
		got, err := times.ParseMoment(text, now, time.Hour)
		if (err == nil) != (want != "") || err == nil && !same(got, want) {
			t.Errorf("%q gives %s, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"mon-fri, sun", "fri-mon", "22:00-04:00", "2026-12-24T18:00", "2026-12-24 18:00:01", "2026-12-24T02:00:00+05:30", "9999-12-31T23:59", "next", "-", "mon-"} {
		f.Add(s)
	}
	times := Times{Zone: time.UTC}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDays(s); err == nil {
			if again, err := ParseDays(d.String()); d.String() != "" && (err != nil || again != d) {
				t.Errorf("%q is %v, written %q, read as %v, %v", s, d, d.String(), again, err)
			}
		}
		if sp, err := ParseSpan(s); err == nil && sp.String() != s {
			t.Errorf("%q is written %q", s, sp.String())
		}
		if d, err := ParseDay(s, true); err == nil {
			times.moment(d)
		}
		_, _ = times.ParseMoment(s, time.Unix(1.7e9, 0), time.Hour)
	})
}
