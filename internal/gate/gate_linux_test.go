package gate

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newGate(t *testing.T) *Gate {
	t.Helper()
	g := New()
	t.Cleanup(g.Close)
	return g
}

func mustUp(t *testing.T, g *Gate, s Spec) {
	t.Helper()
	if err := g.Up(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func mustDown(t *testing.T, g *Gate, name string) {
	t.Helper()
	if err := g.Down(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

func sees(t *testing.T, u user, port uint16, status int, text string) {
	t.Helper()
	got, body, err := u.get(port, 0)
	if err != nil || got != status || !strings.Contains(body, text) {
		t.Errorf("%s: %d %.60q %v, want %d %q", u.name, got, body, err, status, text)
	}
}

func TestUsersOutProbesIn(t *testing.T) {
	if !namespace(t) {
		return
	}
	p, all, g := startProduct(t, 0), users(t), newGate(t)
	other := startProduct(t, 0)
	if err := g.Supported(); err != nil {
		t.Fatal(err)
	}
	if names, err := g.Names(); err != nil || len(names) != 0 {
		t.Errorf("the trial left %v, %v", names, err)
	}
	for _, u := range all {
		sees(t, u, p.port, 200, "product")
	}
	spec := Spec{Name: "shop", Ports: []uint16{p.port}, Page: Page{Product: "Shop", ExpectedEnd: time.Now().Add(time.Minute)}}
	for round := range 2 { // twice: Up and Down are idempotent
		mustUp(t, g, spec)
		mustUp(t, g, spec)
		st, err := g.State(t.Context(), "shop")
		if err != nil || !st.Up || !st.Answering || st.Mark != DefaultMark || !slices.Equal(st.Ports, spec.Ports) {
			t.Errorf("state %+v, %v", st, err)
		}
		before := p.hits.Load()
		for _, u := range all {
			sees(t, u, p.port, 503, "Shop is unavailable for the moment")
			sees(t, u, other.port, 200, "product")
		}
		if n := p.hits.Load() - before; n != 0 {
			t.Errorf("%d requests of users reached the product", n)
		}
		for _, u := range all {
			if strings.HasPrefix(u.name, "local") {
				if status, body, err := u.get(p.port, DefaultMark); status != 200 || body != "product" {
					t.Errorf("probe, %s: %d %q %v", u.name, status, body, err)
				}
				if status, _, err := u.get(p.port, DefaultMark+1); status != 503 {
					t.Errorf("another mark, %s: %d %v", u.name, status, err)
				}
			}
		}
		if err := g.SetPage("shop", Page{Product: "Shop", Reason: "round and round"}); err != nil {
			t.Error(err)
		}
		sees(t, all[round], p.port, 503, "round and round")
		mustDown(t, g, "shop")
		mustDown(t, g, "shop")
		for _, u := range all {
			sees(t, u, p.port, 200, "product")
		}
		if st, err := g.State(t.Context(), "shop"); err != nil || st.Up {
			t.Errorf("state after down %+v, %v", st, err)
		}
	}
}

// A page or connection that was opened before must not reach the product.
func TestOldConnectionsAreReset(t *testing.T) {
	if !namespace(t) {
		return
	}
	p, g := startProduct(t, 0), newGate(t)
	for _, u := range users(t) {
		t.Run(u.name, func(t *testing.T) {
			kept, streaming := u.open(t, p.port), u.open(t, p.port)
			if status, err := request(kept, "/"); status != "200 OK" {
				t.Fatalf("%s %v", status, err)
			}
			if status, err := request(streaming, "/stream"); status != "200 OK" {
				t.Fatalf("%s %v", status, err)
			}
			mustUp(t, g, Spec{Name: "shop", Ports: []uint16{p.port}})
			defer mustDown(t, g, "shop")
			before := p.hits.Load()
			if status, err := request(kept, "/"); err == nil || p.hits.Load() != before {
				t.Errorf("a kept connection still works: %s, %d requests", status, p.hits.Load()-before)
			} else if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("a kept connection ends with %v, want a reset", err)
			}
			if _, err := io.Copy(io.Discard, streaming); err == nil {
				t.Error("a streaming answer ended well")
			}
			// and the product noticed, so that its stop does not wait for it
			was := p.stream.Load()
			for i := 0; i < 100; i++ {
				time.Sleep(10 * time.Millisecond)
				now := p.stream.Load()
				if now == was {
					return
				}
				was = now
			}
			t.Error("the product still writes into the reset connection")
		})
	}
}

func TestClientsThatSpeakSomethingElse(t *testing.T) {
	if !namespace(t) {
		return
	}
	p, g := startProduct(t, 0), newGate(t)
	mustUp(t, g, Spec{Name: "shop", Ports: []uint16{p.port}, Page: Page{Product: "Shop"}})
	for _, u := range users(t) {
		t.Run(u.name, func(t *testing.T) {
			c := tls.Client(u.open(t, p.port), &tls.Config{InsecureSkipVerify: true})
			if err := c.Handshake(); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("TLS: %v, want a reset", err)
			}
			raw := u.open(t, p.port)
			_, _ = raw.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47}) // a PostgreSQL client
			if n, err := raw.Read(make([]byte, 1)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("another protocol: %d bytes, %v", n, err)
			}
			slow := u.open(t, p.port)
			for _, part := range []string{"G", "ET / HT", "TP/1.1\r\nHost: x\r\n", "\r\n"} {
				_, _ = io.WriteString(slow, part)
				time.Sleep(5 * time.Millisecond)
			}
			b, err := io.ReadAll(slow)
			if err != nil || !bytes.HasPrefix(b, []byte("HTTP/1.1 503 ")) || !bytes.Contains(b, []byte("Connection: close")) {
				t.Errorf("a request in pieces: %q, %v", b, err)
			}
			post := u.open(t, p.port)
			fmt.Fprintf(post, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n")
			go func() { _, _ = post.Write(make([]byte, 300000)) }()
			b, err = io.ReadAll(post)
			if !bytes.HasPrefix(b, []byte("HTTP/1.1 503 ")) {
				t.Errorf("an upload: %.40q, %v", b, err)
			}
		})
	}
	udp, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", p.port))
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	if got := udpEcho(t, p.port, udp); !errors.Is(got, syscall.ECONNREFUSED) {
		t.Errorf("UDP: %v, want it refused", got)
	}
}

// udpEcho asks a UDP server on the port, which exists.
func udpEcho(t *testing.T, port uint16, c net.Conn) error {
	t.Helper()
	s, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	go func() {
		b := make([]byte, 10)
		if n, from, err := s.ReadFrom(b); err == nil {
			_, _ = s.WriteTo(b[:n], from)
		}
	}()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = c.Write([]byte("x"))
	_, err = c.Read(make([]byte, 1))
	return err
}

// The engine is killed: users stay out, and the next engine takes over.
// A program that gets the port of a listener that has died gets no users.
// While an up gate is put up again and again, no user slips through, and
// nobody gets anything but the page. A connection that is just being made while
// the rules change may be reset, on a busy machine more often; it is still out.
func TestUpIsAtomic(t *testing.T) {
	if !namespace(t) {
		return
	}
	p, g, all := startProduct(t, 0), newGate(t), users(t)
	spec := Spec{Name: "shop", Ports: []uint16{p.port}, PassUIDs: []uint32{12345}}
	mustUp(t, g, spec)
	var stop atomic.Bool
	var asked, reset atomic.Int64
	var wg sync.WaitGroup
	for _, u := range all {
		wg.Go(func() {
			for !stop.Load() {
				asked.Add(1)
				status, body, err := u.get(p.port, 0)
				switch {
				case errors.Is(err, syscall.ECONNRESET):
					reset.Add(1)
				case status != 503:
					t.Errorf("%s: %d %.40q %v", u.name, status, body, err)
					return
				}
			}
		})
	}
	for range 100 {
		mustUp(t, g, spec)
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	wg.Wait()
	if p.hits.Load() != 0 || asked.Load() < 50 || reset.Load() > asked.Load()/10 {
		t.Errorf("%d of %d users reached the product, %d were reset", p.hits.Load(), asked.Load(), reset.Load())
	}
}

func TestPortsChangeAndGatesDoNotMix(t *testing.T) {
	if !namespace(t) {
		return
	}
	a, b, g := startProduct(t, 0), startProduct(t, 0), newGate(t)
	u := users(t)[0]
	mustUp(t, g, Spec{Name: "a", Ports: []uint16{a.port}, Page: Page{Product: "A"}})
	mustUp(t, g, Spec{Name: "b", Ports: []uint16{b.port, b.port, 9}, Page: Page{Product: "B"}, Mark: 7})
	sees(t, u, a.port, 503, "A is")
	sees(t, u, b.port, 503, "B is")
	if names, err := g.Names(); err != nil || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("names %v, %v", names, err)
	}
	if st, err := g.State(t.Context(), "b"); err != nil || st.Mark != 7 || len(st.Ports) != 2 {
		t.Errorf("state %+v, %v", st, err)
	}
	mustDown(t, g, "a")
	sees(t, u, a.port, 200, "product")
	sees(t, u, b.port, 503, "B is")
	mustUp(t, g, Spec{Name: "b", Ports: []uint16{a.port}, Page: Page{Product: "B"}})
	sees(t, u, a.port, 503, "B is")
	sees(t, u, b.port, 200, "product")
}

// The product's own account may talk to it, as workers do.
func TestOwnAccountPasses(t *testing.T) {
	if !namespace(t) {
		return
	}
	p, g := startProduct(t, 0), newGate(t)
	as := func(uid uint32) string {
		c := exec.Command("/bin/bash", "-c", fmt.Sprintf(`exec 3<>/dev/tcp/127.0.0.1/%d; printf 'GET / HTTP/1.0\r\n\r\n' >&3; cat <&3`, p.port))
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: 65534}}
		out, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("as %d: %v", uid, err)
		}
		return string(out)
	}
	if _, err := os.Stat("/bin/bash"); err != nil {
		t.Skip("no bash")
	}
	mustUp(t, g, Spec{Name: "shop", Ports: []uint16{p.port}, PassUIDs: []uint32{65534}})
	if got := as(65534); !strings.Contains(got, "200 OK") {
		t.Errorf("its own account got %.40q", got)
	}
	if got := as(65533); !strings.Contains(got, "503 ") {
		t.Errorf("another account got %.40q", got)
	}
}

