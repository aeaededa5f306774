package e2e

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
	"upkeep/internal/lab/chromium"
)

// browser is Debian's Chromium with one window.
type browser struct {
	*chromium.Window
	t *testing.T
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	return &browser{chromium.Open(t, 1100, 900), t}
}

// goneNode is what Chromium says of an element whose page has just been left.
const goneNode = "Could not find node"

// lookFor is how long something may take to show.
const lookFor = time.Minute

// click clicks what stands there with the text. While pages change an element may
// go between being found and being clicked; then it is looked for again.
func (b *browser) click(text string) {
	b.t.Helper()
	b.do(chromedp.Click(`//*[self::a or self::button or self::summary][normalize-space()="`+text+`"]`, chromedp.NodeVisible))
}

func (b *browser) do(a chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b, lookFor)
	defer stop()
	err := chromedp.Do(ctx, a)
	for err != nil && strings.Contains(err.Error(), goneNode) && ctx.Err() == nil {
		err = chromedp.Do(ctx, a)
	}
	if err != nil {
		b.t.Fatalf("%v\n%s", err, b.text())
	}
}

// text is what a person reads in the page; empty while there is none.
func (b *browser) text() string {
	text, err := chromedp.Run(b, chromedp.Evaluate[string](`document.querySelector("main")?.innerText ?? ""`))
	if err != nil {
		return "" // the page is being left
	}
	return text
}

// shows waits until a person can read the text.
func (b *browser) shows(text string) {
	b.t.Helper()
	for end := time.Now().Add(lookFor); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if strings.Contains(b.text(), text) {
			return
		}
	}
	b.t.Fatalf("%q does not show:\n%s", text, b.text())
}

// read gives what an action finds.
func read[T any](b *browser, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b, lookFor)
	defer stop()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		b.t.Error(err)
	}
	return v
}

// TestHubBrowser: the way from the link to the end of an upgrade in a real
// browser, with script and without. In the middle the page's process is killed.
func TestHubBrowser(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	s.Bundle("3.0")
	s.Hook("hooks/PREINSTALL_app.sh", "echo working; while [ ! -e "+s.Marks+"/go-on-$UPKEEP_VERSION_TO ]; do sleep 0.01; done")
	h := startHub(t, s)
	b := newBrowser(t)
	b.do(chromedp.Navigate(h.link))
	b.click("Enter")
	b.shows("1 product on")
	for _, tt := range []struct {
		to      string
		scripts bool
	}{{"2.0", true}, {"3.0", false}} {
		if _, err := chromedp.Call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !tt.scripts}); err != nil {
			t.Fatal(err)
		}
		b.do(chromedp.Navigate(h.base + "/"))
		b.click("notes")
		b.click("Upgrade")
		b.shows("Nothing is changed before your yes")
		b.click("Another version, other choices")
		b.do(chromedp.SendKeys(`//input[@name="to"]`, tt.to))
		b.click("Look again")
		b.shows("→ " + tt.to)
		b.click("Show the plan")
		b.shows("If something fails, or you cancel")
		b.click("Start the upgrade to " + tt.to)
		b.shows("The upgrade is under way")
		read(b, chromedp.Evaluate[bool](`window.here = true`))
		for end := time.Now().Add(30 * time.Second); !strings.Contains(s.Log(), "| working") && time.Now().Before(end); {
			time.Sleep(20 * time.Millisecond)
		}
		b.shows("| working")
		if err := syscall.Kill(h.page(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		s.Twin("installation.yaml", "../marks/go-on-"+tt.to)
		b.shows("notes is on " + tt.to + ", verified.")
		if same := read(b, chromedp.Evaluate[bool](`window.here === true`)); same != tt.scripts {
			t.Errorf("with script %v the page was kept: %v", tt.scripts, same)
		}
		if log, want := read(b, chromedp.TextContent(`//pre[@class="log"]`)), s.Log(); tt.scripts && log != want {
			t.Errorf("the log on the page is\n%s\nwant\n%s", log, want)
		}
	}
	if said := b.Said(); len(said) > 0 {
		t.Errorf("the browser complains: %q", said)
	}
}
