package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	maxConns  = 1000            // users answered at once; more get a reset
	firstByte = 5 * time.Second // for a user to say something
)

// listener answers users. It listens on loopback, IPv4 and where there is one
// IPv6, on one port, with sockets that may receive packets for any address.
type listener struct {
	port  uint16
	page  atomic.Pointer[Page]
	srv   *http.Server
	socks []net.Listener
	conns chan net.Conn
	busy  chan struct{} // one element for each open connection
	done  chan struct{}
	once  sync.Once
}

func listen(now func() time.Time, mark uint32) (*listener, error) {
	l := &listener{conns: make(chan net.Conn), busy: make(chan struct{}, maxConns), done: make(chan struct{})}
	l.page.Store(&Page{})
	if err := l.bind(mark); err != nil {
		return nil, err
	}
	l.srv = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.page.Load().serve(w, r, now()) }),
		ReadHeaderTimeout: firstByte, ReadTimeout: firstByte, WriteTimeout: firstByte,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       log.New(io.Discard, "", 0), // users' broken requests are not Upkeep's
	}
	l.srv.SetKeepAlivesEnabled(false) // so that nobody stays here when the gate is down
	for _, s := range l.socks {
		go l.accept(s)
	}
	go func() { _ = l.srv.Serve(l) }()
	return l, nil
}

// bind finds a port that is free on both loopbacks.
func (l *listener) bind(mark uint32) error {
	lc := net.ListenConfig{KeepAlive: -1, Control: func(network, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) { err = setTransparent(fd, network, mark) }); cerr != nil {
			return cerr
		}
		return err
	}}
	ctx := context.Background()
	var last error
	for range 20 {
		v4, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("cannot listen for users: %w", err)
		}
		l.port = uint16(v4.Addr().(*net.TCPAddr).Port)
		l.socks = []net.Listener{v4}
		v6, err := lc.Listen(ctx, "tcp6", fmt.Sprintf("[::1]:%d", l.port))
		switch {
		case err == nil:
			l.socks = append(l.socks, v6)
			return nil
		case errors.Is(err, syscall.EADDRINUSE):
			v4.Close()
			last = err
		default: // no IPv6 on this machine
			return nil
		}
	}
	return fmt.Errorf("cannot listen for users: %w", last)
}

// accept sorts connections by their first byte: a request in clear text is
// answered, everything else (TLS, other protocols) is reset.
func (l *listener) accept(s net.Listener) {
	for {
		c, err := s.Accept()
		if err != nil {
			select {
			case <-l.done:
				return
			case <-time.After(10 * time.Millisecond): // out of descriptors, say
				continue
			}
		}
		select {
		case l.busy <- struct{}{}:
			go l.sort(&conn{Conn: c, release: func() { <-l.busy }})
		default:
			reset(c)
		}
	}
}

func (l *listener) sort(c *conn) {
	_ = c.SetReadDeadline(time.Now().Add(firstByte))
	var b [1]byte
	if n, err := c.Conn.Read(b[:]); n != 1 || err != nil || b[0] < 'A' || b[0] > 'Z' {
		reset(c.Conn)
		c.Close()
		return
	}
	c.first, c.has = b[0], true
	select {
	case l.conns <- c:
	case <-l.done:
		reset(c.Conn)
		c.Close()
	}
}

// reset makes the close that follows, or this one, a TCP reset.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	c.Close()
}

// Accept, Close and Addr make the sorted connections a net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close stops accepting.
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		for _, s := range l.socks {
			s.Close()
		}
	})
	return nil
}

// Addr is the loopback address.
func (l *listener) Addr() net.Addr { return l.socks[0].Addr() }

// close stops accepting at once, and gives open answers a moment to be read.
func (l *listener) close() {
	l.Close()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if l.srv.Shutdown(ctx) != nil {
			l.srv.Close()
		}
	}()
}

// conn gives back the byte that was looked at, and its place when it is closed.
type conn struct {
	net.Conn
	first   byte
	has     bool
	once    sync.Once
	release func()
}

func (c *conn) Read(p []byte) (int, error) {
	if c.has && len(p) > 0 {
		c.has = false
		p[0] = c.first
		return 1, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite lets the server end its answer without a reset, so that a client
// still sending can read it.
func (c *conn) CloseWrite() error {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		return t.CloseWrite()
	}
	return nil
}

func (c *conn) Close() error {
	c.once.Do(c.release)
	return c.Conn.Close()
}
