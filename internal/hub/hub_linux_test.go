package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"upkeep/internal/hub/ask"
	"upkeep/internal/lab"
)

// fake answers what the tests need.
type fake struct {
	ask.Engine
	started chan string
}

func (f *fake) Overview(context.Context) (ask.Overview, error) {
	return ask.Overview{Host: "here"}, nil
}

func (f *fake) Run(_ context.Context, q ask.RunQuery) (ask.Run, error) {
	return ask.Run{}, &ask.Error{Kind: ask.Refused, Text: "no " + q.Run, Reasons: []string{"one", "two"}}
}

func (f *fake) Points(context.Context, ask.Of) (ask.Points, error) {
	return ask.Points{}, errors.New("cannot read the disk")
}

func (f *fake) Start(_ context.Context, by string, y ask.Yes) (ask.Started, error) {
	f.started <- by + " says yes to " + y.Digest
	return ask.Started{Run: "r1"}, nil
}

func (f *fake) Watch(ctx context.Context, q ask.WatchQuery, tell func(ask.Beat) error) error {
	if q.Run == "endless" {
		for ctx.Err() == nil {
			if err := tell(ask.Beat{Lines: []string{strings.Repeat("x", 1000)}}); err != nil {
				f.started <- "the watcher has gone"
				return err
			}
			time.Sleep(time.Millisecond)
		}
		f.started <- "the watcher has gone"
		return context.Cause(ctx)
	}
	for n := q.Log; n < 3; n++ {
		if err := tell(ask.Beat{Log: n + 1, Lines: []string{fmt.Sprint("line ", n)}, Over: n == 2}); err != nil {
			return err
		}
	}
	if q.Run == "broken" {
		return errors.New("the disk has failed")
	}
	return nil
}

// serve serves the fake on a socket to the accounts and gives its path.
func serve(t *testing.T, f *fake, p *People, accounts ...int) string {
	t.Helper()
	return serveWith(t, New(f, p, slog.New(slog.NewTextHandler(io.Discard, nil))), accounts...)
}

func serveWith(t *testing.T, s *Server, accounts ...int) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hub") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	at := filepath.Join(dir, "s")
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(at, 0o666), os.Chmod(dir, 0o755)); err != nil { // the guard alone keeps others out
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l, accounts...) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return at
}

func TestQuestions(t *testing.T) {
	f, p := &fake{started: make(chan string, 1)}, NewPeople(time.Now)
	c := ask.NewClient(serve(t, f, p, os.Getuid()), func(c net.Conn) error { return FromAccount(c, os.Getuid()) })
	ctx := context.Background()

	if _, err := c.As("made up").Overview(ctx); ask.KindOf(err) != ask.Denied {
		t.Errorf("looking without a session: %v", err)
	}
	if _, err := c.As("").Start(ctx, ask.Yes{Digest: "d"}); ask.KindOf(err) != ask.Denied {
		t.Errorf("starting without a session: %v", err)
	}
	if err := c.As("").Watch(ctx, ask.WatchQuery{}, nil); ask.KindOf(err) != ask.Denied {
		t.Errorf("watching without a session: %v", err)
	}
	in, err := c.Enter(ctx, p.Link("anna"))
	if err != nil {
		t.Fatal(err)
	}
	me := c.As(in.Session)
	if o, err := me.Overview(ctx); err != nil || o.Host != "here" {
		t.Errorf("overview: %v, %v", o, err)
	}
	_, err = me.Run(ctx, ask.RunQuery{Run: "r7"})
	var e *ask.Error
	if !errors.As(err, &e) || e.Kind != ask.Refused || e.Text != "no r7" || len(e.Reasons) != 2 {
		t.Errorf("a refusal comes over as %#v", err)
	}
	if _, err := me.Points(ctx, ask.Of{}); ask.KindOf(err) != ask.Broken || err.Error() != "cannot read the disk" {
		t.Errorf("an error comes over as %#v", err)
	}
	if s, err := me.Start(ctx, ask.Yes{Digest: "abc"}); err != nil || s.Run != "r1" {
		t.Errorf("start: %v, %v", s, err)
	}
	if got := <-f.started; got != "anna says yes to abc" {
		t.Errorf("the engine heard %q", got)
	}
	if err := me.Leave(ctx); err != nil {
		t.Error(err)
	}
	if _, err := me.Who(ctx); ask.KindOf(err) != ask.Denied {
		t.Errorf("after leaving: %v", err)
	}
}