func TestGateIsFast(t *testing.T) {
	if !namespace(t) {
		return
	}
	g := newGate(t)
	spec := Spec{Name: "shop", Ports: []uint16{80, 443, 8080}, PassUIDs: []uint32{33}}
	var ups, downs []time.Duration
	for range 15 {
		begin := time.Now()
		mustUp(t, g, spec)
		middle := time.Now()
		mustDown(t, g, "shop")
		ups, downs = append(ups, middle.Sub(begin)), append(downs, time.Since(middle))
	}
	slices.Sort(ups)
	slices.Sort(downs)
	up, down := ups[len(ups)/2], downs[len(downs)/2]
	t.Logf("median of 15: up %v, down %v; longest %v, %v", up, down, ups[len(ups)-1], downs[len(downs)-1])
	if up > 50*time.Millisecond || down > 50*time.Millisecond {
		t.Errorf("up %v, down %v: both must stay far below 50ms", up, down)
	}
}

func TestNotRoot(t *testing.T) {
	if os.Geteuid() == 0 {
		if os.Getenv("GATE_TEST_NAMESPACE") != "" {
			return
		}
		c := exec.Command("/proc/self/exe", "-test.run=^TestNotRoot$", "-test.v")
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		c.Env, c.Dir = append(os.Environ(), "TMPDIR=/tmp"), "/"
		if out, err := c.CombinedOutput(); errors.Is(err, unix.EACCES) {
			t.Skip("another account cannot run the test program: ", err)
		} else if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	g := New()
	if err := g.Supported(); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "root is needed") {
		t.Errorf("supported: %v", err)
	}
	if err := g.Up(t.Context(), Spec{Name: "shop", Ports: []uint16{80}}); err == nil || !strings.Contains(err.Error(), "root is needed") {
		t.Errorf("up: %v", err)
	}
	if _, err := Dialer(DefaultMark).Dial("tcp", "127.0.0.1:9"); err == nil || !strings.Contains(err.Error(), "root is needed") {
		t.Errorf("dial: %v", err)
	}
}

// The host's own firewall, which lets nothing in but the product's port, does
// not keep users from the page.
// A machine that is also a router forwards others' traffic to the same port of
// another machine as before.
