package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// wizardSite is the example whose upgrade has every choice, with its hub and
// somebody who has entered. A hook waits in the middle of the outage.
func wizardSite(t *testing.T, scripts bool) (*sitetest.Site, *hub, *browser) {
	s := itop(t)
	s.Hook("hooks/PREINSTALL.sh", "for i in 1 2 3; do echo \"working $i\"; sleep 0.1; done; while [ ! -e "+s.Marks+"/go-on ]; do sleep 0.01; done")
	h := startHub(t, s)
	b := newBrowser(t)
	b.script(scripts)
	b.do(chromedp.Navigate(h.link))
	b.click("Enter")
	b.shows("1 product on")
	return s, h, b
}

// script has the browser run scripts, or not.
func (b *browser) script(on bool) {
	b.t.Helper()
	if _, err := chromedp.Call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}); err != nil {
		b.t.Fatal(err)
	}
}

// write puts a text into a field in the place of what stands there.
func (b *browser) write(name, text string) {
	b.t.Helper()
	b.do(chromedp.Click(`//*[@name="`+name+`"]`, chromedp.NodeVisible))
	read(b, chromedp.Evaluate[bool](`(document.getElementsByName("`+name+`")[0].select(), true)`))
	b.do(chromedp.KeyEvent(text))
}

// tick clicks the label of a choice.
func (b *browser) tick(label string) {
	b.t.Helper()
	b.do(chromedp.Click(`//label[strong[normalize-space()="`+label+`"]]`, chromedp.NodeVisible))
}

// at waits until the stage is reached.
func (b *browser) at(stage string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(`//ol[@class="stages"]/li[@aria-current][normalize-space()="` + stage + `"]`))
}

// started waits until the hook is reached.
func started(t *testing.T, s *sitetest.Site) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(s.Log(), "| working 3") {
			return
		}
	}
	t.Fatalf("the run does not come to its middle:\n%s", s.Log())
}

// planned is what the terminal plans, as JSON.
func planned(t *testing.T, s *sitetest.Site, args ...string) (digest string, titles []string) {
	t.Helper()
	var out struct {
		Plan struct {
			Digest string `json:"digest"`
			Steps  []struct {
				Title string `json:"title"`
			} `json:"steps"`
		} `json:"plan"`
	}
	r := s.Must(0, append([]string{"plan", "--format", "json", "--from", s.Releases}, args...)...)
	if err := json.Unmarshal([]byte(r.Out), &out); err != nil {
		t.Fatal(err)
	}
	for _, st := range out.Plan.Steps {
		titles = append(titles, st.Title)
	}
	return out.Plan.Digest, titles
}

