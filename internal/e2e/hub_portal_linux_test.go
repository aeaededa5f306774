package e2e

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// portal is Altazion's portal: its modules, a feed that publishes, and somebody
// who looks at it in a browser.
type portal struct {
	*browser
	site *sitetest.Site
	feed *sitetest.Feed
	hub  *hub
}

func newPortal(t *testing.T) *portal {
	t.Helper()
	s := sitetest.New(t, sitetest.Options{Example: "altazion", Version: "20.4"})
	for _, v := range []string{"20.4", "20.5", "20.6"} {
		s.Bundle(v)
	}
	p := &portal{site: s, feed: s.Feed()}
	p.publish("20.4")
	s.Must(0, "adopt", "--product", filepath.Join(s.Releases, "altazion-20.4.tar.zst"))
	p.hub = startHub(t, s, "--releases", "")
	p.browser = newBrowser(t)
	p.do(chromedp.Navigate(p.hub.link))
	p.click("Enter")
	p.shows("1 product on")
	return p
}

func (p *portal) publish(version string) {
	if err := p.feed.Release("stable", filepath.Join(p.site.Releases, "altazion-"+version+".tar.zst")); err != nil {
		p.t.Fatal(err)
	}
}

// scripts allows or forbids script, as a browser in restricted mode does.
func (p *portal) scripts(on bool) {
	p.t.Helper()
	if _, err := chromedp.Call(p.browser, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *portal) home() {
	p.t.Helper()
	p.do(chromedp.Navigate(p.hub.base + "/"))
	p.shows("Installations")
}

// open goes from the overview to a page of the installation.
func (p *portal) open(tab string) {
	p.t.Helper()
	p.home()
	p.click("altazion")
	p.shows("What is installed")
	if tab != "" {
		p.click(tab)
	}
}

// upgrade clicks from readiness to the end.
func (p *portal) upgrade(to string) {
	p.t.Helper()
	p.shows("Nothing is changed before your yes")
	p.click("Show the plan")
	p.shows("If something fails, or you cancel")
	p.click("Start the upgrade to " + to)
	p.shows(" is on " + to + ", verified.")
}

// complaints fails where a page has caused an exception, or wanted what its policy
// forbids.
func (p *portal) complaints() {
	p.t.Helper()
	if said := p.Said(); len(said) > 0 {
		p.t.Errorf("the browser complains: %q", said)
	}
}

// TestAltazionPortal: the whole portal, clicked through with script and without it
// (a browser in restricted mode): what is published is seen, one module is
// installed alone, then all; a restore point is made, proven and put back; the
// upgrade is taken back; a page that was left over is mended.
func TestAltazionPortal_S3_7(t *testing.T) {
	lab.Slow(t)
	p := newPortal(t)
	s := p.site
	for _, tt := range []struct {
		name, from, to string
		scripts        bool
	}{{"S3_7_with_script", "20.4", "20.5", true}, {"S3_9_without_script", "20.5", "20.6", false}} {
		t.Run(tt.name, func(t *testing.T) {
			p.t = t
			p.scripts(tt.scripts)
			t.Run("S3_10_up_to_date", func(t *testing.T) {
				p.t = t
				p.home()
				p.click("Look for releases now")
				p.shows("Up to date")
				wants(t, p.text(), `Last looked\s+just now`)
			})
			t.Run("S3_11_new_version_with_the_modules", func(t *testing.T) {
				p.t = t
				p.publish(tt.to)
				p.home()
				p.click("Look for releases now")
				p.shows(tt.to + " is available")
				p.shows("Upgrade to " + tt.to + "…")
				for _, m := range []string{"gestioncommerciale", "ecommerce", "phygitalapi", "integration"} {
					wants(t, p.text(), m+`\s+`+regexp.QuoteMeta(tt.from)+`\s+`+s.Root+"/"+m)
				}
			})
			t.Run("S3_14_S3_15_all", func(t *testing.T) {
				p.t = t
				p.home()
				p.click("Upgrade to " + tt.to + "…")
				p.upgrade(tt.to)
				p.home()
				p.shows("Up to date")
				if got := strings.TrimSpace(s.Read("ecommerce/version.txt")); got != tt.to {
					t.Errorf("the shop is on %s", got)
				}
			})
			t.Run("back", func(t *testing.T) {
				p.t = t
				p.open("")
				p.click("Take the last upgrade back…")
				p.click("Look for the way back")
				p.shows("is lost.")
				p.click("Go back to " + tt.from)
				p.shows("altazion is on " + tt.from + ", verified.")
				if got := strings.TrimSpace(s.Read("ecommerce/version.txt")); got != tt.from {
					t.Errorf("the shop is on %s", got)
				}
			})
			t.Run("S3_14_S3_15_one_module_then_the_rest", func(t *testing.T) {
				p.t = t
				p.open("")
				p.do(chromedp.Click(`//a[@aria-label="Install… integration"]`))
				p.upgrade(tt.to)
				if got := s.Read("integration/version.txt") + s.Read("ecommerce/version.txt"); strings.Join(strings.Fields(got), " ") != tt.to+" "+tt.from {
					t.Errorf("the versions are %q", got)
				}
				p.home()
				p.click("Upgrade to " + tt.to + "…")
				p.upgrade(tt.to)
				p.home()
				p.shows("Up to date")
			})
			t.Run("restore", func(t *testing.T) {
				p.t = t
				p.points(tt.name)
			})
			t.Run("S3_12_S3_43_S3_46_from_doubt_to_remedy", func(t *testing.T) {
				p.t = t
				s.Write("ecommerce/app_offline.htm", "closed\n", 0o644)
				p.home()
				p.shows("Mode maintenance is on, and no run is open.")
				p.click("See what helps")
				p.click("Look now")
				p.click("Do it from here…")
				p.shows("upkeep mode normal")
				p.click("Carry it out")
				p.shows("It has helped: the symptom is gone.")
				if s.Exists("ecommerce/app_offline.htm") {
					t.Error("the page is there still")
				}
			})
		})
	}
	p.t = t
	p.complaints()
}

// points makes a restore point, proves it, and puts it back.
func (p *portal) points(note string) {
	p.t.Helper()
	s := p.site
	p.open("Restore points")
	p.do(chromedp.SendKeys(`//input[@name="note"]`, note))
	p.click("Make it")
	p.shows("is made.")
	p.shows(note)
	p.do(chromedp.Click(`(//button[normalize-space()="Prove"])[1]`))
	p.shows("is whole.")
	p.shows("Read whole")
	s.Write("ecommerce/bin/app", "edited\n", 0o755)
	p.do(chromedp.Click(`(//a[normalize-space()="Put back…"])[1]`))
	p.click("Look what would change")
	p.shows("What users did since")
	for len(read(p.browser, chromedp.Evaluate[[]string](`[...document.querySelectorAll("details[open] pre")].map(p => p.innerText).filter(t => t.includes("~ bin/app"))`))) == 0 {
		p.do(chromedp.Click(`(//summary[normalize-space()="The first of them"])[1]`))
	}
	if s.Read("ecommerce/bin/app") != "edited\n" {
		p.t.Error("looking has changed it")
	}
	p.click("Put it back")
	p.shows("is put back, and compared.")
	if s.Read("ecommerce/bin/app") == "edited\n" {
		p.t.Error("it is not put back")
	}
}

// TestAltazionPortalDecides: a run that really waits is decided in a browser: what
// has happened, to what, and each choice with what it means. The page may be left
// and comes back.
func TestAltazionPortalDecides_S3_7(t *testing.T) {
	lab.Slow(t)
	p := newPortal(t)
	s := p.site
	p.publish("20.5")
	hold := s.Marks + "/go-on"
	s.Hook("updates/scripts/PREINSTALL_ecommerce.sh", "echo holding; while [ ! -e "+hold+" ]; do sleep 0.02; done")
	start := func() {
		p.open("Upgrade")
		p.click("Show the plan")
		p.click("Start the upgrade to 20.5")
		p.shows("The upgrade is under way")
	}
	start()
	for end := time.Now().Add(lookFor); !strings.Contains(s.Log(), "| holding") && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	if !s.KillEngine() {
		t.Fatal("there was no engine")
	}
	p.shows("The run was interrupted.")
	p.click("Go on with it")
	p.shows("The run waits for your decision at:")
	page := p.text()
	for _, want := range []string{"PREINSTALL_ecommerce", "Users have not been served for", "Do the step again", "You have looked, and the step has taken effect", "Undo everything: files, services and data go back to 20.4"} {
		if !strings.Contains(page, want) {
			t.Errorf("the decision has no %q:\n%s", want, page)
		}
	}
	p.home()
	p.click("The run to 20.5, started by " + p.person() + ", waits for a decision.")
	p.do(chromedp.SendKeys(`//input[@name="why"]`, "not tonight"))
	p.click("Go back")
	p.shows("altazion is back on 20.4.")
	if out := s.Must(0, "runs", "list").Out; !strings.Contains(out, "back on 20.4") {
		t.Errorf("the terminal says\n%s", out)
	}
	s.Hook("updates/scripts/PREINSTALL_ecommerce.sh", "exit 0")
	s.Hook("updates/scripts/ENDUPDATE_ecommerce.sh", "test -e "+hold)
	start()
	p.shows("altazion is on 20.5. 1 step remains for you.")
	p.complaints()
}

// person is who looks.
func (p *portal) person() string {
	return read(p.browser, chromedp.TextContent(`//*[@class="name"]`))
}
