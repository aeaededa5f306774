package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

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
