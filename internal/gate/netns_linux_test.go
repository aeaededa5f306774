package gate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// namespace runs the calling test in a network namespace of its own, in another
// process, so that the machine's rules are never touched. It returns false in
// the process that only waits for it.
func namespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv("GATE_TEST_NAMESPACE") == t.Name() {
		up(t)
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network namespace and nftables")
	}
	if t.Name() != "TestGateIsFast" {
		t.Parallel() // much of it waits for links to come up
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), "GATE_TEST_NAMESPACE="+t.Name())
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	out, err := c.CombinedOutput()
	if errors.Is(err, unix.EPERM) {
		t.Skip("no right to make a network namespace: ", err)
	}
	if err != nil {
		t.Fatalf("in its namespace: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "_test.go:") {
			t.Log(strings.TrimSpace(line))
		}
		if strings.Contains(line, "--- SKIP: "+t.Name()+" ") {
			t.Skip("skipped in its namespace, for the reason above")
		}
	}
	return false
}

// up brings the loopback up.
func up(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	req.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		t.Fatal(err)
	}
}

// product is a small server that counts the requests that reach it.
type product struct {
	port   uint16
	hits   atomic.Int64
	stream atomic.Int64 // chunks of a never-ending answer that could be written
	srv    *http.Server
}

func startProduct(t *testing.T, port uint16) *product {
	t.Helper()
	p := &product{}
	l, err := net.Listen("tcp", fmt.Sprintf("[::]:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	p.port = uint16(l.Addr().(*net.TCPAddr).Port)
	p.srv = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.hits.Add(1)
		if r.URL.Path == "/stream" {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, "chunk\n"); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				p.stream.Add(1)
				time.Sleep(5 * time.Millisecond)
			}
			return
		}
		_, _ = io.WriteString(w, "product")
	})}
	go func() { _ = p.srv.Serve(l) }()
	t.Cleanup(func() { p.srv.Close() })
	return p
}

// user is somebody on this machine or, over a cable, on another.
type user struct {
	name string
	host string // how he reaches this machine
	dial func(addr string) (net.Conn, error)
}

func (u user) get(p uint16, mark uint32) (int, string, error) {
	tr := Transport(mark)
	if mark == 0 {
		tr.DialContext = func(_ context.Context, _, addr string) (net.Conn, error) { return u.dial(addr) }
	}
	c := http.Client{Transport: tr, Timeout: 3 * time.Second}
	r, err := c.Get("http://" + net.JoinHostPort(u.host, fmt.Sprint(p)) + "/")
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return r.StatusCode, string(b), err
}

func (u user) open(t *testing.T, p uint16) net.Conn {
	t.Helper()
	c, err := u.dial(net.JoinHostPort(u.host, fmt.Sprint(p)))
	if err != nil {
		t.Fatalf("%s: %v", u.name, err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(3 * time.Second))
	return c
}

// request writes a request on an open connection and reads the answer's first line.
func request(c net.Conn, path string) (string, error) {
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
		return "", err
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", err
	}
	if path != "/stream" {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	return r.Status, nil
}

// users are two on this machine and, where a cable can be laid, two elsewhere.
func users(t *testing.T) []user {
	t.Helper()
	local := func(addr string) (net.Conn, error) { return net.DialTimeout("tcp", addr, 2*time.Second) }
	out := []user{{"local IPv4", "127.0.0.1", local}, {"local IPv6", "::1", local}}
	there, err := cable(t, 75)
	if err != nil {
		t.Logf("no users from elsewhere: %v", err)
		return out
	}
	return append(out, user{"remote IPv4", "10.75.0.1", there.dial}, user{"remote IPv6", "fd75::1", there.dial}, user{"local, by the outer address", "10.75.0.1", local})
}

// elsewhere is another machine: a network namespace joined to this one by a
// pair of network devices.
type elsewhere struct{ work chan func() error }

// do runs f there. Sockets that f makes stay there.
func (e elsewhere) do(f func() error) error {
	done := make(chan error)
	e.work <- func() error { err := f(); done <- err; return err }
	return <-done
}

func (e elsewhere) dial(addr string) (c net.Conn, err error) {
	err = e.do(func() error {
		var e error
		c, e = net.DialTimeout("tcp", addr, 1500*time.Millisecond)
		return e
	})
	return c, err
}

// cable lays the n-th cable: 10.n.0.1 and fdNN::1 here, 10.n.0.2 and fdNN::2 there.
func cable(t *testing.T, n int) (elsewhere, error) {
	e := elsewhere{make(chan func() error)}
	tid := make(chan int)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			tid <- 0
			return
		}
		tid <- unix.Gettid()
		for f := range e.work {
			_ = f()
		}
	}()
	id := <-tid
	if id == 0 {
		return e, errors.New("no second namespace")
	}
	t.Cleanup(func() { close(e.work) })
	ip := func(format string, args ...any) error {
		line := fmt.Sprintf(format, args...)
		out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %s: %w: %s", line, err, out)
		}
		return nil
	}
	err := errors.Join(
		ip("link add inner%d type veth peer name outer%d", n, n), ip("link set outer%d netns %d", n, id),
		ip("addr add 10.%d.0.1/24 dev inner%d", n, n), ip("addr add fd%d::1/64 dev inner%d nodad", n, n), ip("link set inner%d up", n),
		e.do(func() error {
			return errors.Join(ip("link set lo up"), ip("addr add 10.%d.0.2/24 dev outer%d", n, n), ip("addr add fd%d::2/64 dev outer%d nodad", n, n),
				ip("link set outer%d up", n), ip("route add default via 10.%d.0.1", n))
		}))
	if err != nil {
		return e, err
	}
	for _, addr := range []string{"10.%d.0.1:9", "[fd%d::1]:9"} { // the first packet over a new link may be lost
		if _, err := e.dial(fmt.Sprintf(addr, n)); !errors.Is(err, syscall.ECONNREFUSED) {
			return e, fmt.Errorf("%s: %w", addr, err)
		}
	}
	return e, nil
}
