package gate

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Page is what users see while the gate is up: a value, replaced as a whole.
type Page struct {
	Product     string    // its name, as users know it
	Doing       Doing     // what is done
	To          string    // version that it comes to, where there is one
	ByHand      bool      // a part of it is being done by people now
	Reason      string    // a sentence of the vendor's in place of what is done; said as it is in every language
	ExpectedEnd time.Time // zero = not known
	Lang        string    // "en", "fr", "de"; "" = what the user's program asks for
	Contact     string    // whom to ask, for example an address; may be empty
}

// retry bounds, in seconds: what Retry-After says.
const (
	retryUnknown = 30
	retryLeast   = 5
	retryMost    = 3600
)

//go:embed page.html
var pageHTML string

// answer is everything a user is told, in one language.
type answer struct {
	Lang, Title, Text, Kept, End, EndISO, Wait, Again, Contact string
	Retry                                                      int
}

func (p Page) serve(w http.ResponseWriter, r *http.Request, now time.Time) {
	a := p.answer(r.Header.Get("Accept-Language"), now)
	h := w.Header()
	h.Set("Retry-After", strconv.Itoa(a.Retry))
	h.Set("Cache-Control", "no-store")
	h.Set("Connection", "close")
	h.Set("Vary", "Accept, Accept-Language")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Language", a.Lang)
	body, kind := a.render(format(r), p)
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if kind == htmlType {
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'")
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

const (
	htmlType = "text/html; charset=utf-8"
	jsonType = "application/json"
	textType = "text/plain; charset=utf-8"
)

func (a answer) render(kind string, p Page) ([]byte, string) {
	switch kind {
	case jsonType:
		b, err := json.Marshal(struct {
			Status  int    `json:"status"`
			Error   string `json:"error"`
			Product string `json:"product,omitempty"`
			Lang    string `json:"language"`
			Message string `json:"message"`
			End     string `json:"expected_end,omitempty"`
			Retry   int    `json:"retry_after"`
			Contact string `json:"contact,omitempty"`
		}{http.StatusServiceUnavailable, "unavailable", p.Product, a.Lang, strings.TrimSpace(a.Title + ". " + a.Text + " " + a.Kept), a.EndISO, a.Retry, a.Contact})
		if err == nil {
			return append(b, '\n'), jsonType
		}
	case htmlType:
		if text := html(a); text != nil {
			return text, htmlType
		}
	}
	lines := []string{a.Title + ".", a.Text}
	if a.Kept != "" {
		lines = append(lines, a.Kept)
	}
	if a.End != "" {
		lines = append(lines, a.End)
	}
	lines = append(lines, a.Again)
	if a.Contact != "" {
		lines = append(lines, a.Contact)
	}
	return []byte(strings.Join(lines, "\n") + "\n"), textType
}

// Static is the page as a file that somebody else serves, who cannot tell what
// language a user reads: it says it in English and in French. The expected end,
// where there is one, is told without how long that is.
func (p Page) Static() []byte {
	var all []answer
	for _, lang := range []string{"en", "fr"} {
		q := p
		q.Lang = lang
		all = append(all, q.answer("", p.ExpectedEnd.Add(-24*time.Hour))) // as if it were far away: with its date
	}
	return html(all...)
}

// html writes answers as a page that needs nothing beside it.
func html(all ...answer) []byte {
	var s strings.Builder
	// Parsed each time: a few answers a second, and no state of the package.
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil
	}
	err = t.Execute(&s, struct {
		answer
		Answers []answer
	}{all[0], all})
	if err != nil {
		return nil
	}
	return []byte(s.String())
}

// answer puts the page into words.
func (p Page) answer(accept string, now time.Time) (a answer) {
	lang := p.Lang
	if _, ok := words(lang); !ok {
		lang = language(accept)
	}
	t, _ := words(lang)
	product := strings.TrimSpace(p.Product)
	if product == "" {
		product = t.thisService
	}
	a = answer{Lang: lang, Title: fill(t.title, "%p", product), Text: t.says(p.Doing, product, p.To), Kept: t.kept, Wait: t.wait, Retry: retryUnknown}
	if r := strings.TrimSpace(p.Reason); r != "" {
		if a.Text = r; !strings.ContainsAny(r[len(r)-1:], ".!?:") {
			a.Text += "."
		}
	}
	if p.Doing == Install {
		a.Kept = "" // there is none yet
	}
	if p.ByHand {
		a.Text += " " + t.hand
	}
	if c := strings.TrimSpace(p.Contact); c != "" {
		a.Contact = t.contact + c
	}
	defer func() { a.Again = fill(t.again, "%n", strconv.Itoa(a.Retry)) }()
	if p.ExpectedEnd.IsZero() {
		return a
	}
	left := p.ExpectedEnd.Sub(now)
	if left <= 0 {
		a.End = t.late
		return a
	}
	a.Retry = min(max(int((left+time.Second-1)/time.Second), retryLeast), retryMost)
	a.EndISO = p.ExpectedEnd.UTC().Format(time.RFC3339)
	zone, _ := p.ExpectedEnd.Zone()
	when := p.ExpectedEnd.Format("15:04")
	if left > 12*time.Hour {
		when = p.ExpectedEnd.Format("2006-01-02 15:04")
	}
	when += " (" + zone + ")"
	switch n := int((left + 30*time.Second) / time.Minute); { // users may be in another zone
	case left < time.Minute:
		when += ", " + t.soon
	case n == 1:
		when += ", " + t.minute
	case n <= 90:
		when += ", " + fill(t.minutes, "%n", strconv.Itoa(n))
	}
	a.End = fill(t.end, "%t", when)
	return a
}

// Reload is how soon the page asks again by itself: often enough to be gone
// soon after the end, seldom enough not to be a load.
func (a answer) Reload() int { return min(max(a.Retry, retryLeast), 15) }

// format picks HTML, JSON or plain text from Accept (RFC 9110, 12.5.1). A
// client that takes anything gets JSON when it speaks JSON itself, else text.
func format(r *http.Request) string {
	best, weight := "", 0.0
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		kind, q := weighted(part)
		f := ""
		switch {
		case kind == "text/html", kind == "application/xhtml+xml":
			f = htmlType
		case kind == jsonType, strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"), kind == "application/*":
			f = jsonType
		case kind == "text/plain", kind == "text/*":
			f = textType
		}
		if f != "" && q > weight {
			best, weight = f, q
		}
	}
	switch {
	case best != "":
		return best
	case strings.Contains(r.Header.Get("Content-Type"), "json"):
		return jsonType
	}
	return textType
}

// weighted splits "value;q=0.5".
func weighted(part string) (string, float64) {
	value, params, _ := strings.Cut(part, ";")
	q := 1.0
	for p := range strings.SplitSeq(params, ";") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil || f < 0 || f > 1 {
				f = 0
			}
			q = f
		}
	}
	return strings.ToLower(strings.TrimSpace(value)), q
}
