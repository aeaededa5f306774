package e2e

import (
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// TestHubStreams: 500 browsers hold their event streams open. The page stays as
// usable for the next visitor, who is told to come again for a stream of his own;
// page and engine side keep to their memory; and when they go, there is room.
func TestHubStreams(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	s.Hook("hooks/PREINSTALL_app.sh", "while [ ! -e "+s.Marks+"/go-on ]; do sleep 0.01; done")
	h := startHub(t, s)
	h.enter()
	wait := s.Began("upgrade", "--yes", "--from", s.Releases)
	for end := time.Now().Add(lookFor); !strings.Contains(s.Log(), "PREINSTALL") && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	at := "/i/" + url.PathEscape(s.ID())
	path := at + "/runs/" + filepath.Base(s.Runs()[0])
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	h.Timeout = 0
	h.Transport = &http.Transport{MaxIdleConnsPerHost: 600}
	open := func() (*http.Response, string) {
		req, err := http.NewRequestWithContext(ctx, "GET", h.base+path+"/live", nil)
		must(t, err)
		res, err := h.Do(req)
		must(t, err)
		first := make([]byte, 64)
		n, _ := res.Body.Read(first)
		return res, string(first[:n])
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	streams := 0
	for range 10 {
		wg.Go(func() {
			for range 50 {
				res, text := open()
				if res.StatusCode == 200 && strings.HasPrefix(text, "retry:") {
					mu.Lock()
					streams++
					mu.Unlock()
				} else {
					t.Logf("%d %q", res.StatusCode, text)
				}
			}
		})
	}
	wg.Wait()
	if streams != 500 {
		t.Fatalf("%d streams are open", streams)
	}
	began := time.Now()
	h.see("/", "Upgrade under way")
	h.see(path, "The upgrade is under way")
	t.Logf("beside 500 streams two pages take %v; engine side %d MB, page %d MB", time.Since(began).Round(time.Millisecond), peak(t, h.cmd.Process.Pid), peak(t, h.page()))
	if all := peak(t, h.cmd.Process.Pid) + peak(t, h.page()); all > 250 {
		t.Errorf("500 streams take %d MB", all)
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", h.base+path+"/live", nil)
	must(t, err)
	if code, text := h.read(h.Do(req)); code != 200 || text != "retry: 2000\n\n" {
		t.Errorf("one too many is told %d %q", code, text)
	}
	leave()
	s.Twin("installation.yaml", "../marks/go-on")
	if _, last := h.listen(path, func(int) {}); !strings.Contains(last, "notes is on 2.0, verified.") {
		t.Errorf("when they have gone nobody hears of the end: %s", last)
	}
	wait()
}

// TestTerminalEscapes: what vendors, hooks and files say reaches a terminal
// without a character that moves its cursor, colours it or names its window.
func TestTerminalEscapes(t *testing.T) {
	lab.Slow(t)
	const yaml, shell = `\e]0;owned\a\e[2J\u202E`, `\033]0;owned\007\033[2J\r`
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true, Edit: func(path, text string) string {
		if path == "releases/2.0/release.yaml" {
			text = strings.Replace(text, "notes: Every note has a title.", `notes: "Every `+yaml+` note"`, 1)
			text = strings.Replace(text, "checks:\n", `checks:
  - {id: odd, probe: {ask: "Is it `+yaml+` odd?"}, level: info, effect: "it is `+yaml+`"}
`, 1)
		}
		return text
	}})
	s.Bundle("2.0")
	s.Hook("hooks/PREINSTALL_app.sh", "printf '"+shell+" to the log\\n'; printf '"+shell+" why\\n' >&2; exit 1")
	seen := false
	for _, args := range [][]string{{"check", "--from", s.Releases}, {"plan", "--from", s.Releases}, {"upgrade", "--yes", "--from", s.Releases}, {"status"}, {"runs", "list"}, {"runs", "show"}, {"runs", "log"}, {"doctor"},
		{"status", "--format", "json"}, {"runs", "show", "--format", "json"}} {
		r := s.Upkeep(args...)
		seen = seen || strings.Contains(r.Out+r.Err, "owned")
		for i, c := range r.Out + r.Err {
			if unicode.IsControl(c) && c != '\n' && c != '\t' || unicode.Is(unicode.Bidi_Control, c) {
				text := r.Out + r.Err
				t.Errorf("%s writes %q: %q", strings.Join(args, " "), c, text[max(0, i-60):min(len(text), i+20)])
				break
			}
		}
	}
	if !seen {
		t.Error("nothing of it was shown at all")
	}
}
