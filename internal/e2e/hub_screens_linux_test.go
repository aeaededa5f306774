package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// token is what the forms of a page carry.
func token(page string) string {
	_, rest, _ := strings.Cut(page, `name="token" value="`)
	out, _, _ := strings.Cut(rest, `"`)
	return out
}

// waitFor looks at a page until it has the text.
func (h *hub) waitFor(path, want string) string {
	h.t.Helper()
	var text string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, text = h.read(h.Get(h.base + path)); strings.Contains(text, want) {
			return text
		}
	}
	h.t.Fatalf("%s never has %q:\n%s", path, want, text)
	return ""
}

// TestHubErrands: work outside of a run goes on when the hub is killed, is one at a
// time, and a hub that is started anew tells how it ended. A yes to a restore is a
// yes to what was shown.
func TestHubErrands(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0"})
	s.Bundle("2.0")
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	s.Must(0, "backup", "create", "--note", "good")
	id := s.ID()
	list, err := filepath.Glob(filepath.Join(s.State, "restore-points", "*-hand"))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	point := filepath.Base(list[0])
	h := startHub(t, s)
	h.enter()
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	at := "/i/" + id + "/points"
	send := func(h *hub, what string, form url.Values, code int, want string) {
		t.Helper()
		form.Set("token", token(h.see(at, "Restore points")))
		if got, text := h.read(h.PostForm(h.base+at+"/"+what, form)); got != code || !strings.Contains(text, want) {
			t.Fatalf("%s gives %d, want %d with %q:\n%s", what, got, code, want, text)
		}
	}
	send(h, "verify", url.Values{"point": {"nothing"}}, 404, "there is no restore point")
	send(h, "create", url.Values{"note": {"by <the> page"}}, 303, "")
	h.end(syscall.SIGKILL)
	h = startHub(t, s)
	h.enter()
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.waitFor(at, " is made.")
	h.see(at, "by &lt;the&gt; page")
	send(h, "verify", url.Values{"point": {point}}, 303, "")
	h.waitFor(at, "Restore point "+point+" is whole.")
	if out := s.Must(0, "backup", "list").Out; !strings.Contains(out, "page") {
		t.Errorf("the terminal lists\n%s", out)
	}

	look := at + "/" + point + "?look=now"
	page := h.see(look, "What users did since", "Put it back")
	sum := regexp.MustCompile(`name="sum" value="([0-9a-f]{64})"`).FindStringSubmatch(page)
	if sum == nil {
		t.Fatalf("no sum in\n%s", page)
	}
	before := s.Snapshot()
	send(h, "restore", url.Values{"point": {point}}, 400, "names what was shown")
	send(h, "restore", url.Values{"point": {point}, "sum": {strings.Repeat("0", 64)}}, 303, "")
	h.waitFor(at, "is not what was shown any more")
	if d := sitetest.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("a yes to something else has changed\n%s", d)
	}
	send(h, "restore", url.Values{"point": {point}, "sum": {sum[1]}}, 303, "")
	h.waitFor(at, "is put back, and compared.")
	wants(t, s.Snapshot(), `service web running`)
}

// TestHubKeeps: reports and the file for support are what the terminal writes.
func TestHubKeeps(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	h := startHub(t, s)
	h.enter()
	id, run := s.ID(), filepath.Base(s.Runs()[0])
	get := func(path string) string {
		t.Helper()
		res, err := h.Get(h.base + path)
		code, text := h.read(res, err)
		if code != 200 || !strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment") {
			t.Fatalf("%s: %d %v\n%s", path, code, res.Header, text)
		}
		return text
	}
	if got, want := get("/i/"+id+"/runs/"+run+"/report?format=json"), s.Must(0, "runs", "show", run, "--format", "json").Out; got != want {
		t.Errorf("the page's report is\n%s\nthe terminal's\n%s", got, want)
	}
	stamp := regexp.MustCompile(`<time.*</time>`)
	got, want := get("/i/"+id+"/runs/"+run+"/report?format=html"), s.Must(0, "runs", "show", run, "--format", "html").Out
	if stamp.ReplaceAllString(got, "") != stamp.ReplaceAllString(want, "") || !strings.Contains(got, "On 2.0, verified.") {
		t.Errorf("the page's report is\n%s\nthe terminal's\n%s", got, want)
	}
	wants(t, get("/i/"+id+"/drift/report?format=html"), `<!DOCTYPE html>`)
	page := h.see("/i/"+id+"/support", "Secrets are taken out")
	_, raw := h.read(h.PostForm(h.base+"/i/"+id+"/support", url.Values{"token": {token(page)}}))
	if !strings.HasPrefix(raw, "\x28\xb5\x2f\xfd") {
		t.Errorf("the file for support begins with %q", raw[:min(20, len(raw))])
	}
	h.see("/i/"+id+"/settings", s.Document, s.Releases)
	if code, text := h.read(h.Get(h.base + "/i/" + id + "/runs/" + run + "/report?format=exe")); code != 400 {
		t.Errorf("a report of no kind: %d\n%s", code, text)
	}
}

