package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// trusting is a browser, with cookies of its own, that takes the one certificate
// whose fingerprint was printed.
func (h *hub) trusting() *http.Client {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	check := func(raw [][]byte, _ [][]*x509.Certificate) error {
		if got := fmt.Sprintf("%X", sha256.Sum256(raw[0])); got != strings.ReplaceAll(h.fingerprint, ":", "") {
			return fmt.Errorf("the certificate's fingerprint is %s, not %s", got, h.fingerprint)
		}
		return nil
	}
	return &http.Client{Jar: jar, Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, VerifyPeerCertificate: check}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// TestHubPeople: people come in by links and passwords, by TLS; each may do what the
// role says, and all that was changed is in the audit log, which shows when somebody
// has changed it.
func TestHubPeople(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	h := startHub(t, s, "--tls", "self")
	if !strings.HasPrefix(h.base, "https://") || h.fingerprint == "" {
		t.Fatalf("the hub says %q %q", h.base, h.fingerprint)
	}
	const password = "correct horse battery"
	h.Client = h.trusting()
	if code, text := h.read(h.Get(strings.Replace(h.base, "https:", "http:", 1) + "/people")); code != 307 || strings.Contains(text, "upkeep_session") {
		t.Errorf("without TLS: %d\n%s", code, text)
	}
	h.enter()
	u, err := url.Parse(h.base)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range h.Jar.Cookies(u) {
		if c.Name != "__Host-upkeep_session" {
			t.Errorf("a cookie %s", c.Name)
		}
	}
	mine := token(h.see("/you", "You have no password yet"))
	if code, text := h.read(h.PostForm(h.base+"/you/password", url.Values{"token": {mine}, "new": {password}, "again": {password}})); code != 303 {
		t.Fatalf("a first password: %d\n%s", code, text)
	}
	mine = token(h.see("/people", "1 account"))
	_, text := h.read(h.PostForm(h.base+"/people", url.Values{"token": {mine}, "name": {"vera"}, "role": {"viewer"}}))
	link := regexp.MustCompile(`enter\?code=([A-Z0-9]+)`).FindStringSubmatch(text)
	if link == nil {
		t.Fatalf("no link for vera:\n%s", text)
	}

	admin := h.Client
	h.Client = h.trusting()
	vera := h.Client
	if code, _ := h.read(h.PostForm(h.base+"/enter", url.Values{"code": {link[1]}})); code != 303 {
		t.Fatalf("vera's link: %d", code)
	}
	id := s.ID()
	own := token(h.see("/i/"+id, "notes"))
	for _, path := range []string{"/people", "/audit", "/i/" + id + "/plan"} {
		if code, _ := h.read(h.Get(h.base + path)); code != 403 {
			t.Errorf("a viewer asks for %s: %d", path, code)
		}
	}
	if code, text := h.read(h.PostForm(h.base+"/i/"+id+"/start", url.Values{"token": {own}, "digest": {strings.Repeat("0", 64)}})); code != 403 {
		t.Errorf("a viewer starts: %d\n%s", code, text)
	}

	// sessions outlive the hub; no link is printed any more
	h.end(syscall.SIGTERM)
	h = startHub(t, s, "--tls", "self", "--listen", u.Host)
	if h.link != "" {
		t.Errorf("another link: %s", h.link)
	}
	h.Client = admin
	h.see("/people", "2 accounts")
	out := s.Must(0, "hub", "people", "role", "vera", "operator").Out
	if !strings.Contains(out, "vera is operator") {
		t.Errorf("%s", out)
	}
	h.Client = vera
	if code, _ := h.read(h.Get(h.base + "/")); code != 401 {
		t.Errorf("a session of an earlier role: %d", code)
	}
	if r := s.Answer(password+" too\n", "hub", "people", "password", "vera"); r.Code != 0 {
		t.Fatal(r)
	}
	if code, text := h.read(h.PostForm(h.base+"/signin", url.Values{"name": {"vera"}, "password": {password}})); code != 401 || !strings.Contains(text, "the name or the password is wrong") {
		t.Errorf("a wrong password: %d\n%s", code, text)
	}
	if code, text := h.read(h.PostForm(h.base+"/signin", url.Values{"name": {"vera"}, "password": {password + " too"}, "to": {"/i/" + id}})); code != 303 {
		t.Fatalf("signing in: %d\n%s", code, text)
	}
	plan := form(h.see("/i/"+id+"/plan", "Start the upgrade to 2.0"))
	res, err := h.PostForm(h.base+"/i/"+id+"/start", plan)
	if code, text := h.read(res, err); code != 303 || res.ProtoMajor != 2 {
		t.Fatalf("an operator starts: %d by %s\n%s", code, res.Proto, text)
	}
	if _, last := h.listen(res.Header.Get("Location"), func(int) {}); !strings.Contains(last, "notes is on 2.0, verified.") {
		t.Errorf("the last word of the page is\n%s", last)
	}
	if out := s.Must(0, "runs", "list").Out; !strings.Contains(out, "vera") {
		t.Errorf("the run's journal does not name vera:\n%s", out)
	}

	h.Client = admin
	h.see("/audit", "Started an upgrade", "vera", "Signed in", "Added somebody", "Changed a role")
	log := s.Must(0, "audit", "list").Out
	for _, want := range []string{"vera start", "person-add name vera, role viewer", "person-password name vera"} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in the audit log:\n%s", want, log)
		}
	}
	first := regexp.MustCompile(`(\S+)\s+administrator`).FindStringSubmatch(s.Must(0, "hub", "people").Out)
	if r := s.Must(3, "hub", "people", "remove", first[1]); !strings.Contains(r.Err, "only administrator") {
		t.Errorf("the last administrator: %v", r)
	}
	file := filepath.Join(s.Dir, "hub-state", "audit.jsonl")
	raw, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(raw), password) {
		t.Errorf("a password is in the audit log, %v", err)
	}
	head := regexp.MustCompile(`last entry (\d+:[0-9a-f]{64})`).FindStringSubmatch(s.Must(0, "audit", "verify").Out)
	if head == nil {
		t.Fatal("verify names no last entry")
	}
	s.Must(0, "audit", "verify", "--head", head[1])
	lines := strings.SplitAfter(string(raw), "\n")
	for name, cut := range map[string]string{
		"changed": strings.Replace(string(raw), `"by":"vera"`, `"by":"anna"`, 1),
		"removed": strings.Join(append(append([]string{}, lines[:4]...), lines[5:]...), ""),
		"cut":     strings.Join(lines[:len(lines)-3], ""),
	} {
		if err := os.WriteFile(file, []byte(cut), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := s.Must(1, "audit", "verify", "--head", head[1]); !strings.Contains(r.Out, "✗") {
			t.Errorf("%s: %v", name, r)
		}
	}
}

