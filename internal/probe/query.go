package probe

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"upkeep/internal/document/nearest"
	"upkeep/internal/plan"
	"upkeep/internal/probe/expect"
	"upkeep/internal/probe/selector"
	"upkeep/internal/version"
)

// query is a probe that has been checked: whatever can be said without
// looking at the world is said.
type query struct {
	plan.Probe
	arg      string // the first argument
	timeout  time.Duration
	selector selector.Selector
	want     expect.Expect
	all      bool // every value is wanted, each on a line of its own
}

// Validate says whether a probe can be evaluated at all; otherwise it is
// ErrMalformed. It reads nothing.
func Validate(p plan.Probe) error {
	_, _, err := prepare(table(), p, DefaultTimeout)
	return err
}

func prepare(sources map[string]source, p plan.Probe, timeout time.Duration) (source, query, error) {
	s, known := sources[p.Source]
	switch {
	case !known:
		return s, query{}, named(malformed("there is no source %q: %suse one of %s", p.Source, meant(p.Source, Sources()), strings.Join(Sources(), ", ")), p)
	}
	q, err := s.query(p, timeout)
	return s, q, named(err, p)
}

func (s source) query(p plan.Probe, timeout time.Duration) (query, error) {
	q := query{Probe: p, timeout: timeout}
	switch {
	case len(p.Args) < s.min:
		return q, malformed("it needs an argument")
	case s.max > 0 && len(p.Args) > s.max:
		return q, malformed("it takes %d argument, not %d", s.max, len(p.Args))
	case p.Select != "" && !s.selects && len(s.words) == 0:
		return q, malformed("it takes no select")
	case p.Select != "" && len(s.words) > 0 && !slices.Contains(s.words, p.Select):
		return q, malformed("%s cannot be selected: %suse one of %s", oneLine(p.Select, 60), meant(p.Select, s.words), strings.Join(s.words, ", "))
	case p.Select != "" && s.told && len(p.Expect) == 0:
		return q, malformed("it does not say which %s is expected: add expect", strings.ReplaceAll(p.Select, "-", " "))
	case p.Password != nil && !s.password:
		return q, malformed("it takes no password")
	}
	if len(p.Args) > 0 {
		q.arg = p.Args[0]
		if q.arg == "" && s.min > 0 {
			return q, malformed("its argument is empty")
		}
	}
	for key := range p.Params {
		if !s.takes(key) {
			return q, malformed("it takes no key %q", key)
		}
	}
	text, set := p.Params["timeout"]
	if !set && p.From != nil { // the time of an inventory is that of its list
		text, set = p.From.Params["timeout"]
	}
	if set {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || d > maxTimeout {
			return q, malformed("its timeout %q is no time of at most %s, such as 30s", text, maxTimeout)
		}
		q.timeout = d
	}
	if err := q.readExpect(s.expect); err != nil {
		return q, err
	}
	if err := q.readSelect(); err != nil {
		return q, err
	}
	if s.check != nil {
		return q, s.check(q)
	}
	return q, nil
}

// meant names the nearest of some words.
func meant(word string, words []string) string {
	if near := nearest.Word(word, words); near != "" {
		return near + " was probably meant: "
	}
	return ""
}

func (s source) takes(key string) bool {
	return slices.Contains(common[:], key) || slices.Contains(s.params, key) ||
		slices.ContainsFunc(s.prefixes, func(p string) bool { return len(key) > len(p) && strings.HasPrefix(key, p) })
}

func (q *query) readExpect(standard string) error {
	order, err := orderOf(q.Probe)
	if err != nil {
		return malformed("%w", err)
	}
	list := q.Expect
	if len(list) == 0 && standard != "" {
		list = []string{standard}
	}
	if q.want, err = expect.Parse(list, expect.Options{Order: order, Compare: q.Params["compare"]}); err != nil {
		return malformed("%w", err)
	}
	return nil
}

func orderOf(p plan.Probe) (version.Order, error) {
	switch {
	case len(p.Versions) > 0:
		return version.Listed(p.Versions)
	case p.Order == "":
		return version.Parse("dotted")
	}
	return version.Parse(p.Order)
}

// readSelect parses the selector for the format that the source, the file's
// name or the probe itself says.
func (q *query) readSelect() error {
	format := selector.Text
	switch q.Source {
	case "file", "age":
		format = selector.FormatOf(q.arg)
	case "http":
		format = selector.Auto
	}
	var err error
	if name, set := q.Params["format"]; set {
		if format, err = selector.ParseFormat(name); err != nil {
			return malformed("%w", err)
		}
	}
	q.selector, err = selector.Parse(q.Select, format)
	if err != nil {
		return malformed("%w", err)
	}
	return nil
}

// pick applies the selector to a text. Without select and expect a text that
// is empty counts, where the source says so: that it could be had is enough.
func (q query) pick(text []byte, emptyCounts bool) (Value, error) {
	if q.all {
		values, err := q.selector.All(text)
		return Value{Text: strings.Join(values, "\n"), Present: len(values) > 0}, err
	}
	value, found, err := q.selector.Apply(text)
	if err != nil {
		return Value{}, err
	}
	if !found && emptyCounts && q.Select == "" && len(q.Expect) == 0 {
		return Value{Present: true}, nil
	}
	return Value{Text: value, Present: found}, nil
}

// named puts the source and its subject into an error that does not say them.
func named(err error, p plan.Probe) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Kind: ErrUnreadable, Err: err}
	}
	full := *e
	full.Source = p.Source
	if full.What == "" {
		full.What = subject(p)
	}
	return &full
}

// subject names what a probe looks at, without anything that could be secret.
func subject(p plan.Probe) string {
	switch {
	case p.Source == "service" && p.Service != nil:
		return p.Service.ID
	case (p.Source == "sql" || p.Source == "drift") && p.DB != nil:
		return p.DB.Component
	case len(p.Args) == 0 || p.Source == "sql":
		return ""
	case p.Source == "http":
		return address(p.Args[0])
	}
	return oneLine(p.Args[0], 120)
}

// account is what stands between :// and @ of an address, with a password.
var account = regexp.MustCompile(`(://[^/\s:@]*:)\S*@`)

// oneLine makes a text fit into a line of evidence. A password in an address
// is left out.
func oneLine(s string, limit int) string {
	if most := 64 << 10; len(s) > most { // nobody is shown more of it
		return oneLine(strings.ToValidUTF8(s[:most], ""), limit-1) + "…"
	}
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\ufffd")), " ")
	s = account.ReplaceAllString(s, "${1}***@")
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + fmt.Sprintf("… (%d characters)", len(r))
	}
	return s
}
