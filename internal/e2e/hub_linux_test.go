package e2e

import (
	"bufio"
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// hub is upkeep hub with somebody who looks at its page without script.
type hub struct {
	*http.Client
	t    *testing.T
	cmd  *exec.Cmd
	base string // address of the page, without a slash at its end
	link string // empty once an administrator has a password

	fingerprint string // of its certificate; empty without TLS
}

// startHub starts it on a free port; as root the page is nobody's.
func startHub(t *testing.T, s *sitetest.Site, args ...string) *hub {
	t.Helper()
	args = append([]string{"hub", "--format", "json", "--listen", "127.0.0.1:0", "--releases", s.Releases}, args...)
	if os.Getuid() == 0 {
		args = append(args, "--page-as", "nobody")
	}
	h := &hub{t: t, cmd: s.Command(context.Background(), args...)}
	out, err := h.cmd.StdoutPipe()
	if err == nil {
		err = h.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.end(syscall.SIGTERM) })
	said := bufio.NewReader(out)
	for whole := false; !whole; {
		line, err := said.ReadString('\n')
		if err != nil {
			t.Fatalf("the hub does not say where it is: %v", err)
		}
		if _, rest, ok := strings.Cut(line, `"address": "`); ok {
			h.base = strings.TrimSuffix(strings.TrimRight(rest, "\",\n"), "/")
		}
		if _, rest, ok := strings.Cut(line, `"link": "`); ok {
			h.link = strings.TrimRight(rest, "\",\n")
		}
		if _, rest, ok := strings.Cut(line, `"fingerprint": "`); ok {
			h.fingerprint = strings.TrimRight(rest, "\",\n")
		}
		whole = strings.Contains(line, `"pageAs"`)
	}
	go io.Copy(io.Discard, said)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	h.Client = &http.Client{Jar: jar, Timeout: time.Minute}
	return h
}

func (h *hub) end(sig syscall.Signal) {
	_ = h.cmd.Process.Signal(sig) // it may have ended
	_ = h.cmd.Wait()
}

// page gives the process of the page: the hub's only child.
func (h *hub) page() int {
	h.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", h.cmd.Process.Pid))
		for _, file := range all {
			text, _ := os.ReadFile(file)
			for _, f := range strings.Fields(string(text)) {
				if args, _ := os.ReadFile("/proc/" + f + "/cmdline"); strings.Contains(string(args), "\x00page\x00") {
					pid, _ := strconv.Atoi(f)
					return pid
				}
			}
		}
	}
	h.t.Fatal("the hub has no page")
	return 0
}

func (h *hub) read(res *http.Response, err error) (int, string) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func (h *hub) see(path string, want ...string) string {
	h.t.Helper()
	code, text := h.read(h.Get(h.base + path))
	for _, w := range want {
		if code != 200 || !strings.Contains(text, w) {
			h.t.Fatalf("%s: %d, want %q in\n%s", path, code, w, text)
		}
	}
	return text
}

func (h *hub) enter() {
	h.t.Helper()
	_, code, _ := strings.Cut(h.link, "code=")
	h.read(h.PostForm(h.base+"/enter", url.Values{"code": {code}}))
}

var field = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// form reads the hidden fields of the form that starts a run.
func form(page string) url.Values {
	out := url.Values{}
	_, yes, _ := strings.Cut(page, `class="yes"`)
	for _, m := range field.FindAllStringSubmatch(yes, -1) {
		out.Set(m[1], m[2])
	}
	return out
}

// listen follows a run as a browser does: it comes back with the last id when
// the stream ends, until the run is over. Each may be called in between.
func (h *hub) listen(run string, each func(lines int)) (log []string, last string) {
	h.t.Helper()
	id := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		req, err := http.NewRequest("GET", h.base+run+"/live", nil)
		if err != nil {
			h.t.Fatal(err)
		}
		if id != "" {
			req.Header.Set("Last-Event-ID", id)
		}
		res, err := h.Do(req)
		if err != nil {
			continue
		}
		event, data, next := "", []string{}, ""
		for r := bufio.NewScanner(res.Body); r.Scan(); {
			switch key, value, _ := strings.Cut(r.Text(), ": "); key {
			case "event":
				event = value
			case "id":
				next = value
			case "data":
				data = append(data, value)
			case "": // a whole event
				if next != "" {
					id = next
				}
				switch event {
				case "log":
					log = append(log, data[:len(data)-1]...)
					each(len(log))
				case "run":
					last = strings.Join(data, "\n")
				case "over":
					res.Body.Close()
					return log, last
				}
				event, data, next = "", nil, ""
			}
		}
		res.Body.Close()
	}
	h.t.Fatalf("the run is not over, or nobody says so: %q\n%s", log, last)
	return nil, ""
}

