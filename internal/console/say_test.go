package console

import (
	"html"
	"net/http/httptest"
	"strings"
	"testing"

	"upkeep/internal/hub/ask"
)

// TestSaid: what the engine side says is in the browser's language, with its
// names and values; logs and what others wrote stay as they are.
func TestSaid(t *testing.T) {
	for _, tt := range []struct {
		path   string
		change func(*fake)
		en, fr []string
	}{
		{"/i/notes/runs/r1", func(f *fake) {
			f.theRun.Why = &ask.Why{Step: "install", Title: "put app 3.1 into its place", Text: "cannot read the log: EOF", Now: "report it to the vendor"}
			f.theRun.Going, f.theRun.Result, f.theRun.Version = "", ask.ResultOld, "3.0"
			f.lines = []string{"cannot read the log: EOF, says the product"}
		},
			[]string{"put app 3.1 into its place", "cannot read the log: EOF</", "report it to the vendor", "EOF, says the product"},
			[]string{"mettre app 3.1 à sa place", "impossible de lire le journal : EOF", "signalez-le à l’éditeur", "cannot read the log: EOF, says the product"}},
		{"/i/notes/plan", func(f *fake) {
			f.fail = &ask.Error{Kind: ask.Refused, Text: "the upgrade cannot start; nothing was changed", Reasons: []string{"Our own reason", "service web has no account: say as: ACCOUNT; root must be written"}}
		},
			[]string{"the upgrade cannot start; nothing was changed", "Our own reason", "service web has no account"},
			[]string{"la mise à niveau ne peut pas commencer ; rien n’a été changé", "Our own reason", "le service web n’a pas de compte"}},
		{"/i/notes/plan", func(f *fake) {
			f.thePlan.Vouched, f.thePlan.Notes = "signed by the feed notes (root 0123456789ab)", []string{"service web was not running before: the run leaves it stopped"}
		},
			[]string{"signed by the feed notes", "service web was not running before"},
			[]string{"signé par le flux notes (racine 0123456789ab)", "le service web ne tournait pas avant"}},
	} {
		f := sample()
		tt.change(f)
		b := open(t, f)
		for code, want := range map[string][]string{"en": tt.en, "fr": tt.fr} {
			b.header.Set("Accept-Language", code)
			page := read(b.get(tt.path))
			for _, w := range want {
				if !strings.Contains(page, w) {
					t.Errorf("%s in %s does not say %q:\n%s", tt.path, code, w, page)
				}
			}
		}
	}
}

// read is the text of a page, with plain blanks.
func read(r *httptest.ResponseRecorder) string {
	return strings.ReplaceAll(html.UnescapeString(r.Body.String()), "\u202f", " ")
}