func TestWatching(t *testing.T) {
	f, p := &fake{started: make(chan string, 1)}, NewPeople(time.Now)
	c := ask.NewClient(serve(t, f, p, os.Getuid()), nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	in, err := c.Enter(ctx, p.Link("anna"))
	if err != nil {
		t.Fatal(err)
	}
	me := c.As(in.Session)
	var got []string
	cut := errors.New("cut")
	at := int64(0)
	err = me.Watch(ctx, ask.WatchQuery{}, func(b ask.Beat) error {
		got, at = append(got, b.Lines...), b.Log
		return cut
	})
	if !errors.Is(err, cut) {
		t.Fatal(err)
	}
	err = me.Watch(ctx, ask.WatchQuery{Log: at}, func(b ask.Beat) error { got = append(got, b.Lines...); return nil })
	if err != nil || strings.Join(got, ", ") != "line 0, line 1, line 2" {
		t.Errorf("watched in two parts: %q, %v", got, err)
	}
	err = me.Watch(ctx, ask.WatchQuery{Run: "broken", Log: 3}, func(ask.Beat) error { return nil })
	if ask.KindOf(err) != ask.Broken || err.Error() != "the disk has failed" {
		t.Errorf("an error in the middle: %v", err)
	}
	n := 0
	_ = me.Watch(ctx, ask.WatchQuery{Run: "endless"}, func(ask.Beat) error {
		if n++; n == 10 {
			cancel()
		}
		return nil
	})
	select {
	case <-f.started:
	case <-time.After(10 * time.Second):
		t.Error("the engine side still tells a watcher that has gone")
	}
}

func TestBadQuestions(t *testing.T) {
	f, p := &fake{started: make(chan string, 1)}, NewPeople(time.Now)
	at := serve(t, f, p, os.Getuid())
	in, _ := p.Enter(p.Link("anna"))
	send := func(question, body string) string {
		t.Helper()
		c, err := net.Dial("unix", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /%s HTTP/1.1\r\nHost: x\r\n%s: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", question, ask.SessionHeader, in.Session, len(body), body)
		out, _ := io.ReadAll(c)
		return string(out)
	}
	for _, tt := range []struct{ question, body, want string }{
		{"shell", `{}`, "knows no question /shell"},
		{"start", `{"digest":"a","command":"rm"}`, "unknown field"},
		{"run", `[`, "cannot be read"},
		{"run", `{"run":"` + strings.Repeat("x", questionMost) + `"}`, "too large"},
	} {
		if out := send(tt.question, tt.body); !strings.Contains(out, tt.want) {
			t.Errorf("%s %.40s gives\n%.300s\nwant %q", tt.question, tt.body, out, tt.want)
		}
	}
}

// TestHelper is no test: it is the other account's program.
func TestHelper(t *testing.T) {
	at := os.Getenv("HUB_TEST_SOCKET")
	if at == "" {
		t.Skip("it runs within TestOtherAccount")
	}
	var owner int
	fmt.Sscan(os.Getenv("HUB_TEST_OWNER"), &owner)
	_, err := ask.NewClient(at, func(c net.Conn) error { return FromAccount(c, owner) }).Enter(context.Background(), os.Getenv("HUB_TEST_CODE"))
	fmt.Printf("result: %s: %v\n", ask.KindOf(err), err)
}

// TestOtherAccount: the socket itself is open to all; the guard tells accounts
// apart, on both ends.
func TestOtherAccount(t *testing.T) {
	lab.Root(t)
	page, err := lab.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(t.TempDir(), "helper")
	raw, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(exe, raw, 0o755)
	}
	for dir := filepath.Dir(exe); err == nil && dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	try := func(socket, code string, owner int) string {
		cmd := exec.Command(exe, "-test.run=^TestHelper$", "-test.v")
		cmd.Env = []string{"HUB_TEST_SOCKET=" + socket, "HUB_TEST_CODE=" + code, fmt.Sprintf("HUB_TEST_OWNER=%d", owner)}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(page.UID), Gid: uint32(page.GID)}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		_, result, _ := strings.Cut(string(out), "result: ")
		return result
	}
	p := NewPeople(time.Now)
	for _, tt := range []struct {
		name  string
		lets  int
		owner int
		want  string
	}{
		{"the page's account", page.UID, 0, "broken: <nil>"},
		{"another account", 12345, 0, "gone: "},
		{"an engine side that is somebody else", page.UID, 12345, "not the account [12345]"},
	} {
		code := p.Link("anna")
		if got := try(serve(t, &fake{}, p, tt.lets), code, tt.owner); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