// race says yes five times at once. One wins, the others see who it was.
func (h *hub) race(path string, plan url.Values) (run string) {
	h.t.Helper()
	type answer struct {
		code       int
		text, goes string
	}
	answers := make(chan answer)
	for range 5 {
		go func() {
			res, err := h.PostForm(h.base+path, plan)
			if err != nil {
				answers <- answer{text: err.Error()}
				return
			}
			code, text := h.read(res, nil)
			answers <- answer{code, text, res.Header.Get("Location")}
		}()
	}
	for range 5 {
		switch a := <-answers; {
		case a.code == 303 && run == "":
			run = a.goes
		case a.code != 409 || !strings.Contains(a.text, "A run is open already") && !strings.Contains(a.text, "at work on this installation"):
			h.t.Errorf("a yes at the same time: %d\n%s", a.code, a.text)
		}
	}
	if run == "" {
		h.t.Fatal("nobody has won")
	}
	return run
}

// TestHub: an upgrade from the overview to its end by the page alone, without
// script. In the middle of the run the page's process is killed: it comes back,
// and no line of the log is lost.
func TestHub(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	s.Hook("hooks/PREINSTALL_app.sh", "for i in 1 2 3 4 5 6 7 8 9; do echo '<script>working '$i'</script>'; sleep 0.05; done; while [ ! -e "+s.Marks+"/go-on ]; do sleep 0.01; done")
	h := startHub(t, s)
	if code, text := h.read(h.Get(h.base + "/")); code != 401 || !strings.Contains(text, "You are not signed in") {
		t.Errorf("a stranger gets %d\n%s", code, text)
	}
	h.enter()
	id := s.ID()
	h.see("/", "notes", "1 product on")
	h.see("/i/"+id+"/upgrade", "notes 1.0 → 2.0", "It is ready.")
	h.see("/i/" + id + "/doctor?look=now")
	plan := form(h.see("/i/"+id+"/plan", "notes 1.0 → 2.0", "Start the upgrade to 2.0"))
	if len(plan.Get("digest")) != 64 || plan.Get("token") == "" {
		t.Fatalf("the plan's form has %v", plan)
	}
	other := url.Values{"digest": {strings.Repeat("0", 64)}, "token": plan["token"]}
	if code, text := h.read(h.PostForm(h.base+"/i/"+id+"/start", other)); code != 409 || !strings.Contains(text, "The plan has changed") {
		t.Fatalf("a yes to another plan: %d\n%s", code, text)
	}
	if len(s.Runs()) != 0 {
		t.Fatal("a run was opened though nobody has said yes")
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	run := h.race("/i/"+id+"/start", plan)
	if len(s.Runs()) != 1 {
		t.Fatalf("five yeses at once open %d runs", len(s.Runs()))
	}
	h.see("/", "Upgrade under way")
	killed := false
	log, last := h.listen(run, func(lines int) {
		if !killed && strings.Contains(s.Log(), "working 9") {
			killed = true
			was := h.page()
			if err := syscall.Kill(was, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			s.Twin("installation.yaml", "../marks/go-on")
		}
	})
	if !killed {
		t.Error("the page was not killed in the middle")
	}
	if !strings.Contains(last, "notes is on 2.0, verified.") {
		t.Errorf("the last word of the page is\n%s", last)
	}
	got := html.UnescapeString(strings.Join(log, "\n")) + "\n"
	if want := s.Log(); got != want {
		t.Errorf("the page has told another log:\n%s\nwant\n%s", got, want)
	}
	whole := h.see(run, "notes is on 2.0, verified.", "Where the time went")
	if strings.Contains(whole, "<script>working") {
		t.Error("what a hook prints is part of the page")
	}
	if text := h.see(run + "/log"); text != s.Log() {
		t.Errorf("the whole log is\n%s", text)
	}
	h.see("/i/"+id+"/runs", "on 2.0")
	h.see("/i/"+id+"/points", "Restore points")
	if out := s.Must(0, "runs", "list").Out; !strings.Contains(out, "on 2.0") {
		t.Errorf("the terminal shows another history:\n%s", out)
	}
	page := h.page()
	h.end(syscall.SIGKILL)
	for end := time.Now().Add(10 * time.Second); syscall.Kill(page, 0) == nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if syscall.Kill(page, 0) == nil {
		t.Error("the page outlives a hub that was killed")
	}
}

// TestHubCancel: a run that is started in the terminal is shown at once, and
// cancelled on the page: everything is as it was.
func TestHubCancel(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	s.Hook("hooks/PREINSTALL_app.sh", "while [ ! -e "+s.Marks+"/go-on ]; do sleep 0.01; done")
	h := startHub(t, s)
	h.enter()
	cmd := s.Command(context.Background(), "upgrade", "--yes", "--from", s.Releases)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id := s.ID()
	for end := time.Now().Add(30 * time.Second); !strings.Contains(s.Log(), "PREINSTALL") && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	over := h.see("/", "Upgrade under way")
	_, rest, _ := strings.Cut(over, `<a href="/i/`+id+`/runs/`)
	run, _, _ := strings.Cut(rest, `"`)
	page := h.see("/i/"+id+"/runs/"+run, "Cancel this run")
	_, token, _ := strings.Cut(page, `name="token" value="`)
	token, _, _ = strings.Cut(token, `"`)
	at := h.base + "/i/" + id + "/runs/" + run + "/decide"
	if code, text := h.read(h.PostForm(at, url.Values{"token": {token}, "choice": {"skip"}, "step": {"nothing"}})); code != 409 || !strings.Contains(text, "does not wait at step nothing") {
		t.Errorf("a choice that nobody offers: %d\n%s", code, text)
	}
	h.read(h.PostForm(at, url.Values{"token": {token}, "choice": {"back"}, "why": {"too early"}}))
	s.Twin("installation.yaml", "../marks/go-on")
	_, last := h.listen("/i/"+id+"/runs/"+run, func(int) {})
	for _, want := range []string{"notes is back on 1.0.", "cancelled it", "too early"} {
		if !strings.Contains(last, want) {
			t.Errorf("the last word of the page has no %q:\n%s", want, last)
		}
	}
	_ = cmd.Wait() // the terminal shows the same end: 6, back on the old version
	if code := cmd.ProcessState.ExitCode(); code != 6 {
		t.Errorf("the terminal ends with %d", code)
	}
}

// TestHubRights: as root the page's process has an account of its own, and can get
// no other.
func TestHubRights(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true, Stopped: true})
	h := startHub(t, s)
	h.see("/enter")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.page()))
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := lab.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{fmt.Sprintf("Uid:\t%d\t%[1]d\t%[1]d\t%[1]d\n", nobody.UID), "Groups:\t \n", "NoNewPrivs:\t1\n", "CapEff:\t0000000000000000\n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("the page's process has no %q:\n%s", want, status)
		}
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", h.page()))
	if err != nil || strings.Contains(string(env), "leaked") {
		t.Errorf("the page's environment is %q, %v", env, err)
	}
}

