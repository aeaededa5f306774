package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
	"upkeep/internal/lab/chromium"
)

// focused says where the keyboard is: what stands there, how it is shown, and its
// place in the order of the page.
const focused = `(() => {
	const e = document.activeElement, style = getComputedStyle(e), r = e.getBoundingClientRect();
	return {
		text: e === document.body ? "" : (e.innerText || e.getAttribute("aria-label") || e.name || e.tagName).trim(),
		ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
		seen: r.width > 0 && r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth,
		place: [...document.querySelectorAll("*")].indexOf(e),
	};
})()`

type focus struct {
	Text       string
	Ring, Seen bool
	Place      int
}

// tabTo presses the tabulator until the keyboard is at the text. On the way every
// place shows that it is there, in the order of the page.
func (b *browser) tabTo(text string) {
	b.t.Helper()
	last := -1
	var way []string
	for range 80 {
		b.Do(chromedp.KeyEvent(kb.Tab))
		at := read(b, chromedp.Evaluate[focus](focused))
		if at.Text == "" {
			last = -1 // around the end of the page
			continue
		}
		way = append(way, at.Text)
		if !at.Ring || !at.Seen {
			b.t.Errorf("nobody sees that the keyboard is at %q: %+v", at.Text, at)
		}
		if at.Place < last {
			b.t.Errorf("the keyboard goes back to %q: %q", at.Text, way)
		}
		last = at.Place
		if at.Text == text {
			return
		}
	}
	b.t.Fatalf("the keyboard does not get to %q: %q", text, way)
}

func (b *browser) press(keys string) { b.t.Helper(); b.Do(chromedp.KeyEvent(keys)) }

// TestHubKeyboard: from the link to a run that was started, and to a decision,
// without a mouse.
func TestHubKeyboard(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	s.Hook("hooks/PREINSTALL_app.sh", "while [ ! -e "+s.Marks+"/go-on ]; do sleep 0.01; done")
	h := startHub(t, s)
	b := newBrowser(t)
	b.do(chromedp.Navigate(h.link))
	b.tabTo("Enter")
	b.press(kb.Enter)
	b.shows("1 product on")
	b.press(kb.Tab)
	if at := read(b, chromedp.Evaluate[focus](focused)); at.Text != "Skip to the content" || !at.Seen {
		t.Errorf("the first place of a page is %+v", at)
	}
	b.press(kb.Enter)
	b.press(kb.Tab)
	if at := read(b, chromedp.Evaluate[focus](focused)); at.Text != "Look for releases now" {
		t.Errorf("behind the link to the content is %+v", at)
	}
	b.tabTo("notes")
	b.press(kb.Enter)
	b.shows("Latest runs")
	b.tabTo("Upgrade")
	b.press(kb.Enter)
	b.shows("Nothing is changed before your yes")
	b.tabTo("Show the plan")
	b.press(kb.Enter)
	b.shows("If something fails, or you cancel")
	b.tabTo("Start the upgrade to 2.0")
	b.press(kb.Enter)
	b.shows("The upgrade is under way")
	b.tabTo("Cancel this run…")
	b.press(kb.Enter)
	b.tabTo("why")
	b.press("too early")
	b.press(kb.Tab)
	b.press(kb.Enter)
	s.Twin("installation.yaml", "../marks/go-on")
	b.shows("notes is back on 1.0.")
	b.shows("too early")
	if said := b.Said(); len(said) > 0 {
		t.Errorf("the browser complains: %q", said)
	}
}

// TestHubTwoOperators: of two who press the button at once, in two browsers, one
// wins, and the other sees whose run is open. An open overview shows at once that
// a run was started in the terminal.
func TestHubTwoOperators(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	s.Bundle("3.0")
	s.Hook("hooks/PREINSTALL_app.sh", "while [ ! -e "+s.Marks+"/go-on-$UPKEEP_VERSION_TO ]; do sleep 0.01; done")
	h := startHub(t, s)
	one := newBrowser(t)
	one.do(chromedp.Navigate(h.link))
	one.click("Enter")
	one.shows("1 product on")
	two := &browser{one.Another(t), t}
	for _, c := range chromium.Tell(one.Window, network.GetCookies, network.GetCookiesParams{}).Cookies {
		chromium.Tell(two.Window, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: h.base, HTTPOnly: &c.HTTPOnly, SameSite: c.SameSite})
	}
	both := []*browser{one, two}
	for _, b := range both {
		b.do(chromedp.Navigate(h.base + "/i/" + s.ID() + "/plan?to=2.0"))
		b.shows("If something fails, or you cancel")
	}
	var wg sync.WaitGroup
	for _, b := range both {
		wg.Go(func() { b.press(kb.End); b.click("Start the upgrade to 2.0") })
	}
	wg.Wait()
	wins, sees := 0, 0
	for end := time.Now().Add(lookFor); wins+sees < 2 && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		wins, sees = 0, 0
		for _, b := range both {
			switch text := b.text(); {
			case strings.Contains(text, "The upgrade is under way"):
				wins++
			case strings.Contains(text, "A run is open already") && strings.Contains(text, "started by "):
				sees++
			}
		}
	}
	if wins != 1 || sees != 1 || len(s.Runs()) != 1 {
		t.Fatalf("%d have won, %d see who has, and there are %d runs:\n%s\n%s", wins, sees, len(s.Runs()), one.text(), two.text())
	}
	s.Twin("installation.yaml", "../marks/go-on-2.0")
	for _, b := range both {
		b.do(chromedp.Navigate(h.base + "/"))
		b.shows("on 2.0")
	}
	wait := s.Began("upgrade", "--yes", "--from", s.Releases)
	for end := time.Now().Add(lookFor); len(s.Runs()) < 2 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
	}
	began := time.Now()
	two.shows("Upgrade under way")
	took := time.Since(began)
	t.Logf("a run of the terminal shows after %v", took.Round(time.Millisecond))
	if took > 10*time.Second {
		t.Errorf("a run of the terminal shows only after %v", took)
	}
	s.Twin("installation.yaml", "../marks/go-on-3.0")
	wait()
	one.shows("on 3.0")
}