// TestHubAuditFull: with the disk of the audit log full nothing is started from the
// page, and it is said why; the terminal can do it.
func TestHubAuditFull(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	dir := filepath.Join(s.Dir, "hub-state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128k,mode=700"); err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	h := startHub(t, s)
	h.enter()
	id := s.ID()
	plan := form(h.see("/i/"+id+"/plan", "Start the upgrade to 2.0"))
	fill, err := os.Create(filepath.Join(dir, "fill"))
	for err == nil {
		_, err = fill.Write(make([]byte, 4096))
	}
	fill.Close()
	// the log's last page has room left: it is filled by changes that are refused
	log := filepath.Join(dir, "audit.jsonl")
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	for err == nil {
		_, err = f.Write([]byte("x"))
	}
	f.Close()
	if code, text := h.read(h.PostForm(h.base+"/i/"+id+"/start", plan)); code != 409 || !strings.Contains(text, "the audit log cannot be written") || !strings.Contains(text, "no space left on device") {
		t.Errorf("starting: %d\n%s", code, text)
	}
	if len(s.Runs()) != 0 {
		t.Fatal("a run was opened that is in no audit log")
	}
	client := h.Client
	h.end(syscall.SIGTERM)
	h = startHub(t, s, "--listen", strings.TrimPrefix(h.base, "http://"))
	h.Client = client
	h.see("/i/"+id, "notes") // who was there can look, also after a start of the hub
	if err := os.Remove(filepath.Join(dir, "fill")); err != nil {
		t.Fatal(err)
	}
	if code, text := h.read(h.PostForm(h.base+"/i/"+id+"/start", plan)); code != 200 && code != 303 {
		t.Errorf("with room again: %d\n%s", code, text)
	}
	if r := s.Must(0, "audit", "verify"); !strings.Contains(r.Out, "torn") {
		t.Errorf("what was torn is not told: %v", r)
	}
	s.Upkeep("resume")
}
