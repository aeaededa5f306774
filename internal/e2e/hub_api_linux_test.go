package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// program asks a hub by a token.
type program struct {
	*hub
	token string
}

func (p program) request(method, path, body string, headers ...string) *http.Request {
	p.t.Helper()
	r, err := http.NewRequest(method, p.base+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	return r
}

func (p program) ask(status int, method, path, body string, headers ...string) map[string]any {
	p.t.Helper()
	code, text := p.read(http.DefaultClient.Do(p.request(method, path, body, headers...)))
	var out map[string]any
	if code != status {
		p.t.Fatalf("%s %s: %d, want %d\n%s", method, path, code, status, text)
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		p.t.Fatalf("%s %s: %v\n%s", method, path, err, text)
	}
	return out
}

// follow reads the events of a run to its end, whatever becomes of the page in
// between.
func (p program) follow(path string, each func(lines int)) (log []string, last map[string]any) {
	p.t.Helper()
	id := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		r := p.request("GET", path+"/events", "")
		if id != "" {
			r.Header.Set("Last-Event-ID", id)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			continue
		}
		event, next := "", ""
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			switch key, value, _ := strings.Cut(lines.Text(), ": "); key {
			case "event":
				event = value
			case "id":
				next = value
			case "data":
				var data map[string]any
				if err := json.Unmarshal([]byte(value), &data); err != nil {
					p.t.Fatalf("an event is cut off: %v\n%s", err, value)
				}
				id = next
				switch event {
				case "log":
					for _, l := range data["lines"].([]any) {
						log = append(log, l.(string))
					}
					each(len(log))
				case "run":
					last = data
				case "over":
					res.Body.Close()
					return log, last
				}
			}
		}
		res.Body.Close()
	}
	p.t.Fatalf("the run is not over, or nobody says so: %q\n%v", log, last)
	return nil, nil
}