func TestHubRefused(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true, Stopped: true})
	h := startHub(t, s)
	as := []string{}
	if os.Getuid() == 0 {
		as = []string{"--page-as", "nobody"}
		if r := s.Must(1, "hub", "--page-as", "no-such-account"); !strings.Contains(r.Err, "useradd --system") {
			t.Errorf("an account that is not there: %v", r)
		}
		if r := s.Must(2, "hub", "--page-as", "root"); !strings.Contains(r.Err, "would give the page all rights") {
			t.Errorf("root's account: %v", r)
		}
	}
	for _, tt := range []struct {
		code int
		want string
		args []string
	}{
		{1, fmt.Sprintf(", process %d) has the address %s already", h.cmd.Process.Pid, strings.TrimPrefix(h.base, "http://")), []string{"--listen", strings.TrimPrefix(h.base, "http://")}},
		{2, "the page wants TLS there", []string{"--listen", "0.0.0.0:8080"}},
		{2, "--tls-cert and --tls-key go together", []string{"--tls-cert", "x"}},
		{1, "cannot read the page's certificate", []string{"--tls-cert", filepath.Join(s.Dir, "nowhere"), "--tls-key", filepath.Join(s.Dir, "nowhere")}},
		{2, "--listen wants HOST:PORT", []string{"--listen", "8080"}},
		{1, "cannot upgrade from the releases", []string{"--releases", filepath.Join(s.Dir, "nowhere")}},
	} {
		if r := s.Must(tt.code, append(append([]string{"hub"}, as...), tt.args...)...); !strings.Contains(r.Err, tt.want) {
			t.Errorf("%v, want %q", r, tt.want)
		}
	}
}
