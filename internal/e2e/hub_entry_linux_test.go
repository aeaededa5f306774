package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// The product is upgraded by following screens in a browser, here one without
// script; its own entry address is told on the page and in the terminal.
func TestItopPage_S0_2(t *testing.T) {
	lab.Slow(t)
	s := itop(t)
	h := startHub(t, s)
	h.enter()
	link, at := fmt.Sprintf("http://127.0.0.1:%d/", s.Port), "/i/"+s.ID()
	if text := h.see(at); strings.Contains(text, link) {
		t.Errorf("nobody knows the product yet, and its address is told:\n%s", text)
	}
	h.see(at+"/upgrade", "itop 3.1.0 → 3.2.0", "It is ready.")
	plan := form(h.see(at+"/plan", "Start the upgrade to 3.2.0"))
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := h.PostForm(h.base+at+"/start", plan)
	if code, text := h.read(res, err); code != 303 {
		t.Fatalf("the yes is answered %d\n%s", code, text)
	}
	run := res.Header.Get("Location")
	h.listen(run, func(int) {})
	h.see(run, "itop is on 3.2.0")
	for _, path := range []string{"/", at} {
		h.see(path, `<a href="`+link+`" rel="noreferrer">`+link+`</a>`)
	}
	if out := s.Must(0, "status").Out; !strings.Contains(out, "its own address "+link+"\n") {
		t.Errorf("status says\n%s", out)
	}
	if out := s.Must(0, "status", "--format", "json").Out; !strings.Contains(out, `"entry": "`+link+`"`) {
		t.Errorf("status says\n%s", out)
	}
}

// A hub that runs is asked for links, by its own account only; what one that was
// killed has left is in nobody's way.
func TestHubLink(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true, Stopped: true})
	s.Env = append(s.Env, "XDG_RUNTIME_DIR="+t.TempDir())
	h := startHub(t, s)
	at := strings.TrimPrefix(h.base, "http://")
	if r := s.Must(1, "hub", "link", "--listen", "127.0.0.1:1"); !strings.Contains(r.Err, "no hub of this account serves 127.0.0.1:1") || !strings.Contains(r.Err, at) {
		t.Errorf("of an address without a hub: %v", r)
	}
	if !strings.Contains(s.Must(0, "hub", "link", "--listen", at).Out, h.base+"/enter?code=") {
		t.Error("no link is printed")
	}
	h.link = strings.TrimSpace(s.Must(0, "hub", "link", "--listen", at, "--format", "json").Out)
	_, h.link, _ = strings.Cut(h.link, `"link": "`)
	h.link, _, _ = strings.Cut(h.link, `"`)
	h.enter()
	h.see("/", "notes")
	h.end(syscall.SIGKILL)
	if r := s.Must(1, "hub", "link", "--listen", at); !strings.Contains(r.Err, "no hub of this account serves "+at) {
		t.Errorf("of a hub that was killed: %v", r)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) { // until its page has ended, too
		if _, err := http.Get(h.base); err != nil {
			break
		}
	}
	h = startHub(t, s, "--listen", at)
	if !strings.Contains(s.Must(0, "hub", "link", "--listen", at).Out, h.base+"/enter?code=") {
		t.Error("the next hub at that address prints no link")
	}
}