// TestWizard_S0: the whole wizard of iTop clicked through in a browser. In the
// middle of the run the tab is closed, the page's process killed, then the engine.
func TestWizard_S0(t *testing.T) {
	lab.Slow(t)
	s, h, b := wizardSite(t, true)
	step := func(name string, do func(*testing.T)) {
		t.Helper()
		if !t.Run(name, func(t *testing.T) { b.t, h.t = t, t; do(t) }) {
			t.FailNow()
		}
		b.t, h.t = t, t
	}
	config := filepath.Join(s.Root, "conf/config-itop.php")
	if err := os.Chmod(config, 0o440); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(h.base + "/i/" + s.ID() + "/upgrade"))
	step("S0_1_readiness_is_mended_and_looked_at_again", func(t *testing.T) {
		b.shows("Something stands in the way.")
		b.shows("cannot be written by " + s.Service().Name)
		b.do(chromedp.Navigate(h.base + "/i/" + s.ID() + "/plan")) // nobody gets past it
		b.at("Readiness")
		b.shows("Something stands in the way.")
		if err := os.Chmod(config, 0o640); err != nil {
			t.Fatal(err)
		}
		b.click("Look again")
		b.shows("It is ready.")
		b.click("Continue")
	})
	step("S0_9_a_backup_unless_somebody_says_why_not", func(t *testing.T) {
		b.at("Safety")
		b.shows("make the restore point of 3.1.0 (app, conf, modules, database)")
		b.tick("Leave it out")
		b.click("Continue")
		b.shows("Say why there is to be no restore point.")
		b.tick("Make a restore point first")
		b.click("Continue")
	})
	step("S0_10_parameters_as_they_are", func(t *testing.T) {
		b.at("Parameters")
		b.shows("Program that runs the application")
		if now := read(b, chromedp.Value(`//input[@name="set.url"]`)); now != "http://127.0.0.1/itop/" {
			t.Errorf("the address is %q", now)
		}
		b.write("set.url", "http://tickets.example/\t")
		b.shows("It is http://127.0.0.1/itop/ now.")
		b.click("Continue")
	})
	step("S0_12_S0_29_choices_locked_and_conflicts_named_at_once", func(t *testing.T) {
		b.at("Choices")
		for _, id := range []string{"core", "simple", "itil", "none"} {
			if !read(b, chromedp.Evaluate[bool](`document.querySelector('input[value="`+id+`"]').disabled`)) {
				t.Errorf("%s can be changed", id)
			}
		}
		b.shows("simple is installed, and cannot be exchanged or taken out")
		b.tick("Storage devices")
		b.tick("Enhanced customer portal")
		b.tick("ITIL change management")
		b.shows("It cannot be had like that.")
		b.shows("itop-change-mgmt-itil (of itil-change) needs")
		b.do(chromedp.Click(`//label[normalize-space()="Leave it as it is" and ../input[@name="choose.3"]]`, chromedp.NodeVisible))
		b.gone("It cannot be had like that.")
		b.click("Show the plan")
	})
	b.at("Plan")
	digest, titles := planned(t, s, "--choose", "storage", "--choose", "portal", "--set", "url=http://tickets.example/")
	step("S0_26_sections_open_with_plus_and_hold_what_the_terminal_says", func(t *testing.T) {
		if shown := read(b, chromedp.Value(`//input[@name="digest"]`)); shown != digest {
			t.Errorf("the page asks for a yes to %s, and the terminal plans %s", shown, digest)
		}
		if b.reads(titles[0]) {
			t.Error("the steps are open before anybody has asked for them")
		}
		for _, part := range []string{"While users work", "Outage", "Users are in again"} {
			if sign := read(b, chromedp.Evaluate[string](`getComputedStyle(`+b.section(part)+`, "::before").content`)); sign != `"+"` {
				t.Errorf("%s opens with %s", part, sign)
			}
			b.do(chromedp.Click(`//summary[contains(., "`+part+`")]`, chromedp.NodeVisible))
		}
		for _, title := range titles {
			b.shows(title)
		}
		b.shows("url: http://127.0.0.1/itop/ → http://tickets.example/")
		b.shows("simple/portal")
		b.shows("Outage about")
	})
	b.click("Start the upgrade to 3.2.0")
	step("S0_28_a_moving_bar_that_outlives_tab_page_and_engine", func(t *testing.T) {
		b.shows("The upgrade is under way")
		b.shows("Step ")
		run := read(b, chromedp.Evaluate[string](`location.pathname`))
		value := `document.querySelector("progress").value`
		first := read(b, chromedp.Evaluate[float64](value))
		started(t, s)
		b.shows("| working 3")
		if now := read(b, chromedp.Evaluate[float64](value)); now <= first || now >= 1000 {
			t.Errorf("the bar goes from %v to %v", first, now)
		}
		b.do(chromedp.Reload())
		b.shows("| working 3")
		b.do(chromedp.Navigate("about:blank")) // the tab is closed
		if err := syscall.Kill(h.page(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		b.do(chromedp.Navigate(h.base + run))
		b.shows("The upgrade is under way")
		if !s.KillEngine() {
			t.Fatal("there was no engine to be killed")
		}
		b.shows("The run was interrupted.")
		b.click("Go on with it")
		b.shows("The run waits for your decision at:") // whether the hook has run can nobody tell
		s.Twin("installation.yaml", "../marks/go-on")
		b.click("Try again")
		b.shows("itop is on 3.2.0, verified.")
		if d := s.Must(0, "runs", "show", "--format", "json").Out; !strings.Contains(d, digest) {
			t.Errorf("another plan was carried out than %s:\n%s", digest, d)
		}
	})
	for file, want := range map[string]string{"app/env-production/modules": "itop-storage-mgmt", "modules/itop-portal": "3.2.0", "conf/config-itop.php": "http://tickets.example/"} {
		if !strings.Contains(s.Read(file), want) {
			t.Errorf("%s has no %s", file, want)
		}
	}
	b.quiet()
}

// TestWizardWithoutScript_S0_26_S0_28: the same with script off; the restore point
// is left out, with a reason.
func TestWizardWithoutScript_S0_26_S0_28(t *testing.T) {
	lab.Slow(t)
	s, h, b := wizardSite(t, false)
	b.do(chromedp.Navigate(h.base + "/i/" + s.ID() + "/upgrade"))
	b.shows("It is ready.")
	b.click("Continue")
	b.at("Safety")
	b.tick("Leave it out")
	b.do(chromedp.SendKeys(`//input[@name="waive.backup"]`, "the disk is copied every hour"))
	b.click("Continue")
	b.at("Parameters")
	b.write("set.url", "http://tickets.example/")
	b.click("Continue")
	b.at("Choices")
	b.tick("ITIL change management") // its need is not there
	b.click("Show the plan")
	b.shows("It cannot be had like that.")
	b.shows("itop-change-mgmt-itil (of itil-change) needs")
	b.tick("Simple change management")
	b.click("Show the plan")
	b.at("Plan")
	digest, titles := planned(t, s, "--choose", "change", "--set", "url=http://tickets.example/", "--waive", "backup=the disk is copied every hour")
	b.do(chromedp.Click(`//summary[contains(., "Outage")]`, chromedp.NodeVisible))
	b.shows(titles[len(titles)/2])
	b.shows("the disk is copied every hour")
	b.shows(digest[:12])
	b.click("Start the upgrade to 3.2.0")
	started(t, s)
	b.shows("| working 3") // the page loads anew by itself
	b.shows("Step ")
	b.do(chromedp.Navigate("about:blank"))
	s.Twin("installation.yaml", "../marks/go-on")
	b.do(chromedp.Navigate(h.base + "/"))
	b.click("itop")
	b.do(chromedp.Click(`//table//a`, chromedp.NodeVisible))
	b.shows("itop is on 3.2.0, verified.")
	if !s.Exists("modules/itop-change-mgmt") {
		t.Error("what was chosen is not there")
	}
	b.quiet()
}

// TestWizardByKeyboard_S0_26: keys alone, from the overview to the end.
func TestWizardByKeyboard_S0_26(t *testing.T) {
	lab.Slow(t)
	s, h, b := wizardSite(t, true)
	s.Twin("installation.yaml", "../marks/go-on")
	b.do(chromedp.Navigate(h.base + "/i/" + s.ID()))
	b.shows("itop")
	b.keys("Upgrade", "\r")
	b.at("Readiness")
	b.keys("Another version, other choices", "\r")
	b.keys("Rehearse the migrations first", " ")
	b.keys("Continue", "\r")
	b.at("Safety")
	b.keys("Continue", "\r")
	b.at("Parameters")
	b.keys("Continue", "\r")
	b.at("Choices")
	b.keys("Storage devices", " ")
	b.keys("Show the plan", "\r")
	b.at("Plan")
	_, titles := planned(t, s, "--choose", "storage", "--rehearse", "data")
	b.keys("Outage", "\r")
	b.shows(titles[len(titles)/2])
	b.keys("Start the upgrade to 3.2.0", "\r")
	b.shows("itop is on 3.2.0, verified.")
	b.quiet()
}

// reads says whether a person can read the text now.
func (b *browser) reads(text string) bool { return strings.Contains(b.text(), text) }

// gone waits until the text is there no more.
func (b *browser) gone(text string) {
	b.t.Helper()
	for end := time.Now().Add(lookFor); b.reads(text); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("%q does not go:\n%s", text, b.text())
		}
	}
}

// section is the summary of a section, in the browser's words.
func (b *browser) section(title string) string {
	return `[...document.querySelectorAll("summary")].find(s => s.innerText.includes("` + title + `"))`
}

// keys goes on with the tabulator to what is called so, and presses a key there.
func (b *browser) keys(name, press string) {
	b.t.Helper()
	const called = `(() => { const e = document.activeElement; return (e?.labels?.[0]?.querySelector("strong") ?? e?.labels?.[0] ?? e)?.innerText?.trim() ?? "" })()`
	seen := []string{}
	for range 80 {
		b.do(chromedp.KeyEvent("\t"))
		got := read(b, chromedp.Evaluate[string](called))
		if got == name || strings.HasPrefix(got, name+" ") || strings.HasPrefix(got, name+"\n") {
			b.do(chromedp.KeyEvent(press))
			return
		}
		seen = append(seen, got)
	}
	b.t.Fatalf("the tabulator does not lead to %s, but to %q\n%s", name, seen, b.text())
}

// quiet says that the browser has nothing to complain of.
func (b *browser) quiet() {
	b.t.Helper()
	if said := b.Said(); len(said) > 0 {
		b.t.Errorf("the browser complains: %q", said)
	}
}