// TestHubAPI: a program checks, plans, starts once though it asks twice, and
// follows the run to its end without losing a line, though the page's process is
// killed in the middle. Its token ends when it is removed.
func TestHubAPI(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	s.Hook("hooks/PREINSTALL_app.sh", "for i in 1 2 3 4 5 6 7 8 9; do echo working $i; sleep 0.05; done; while [ ! -e "+s.Marks+"/go-on ]; do sleep 0.01; done")
	state := filepath.Join(s.Dir, "hub")
	h := startHub(t, s, "--state", state, "--metrics-open")
	token := func(args ...string) map[string]any {
		var out map[string]any
		r := s.Must(0, append([]string{"hub", "token", "--state", state, "--format", "json"}, args...)...)
		if err := json.Unmarshal([]byte(r.Out), &out); err != nil {
			t.Fatalf("%v\n%s", err, r.Out)
		}
		return out
	}
	p := program{h, "upk_ci_ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
	if got := p.ask(401, "GET", "/api/v1/who", ""); !strings.Contains(got["now"].(string), "upkeep hub token add") {
		t.Errorf("a stranger is told %v", got)
	}
	secret := token("add", "ci", "--role", "operator", "--days", "1")["token"].(string)
	p.token = secret
	raw, err := os.ReadFile(filepath.Join(state, "tokens", "ci.json"))
	if err != nil || strings.Contains(string(raw), secret[len("upk_ci_"):]) {
		t.Errorf("what is kept of the token is %s, %v", raw, err)
	}
	if got := p.ask(200, "GET", "/api/v1/who", ""); got["name"] != "token:ci" || got["role"] != "operator" {
		t.Errorf("it is %v", got)
	}
	// a token is none on the page
	jar := &http.Cookie{Name: "upkeep_session", Value: "token:" + secret}
	r := p.request("GET", "/", "")
	r.AddCookie(jar)
	if code, text := h.read(http.DefaultClient.Do(r)); code != 401 {
		t.Errorf("the page lets a token in: %d\n%s", code, text)
	}
	at := "/api/v1/installations/" + s.ID()
	if got := p.ask(200, "POST", at+"/check", `{}`); got["blocked"] != false {
		t.Errorf("the check says %v", got)
	}
	plan := p.ask(200, "POST", at+"/plan", `{"to":"2.0"}`)
	yes := fmt.Sprintf(`{"to":"2.0","digest":%q}`, plan["digest"])
	if got := p.ask(409, "POST", at+"/runs", fmt.Sprintf(`{"digest":%q}`, strings.Repeat("0", 64))); got["kind"] != "moved" {
		t.Errorf("a yes to another plan: %v", got)
	}
	run := p.ask(201, "POST", at+"/runs", yes, "Idempotency-Key", "first")["run"].(string)
	if got := p.ask(201, "POST", at+"/runs", yes, "Idempotency-Key", "first"); got["run"] != run {
		t.Errorf("asked again it starts %v, not %s", got, run)
	}
	if got := p.ask(409, "POST", at+"/runs", yes, "Idempotency-Key", "second"); got["kind"] != "busy" || !strings.Contains(got["detail"].(string), "token:ci") {
		t.Errorf("another start meanwhile: %v", got)
	}
	killed := false
	log, last := p.follow(at+"/runs/"+run, func(int) {
		if killed || !strings.Contains(s.Log(), "working 9") {
			return
		}
		killed = true
		if err := syscall.Kill(h.page(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		s.Twin("installation.yaml", "../marks/go-on")
	})
	if !killed {
		t.Error("the page was not killed in the middle")
	}
	if last["result"] != "new" || last["version"] != "2.0" || last["by"] != "token:ci" {
		t.Errorf("at the end the run is %v", last)
	}
	if got, want := strings.Join(log, "\n")+"\n", s.Log(); got != want {
		t.Errorf("the events have told another log:\n%s\nwant\n%s", got, want)
	}
	if got := p.ask(201, "POST", at+"/runs", yes, "Idempotency-Key", "first"); got["run"] != run || len(s.Runs()) != 1 {
		t.Errorf("asked again when it is over: %v, %d runs", got, len(s.Runs()))
	}
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": `upkeep_last_run_result{installation="` + s.ID() + `",result="new"} 1`} {
		if code, text := h.read(http.Get(h.base + path)); code != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d\n%s", path, code, text)
		}
	}
	climb := p.ask(404, "GET", "/api/v1/installations/..%2f..%2fetc%2fpasswd/runs", "")
	if !strings.Contains(climb["detail"].(string), "there is no installation") {
		t.Errorf("climbing gives %v", climb)
	}
	token("remove", "ci")
	p.ask(401, "GET", "/api/v1/who", "")
}

// TestAutomate carries out what docs/how-to/automate.md says, as it is written
// there, in a shell.
func TestAutomate(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	state := filepath.Join(s.Dir, "hub")
	h := startHub(t, s, "--state", state)
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "how-to", "automate.md"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for l := range strings.Lines(string(doc)) {
		code, ok := strings.CutPrefix(l, "\t")
		if !ok || strings.HasPrefix(code, "sudo ") {
			continue
		}
		script.WriteString(code)
	}
	made := s.Must(0, "hub", "token", "add", "nightly", "--role", "operator", "--only", s.ID(), "--state", state)
	_, secret, _ := strings.Cut(made.Out, "upk_")
	secret, _, _ = strings.Cut(secret, "\n")
	text := strings.NewReplacer("upk_nightly_…", "upk_"+secret, "http://127.0.0.1:8080", h.base, "installations/shop", "installations/"+s.ID()).Replace(script.String())
	cmd := exec.Command("bash", "-eu", "-c", text)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, text, out)
	}
	for _, want := range []string{"new on 2.0, users were out for ", "event: over", "event: log"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if len(s.Runs()) != 1 {
		t.Errorf("%d runs were started", len(s.Runs()))
	}
	if got := s.Must(0, "runs", "list").Out; !strings.Contains(got, "token:nightly") {
		t.Errorf("the history does not say who it was:\n%s", got)
	}
}
