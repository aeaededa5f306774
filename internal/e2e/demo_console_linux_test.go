package e2e

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"upkeep/internal/lab"
)

// TestDemoConsole clicks through the demonstration that make demo-console opens,
// from an empty home, and interrupts it in the middle of its upgrade.
func TestDemoConsole(t *testing.T) {
	lab.Slow(t)
	root, err := lab.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	temp, home := t.TempDir(), t.TempDir()
	cmd := exec.Command("make", "-s", "-C", root, "demo-console", "PORT=0")
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "XDG_RUNTIME_DIR="+home, "UPKEEP_INSTALLATION=")
	for _, keep := range []string{"GOCACHE", "GOMODCACHE"} { // what was built and fetched need not be again
		out, err := exec.Command("go", "env", keep).Output()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, keep+"="+strings.TrimSpace(string(out)))
	}
	cmd.Env = append(cmd.Env, "HOME="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err == nil {
		cmd.Stderr = cmd.Stdout
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }() // where the test has failed before its end
	var said strings.Builder
	lines := bufio.NewScanner(io.TeeReader(out, &said))
	link := ""
	for link == "" && lines.Scan() {
		if m := regexp.MustCompile(`enter by +(http\S+)`).FindStringSubmatch(lines.Text()); m != nil {
			link = m[1]
		}
	}
	product := regexp.MustCompile(`runs at (http://\S+/)`).FindStringSubmatch(said.String())
	if link == "" || product == nil {
		t.Fatalf("it says\n%s", &said)
	}
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		for lines.Scan() {
		}
	}()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	base, _, _ := strings.Cut(link, "/enter")
	h := &hub{t: t, base: base, link: link, Client: &http.Client{Jar: jar, Timeout: time.Minute}}
	h.enter()
	page := h.see("/", "notes", "1.0", "Upgrade to 3.0", `<a href="`+product[1]+`"`)
	way := regexp.MustCompile(`href="(/i/[^"/]+)"`).FindStringSubmatch(page)
	if way == nil {
		t.Fatalf("no way leads to the installation:\n%s", page)
	}
	at := way[1]
	h.see(at+"/upgrade", "notes 1.0 → 3.0", "It is ready.")
	plan := form(h.see(at+"/plan", "Start the upgrade to 3.0"))
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if res, err := h.PostForm(h.base+at+"/start", plan); err != nil || res.StatusCode != 303 {
		t.Fatalf("the yes is answered %v, %v", res, err)
	}
	// Ctrl+C
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-rest
	_ = cmd.Wait() // make says that it was interrupted
	for _, want := range []string{"comes to its end first", "notes is on 3.0, verified", "nothing of it is left"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &said)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if res, err := http.Get(product[1]); err == nil {
		t.Errorf("the product still answers %s", res.Status)
	}
	if left, err := exec.Command("pgrep", "-af", temp).Output(); err == nil {
		t.Errorf("left: %s", left)
	}
}
