package console

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"upkeep/internal/lab"
	"upkeep/internal/lab/chromium"
)

// widths are a small telephone, a tablet and a screen.
var widths = []int64{320, 768, 1280}

// gallery is the page in a real browser, in any of the states that the tables of
// screens hold.
type gallery struct {
	*chromium.Window
	t    *testing.T
	base string

	page     http.Handler // what the next request gets
	language string
}

func newGallery(t *testing.T) *gallery {
	t.Helper()
	g := &gallery{t: t, language: "en", Window: chromium.Open(t, 1280, 900)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Accept-Language", g.language)
		if r.Header.Get("Cookie") == "" { // tests that enter by themselves have one
			r.Header.Set("Cookie", cookie+"=s")
		}
		r.Host = "127.0.0.1:8080"
		r.Header.Del("Origin") // it names the address of the test
		g.page.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	g.base = srv.URL
	return g
}

// show opens a screen.
func (g *gallery) show(s screen, language, scheme string, width int64) {
	g.t.Helper()
	f := sample()
	f.beats = nil // the screen stays as it is
	if s.change != nil {
		s.change(f)
	}
	g.page, g.language = open(g.t, f).page.Handler(), language
	chromium.Tell(g.Window, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	g.Do(chromedp.EmulateViewport(width, 900), chromedp.Navigate(g.base+s.path))
}

// unfold opens everything that is folded, and says how many there were.
func (g *gallery) unfold() int {
	g.t.Helper()
	return chromium.Read(g.Window, chromedp.Evaluate[int](`[...document.querySelectorAll("details")].map(d => { d.open = true; return d }).length`))
}

// wider gives what is wider than the window, for who has to mend it.
const wider = `(() => {
	const root = document.documentElement, most = root.clientWidth;
	if (root.scrollWidth <= most) return "";
	const out = [];
	for (const e of document.body.querySelectorAll("*")) {
		const r = e.getBoundingClientRect();
		if (r.right > most + 1 && !e.closest(".scroll, pre")) out.push(e.tagName + "." + e.className + " ends at " + Math.round(r.right));
	}
	return root.scrollWidth + " wide in " + most + ": " + out.slice(0, 5).join(", ");
})()`

// TestWidths: from a small telephone to a large screen no page is wider than the
// window, whatever it has to show.
func TestWidths(t *testing.T) {
	lab.Slow(t)
	g := newGallery(t)
	for _, s := range all() {
		for _, width := range widths {
			for _, language := range []string{"en", "fr"} {
				g.show(s, language, "light", width)
				g.unfold()
				if wide := chromium.Read(g.Window, chromedp.Evaluate[string](wider)); wide != "" {
					t.Errorf("%s (%s): %s", s.name, language, wide)
				}
			}
		}
	}
	if said := g.Said(); len(said) > 0 {
		t.Errorf("the browser complains: %q", said)
	}
}

// axeRun has axe-core look at the page. What it finds is one line each.
const axeRun = `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations
	.filter(v => v.impact === "serious" || v.impact === "critical")
	.map(v => v.impact + " " + v.id + ": " + v.nodes.slice(0, 3).map(n => n.target.join(" ") + " (" + n.any.concat(n.all, n.none).map(c => c.message).join("; ") + ")").join(", ")))`

// TestAccessible: axe-core finds nothing serious on any screen, light and dark,
// wide and narrow.
func TestAccessible(t *testing.T) {
	lab.Slow(t)
	axe, err := os.ReadFile(lab.Axe(t))
	if err != nil {
		t.Fatal(err)
	}
	g := newGallery(t)
	looks := func() []string {
		chromium.Read(g.Window, chromedp.Evaluate[bool](string(axe)+";true"))
		return chromium.Read(g.Window, chromedp.Evaluate[[]string](axeRun, chromedp.EvalAwaitPromise))
	}
	g.page = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<!doctype html><title>x</title><main><img src="x.png"><p style="color:#ccc;background:#fff">pale</p></main>`)
	})
	g.Do(chromedp.Navigate(g.base))
	if found := strings.Join(looks(), "\n"); !strings.Contains(found, "image-alt") || !strings.Contains(found, "color-contrast") {
		t.Fatalf("a page that nobody can read passes: %s", found)
	}
	for _, s := range all() {
		for _, look := range []struct {
			scheme string
			width  int64
		}{{"light", 1280}, {"dark", 1280}, {"light", 320}} {
			g.show(s, "en", look.scheme, look.width)
			g.unfold()
			for _, found := range looks() {
				t.Errorf("%s, %s, %d wide: %s", s.name, look.scheme, look.width, found)
			}
		}
	}
}

// TestScreenshots writes pictures of all screens into the folder that
// UPKEEP_SCREENSHOTS names, for people to look at: make screenshots.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("UPKEEP_SCREENSHOTS")
	if dir == "" {
		t.Skip("make screenshots makes pictures")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	g := newGallery(t)
	n := 0
	shoot := func(name string, parts ...any) {
		t.Helper()
		picture := chromium.Read(g.Window, chromedp.FullScreenshot(100))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf(name+".png", parts...)), picture, 0o644); err != nil {
			t.Fatal(err)
		}
		n++
	}
	for _, s := range all() {
		if only := os.Getenv("UPKEEP_SCREENS"); only != "" && !strings.Contains(s.name, only) {
			continue
		}
		for _, language := range []string{"en", "fr"} {
			for _, scheme := range []string{"light", "dark"} {
				for _, width := range widths {
					g.show(s, language, scheme, width)
					shoot("%s.%s.%s.%d", s.name, language, scheme, width)
					if language == "en" && scheme == "light" && g.unfold() > 0 {
						shoot("%s.open.%d", s.name, width)
					}
				}
			}
		}
	}
	t.Logf("%d pictures are in %s", n, dir)
}