// TestAltazionPortalAddress: without a word of where, the portal is at
// http://localhost:8080/ of each server, and only there. The server is a network of
// its own, so that nobody else has the port.
func TestAltazionPortalAddress_S3_8(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	s := sitetest.New(t, sitetest.Options{Example: "altazion", Version: "20.4"})
	cmd := s.Command(context.Background(), "hub", "--format", "json", "--page-as", "nobody")
	cmd.Args = append([]string{"unshare", "--net", "sh", "-c", `ip link set lo up && ip address add 192.0.2.1/32 dev lo && exec "$@"`, "sh"}, cmd.Args...)
	var err error
	if cmd.Path, err = exec.LookPath("unshare"); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	link := ""
	for said := bufio.NewScanner(out); link == "" && said.Scan(); {
		if _, rest, ok := strings.Cut(said.Text(), `"link": "`); ok {
			link = strings.TrimRight(rest, "\",\n")
		}
	}
	if !strings.HasPrefix(link, "http://127.0.0.1:8080/enter?code=") {
		t.Fatalf("the link is %q", link)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{t: t, base: "http://localhost:8080", link: link, Client: &http.Client{Jar: jar, Timeout: 20 * time.Second,
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialIn(ctx, cmd.Process.Pid, network, strings.Replace(address, "localhost", "127.0.0.1", 1))
		}}}}
	h.enter()
	h.see("/", "1 product on", "altazion")
	if c, err := dialIn(context.Background(), cmd.Process.Pid, "tcp", "192.0.2.1:8080"); err == nil {
		c.Close()
		t.Error("it is there for other computers, too")
	}
}

// dialIn connects from within the network of a process.
func dialIn(ctx context.Context, pid int, network, address string) (net.Conn, error) {
	type dialled struct {
		c   net.Conn
		err error
	}
	done := make(chan dialled, 1)
	go func() {
		runtime.LockOSThread() // and it ends with the goroutine: its network is another one
		f, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err == nil {
			defer f.Close()
			err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
		}
		if err != nil {
			done <- dialled{nil, err}
			return
		}
		var d net.Dialer
		c, err := d.DialContext(ctx, network, address)
		done <- dialled{c, err}
	}()
	r := <-done
	return r.c, r.err
}

// TestHubTogether: two products, one after the other, each with a yes to its own
// plan; the one that goes back does not stop the other, and both outcomes stand
// there.
func TestHubTogether(t *testing.T) {
	lab.Slow(t)
	var sites []*sitetest.Site
	folder := "" // where their documents are found without being named
	for range 2 {
		s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
		if folder == "" {
			folder = filepath.Join(s.Dir, "home", ".config", "upkeep")
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		doc, err := os.ReadFile(s.Document)
		if err != nil {
			t.Fatal(err)
		}
		s.Document = filepath.Join(folder, fmt.Sprintf("notes-%d.yaml", len(sites)))
		if err := os.WriteFile(s.Document, []byte(strings.Replace(string(doc), "state: upkeep", "state: "+s.State, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		s.Bundle("2.0")
		s.Must(0, "upgrade", "--yes", "--from", s.Releases)
		f := s.Feed()
		if err := f.Release("stable", s.Bundle("3.0")); err != nil {
			t.Fatal(err)
		}
		s.Must(0, "feed", "refresh")
		sites = append(sites, s)
	}
	sites[1].Hook("hooks/PREINSTALL_app.sh", "exit 1")
	sites[0].Env = append(sites[0].Env, "UPKEEP_INSTALLATION=") // all of this computer
	h := startHub(t, sites[0], "--releases", "")
	sites[0].Env = sites[0].Env[:len(sites[0].Env)-1]
	h.enter()
	a, b := "notes-0", "notes-1"
	h.see("/", a, b)
	page := h.see("/together?i="+a+"&i="+b, "Start 2 upgrades, one after the other", "2.0 → <strong>3.0</strong>")
	form := url.Values{"token": {token(page)}, "i": {a, b}}
	for _, id := range []string{a, b} {
		_, rest, _ := strings.Cut(page, `name="digest.`+id+`" value="`)
		digest, _, _ := strings.Cut(rest, `"`)
		if len(digest) != 64 {
			t.Fatalf("no digest of %s in\n%s", id, page)
		}
		form.Set("digest."+id, digest)
	}
	if len(sites[0].Runs())+len(sites[1].Runs()) != 2 {
		t.Error("something was started before the yes")
	}
	h.read(h.PostForm(h.base+"/together", form))
	last := h.waitFor("/together/last", "All are over.")
	for _, want := range []string{"on 3.0", "back on 2.0"} {
		if !strings.Contains(last, want) {
			t.Errorf("the outcome has no %q:\n%s", want, last)
		}
	}
	wants(t, sites[0].Must(0, "runs", "list").Out, `on 3\.0`)
	wants(t, sites[1].Must(0, "runs", "list").Out, `back on 2\.0`)
	h.read(h.PostForm(h.base+"/together", form)) // the plans have moved since
	last = h.waitFor("/together/last", "All are over.")
	if !strings.Contains(last, "there is nothing to do any more") {
		t.Errorf("a second yes to the same plan:\n%s", last)
	}
}
