package logs

import (
	"regexp"
	"strings"
	"time"
)

// stamp is a date and a time as logs write them, where an entry begins: after
// an opening bracket, and nothing else.
var stamps = []struct {
	form   *regexp.Regexp
	layout string // of what the first group holds, after normal
}{
	{regexp.MustCompile(`^[\[(]?(\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d)([.,]\d{1,9})?\s?(Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d\b)?[\])]?`), "2006-01-02 15:04:05"},
	{regexp.MustCompile(`^[\[(]?(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d)()\s?([+-]\d\d:?\d\d)?[\])]?`), "02-Jan-2006:15:04:05"},
	{regexp.MustCompile(`^[\[(]?(?:[A-Z][a-z]{2} )?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4})()()[\])]?`), "Jan _2 15:04:05 2006"},
	{regexp.MustCompile(`^[\[(]?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)()()[\])]?`), "Jan _2 15:04:05"},
	{regexp.MustCompile(`^[\[(]?(\d{4}[-/]\d\d[-/]\d\d)()()[\])]?$`), "2006-01-02"},
}

// time reads the time at which a text begins, and gives what follows; zero
// where there is none. Without a zone it is one of the filter's; one without a
// year (RFC 3164) is the last such moment.
func (p *parser) time(s string) (time.Time, string) {
	for _, f := range stamps {
		m := f.form.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		text, layout := m[1], f.layout
		if strings.HasPrefix(layout, "2006-") {
			text = strings.NewReplacer("/", "-", "T", " ").Replace(text)
		}
		if strings.HasPrefix(layout, "02-") {
			text = strings.ReplaceAll(text, "/", "-")
		}
		zone := p.want.Zone
		switch z := strings.ReplaceAll(m[3], ":", ""); {
		case z == "Z" || z == "UTC" || z == "GMT":
			zone = time.UTC
		case z != "":
			text, layout = text+" "+z, layout+" -0700"
		}
		t, err := time.ParseInLocation(layout, text, zone)
		if err != nil {
			continue
		}
		if m[2] != "" {
			if part, err := time.ParseDuration("0." + m[2][1:] + "s"); err == nil {
				t = t.Add(part)
			}
		}
		if t.Year() == 0 {
			t = t.AddDate(p.want.Now.Year(), 0, 0)
			if t.After(p.want.Now.AddDate(0, 0, 2)) { // written in the year before
				t = t.AddDate(-1, 0, 0)
			}
		}
		return t, strings.TrimLeft(s[len(m[0]):], " \t:-|")
	}
	return time.Time{}, s
}
