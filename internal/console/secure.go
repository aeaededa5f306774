package console

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"upkeep/internal/hub/ask"
)

// Keys signs for the page, which has a certificate and no key: whoever breaks into
// the page can use the key as long as it runs, and cannot take it away.
type Keys interface {
	Certificate(ctx context.Context, q ask.CertificateQuery) (ask.Certificate, error)
	Sign(ctx context.Context, q ask.SignQuery) (ask.Signature, error)
}

// Times of the beginning of a connection.
const (
	helloWithin  = 5 * time.Second // the first byte
	signWithin   = 10 * time.Second
	certificates = 3 * time.Second // how long a certificate is used without asking for another
)

// helloMost is how many connections may be waited for that have sent nothing.
const helloMost = 1000

// remote signs by asking the engine side.
type remote struct {
	keys   Keys
	id     string
	public crypto.PublicKey
}

// Public implements crypto.Signer.
func (r *remote) Public() crypto.PublicKey { return r.public }

// Sign implements crypto.Signer.
func (r *remote) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	ctx, stop := context.WithTimeout(context.Background(), signWithin)
	defer stop()
	_, pss := opts.(*rsa.PSSOptions)
	got, err := r.keys.Sign(ctx, ask.SignQuery{ID: r.id, Digest: digest, Hash: uint(opts.HashFunc()), PSS: pss})
	return got.Signature, err
}

// wallet has the certificate of now.
type wallet struct {
	keys Keys
	mu   sync.Mutex
	id   string
	cert *tls.Certificate
	at   time.Time
}

// get is what connections begin with. While the engine side does not answer, the one
// of before is shown; without its signature nobody gets further.
func (w *wallet) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cert != nil && time.Since(w.at) < certificates {
		return w.cert, nil
	}
	ctx, stop := context.WithTimeout(context.Background(), signWithin)
	defer stop()
	got, err := w.keys.Certificate(ctx, ask.CertificateQuery{Have: w.id})
	switch {
	case err != nil && w.cert != nil:
		return w.cert, nil
	case err != nil:
		return nil, err
	case len(got.Chain) > 0:
		leaf, err := x509.ParseCertificate(got.Chain[0])
		if err != nil {
			return nil, fmt.Errorf("cannot read the page's certificate: %w", err)
		}
		w.id, w.cert = got.ID, &tls.Certificate{Certificate: got.Chain, Leaf: leaf, PrivateKey: &remote{w.keys, got.ID, leaf.PublicKey}}
	}
	w.at = time.Now()
	return w.cert, nil
}

func (p *Page) tls() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: (&wallet{keys: p.Keys}).get}
}

// fork tells connections that begin with TLS from those that do not, by their first
// byte.
type fork struct {
	net.Listener
	tls        *tls.Config
	safe, bare chan net.Conn
	done       chan struct{}
	once       sync.Once
}

func newFork(l net.Listener, c *tls.Config) *fork {
	return &fork{Listener: l, tls: c, safe: make(chan net.Conn), bare: make(chan net.Conn), done: make(chan struct{})}
}

// run takes connections until the listener is closed.
func (f *fork) run() error {
	defer f.Close()
	waiting := make(chan struct{}, helloMost)
	for {
		c, err := f.Accept()
		if err != nil {
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() { // no descriptors left, for now
				time.Sleep(50 * time.Millisecond)
				continue
			}
			return err
		}
		select {
		case waiting <- struct{}{}:
			go func() {
				defer func() { <-waiting }()
				f.sort(c)
			}()
		default:
			c.Close()
		}
	}
}

func (f *fork) sort(c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(helloWithin)) // whoever sends nothing is shut out
	r := bufio.NewReaderSize(c, 16)
	first, err := r.Peek(1)
	if err != nil {
		c.Close()
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	out, to := net.Conn(&peeked{c, r}), f.bare
	if first[0] == 0x16 { // a handshake
		out, to = tls.Server(out, f.tls), f.safe
	}
	select {
	case to <- out:
	case <-f.done:
		c.Close()
	}
}

// Close ends both branches.
func (f *fork) Close() error {
	f.once.Do(func() { close(f.done) })
	return f.Listener.Close()
}

// peeked is a connection whose first bytes were looked at.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

// branch is one of the two.
type branch struct {
	*fork
	conns chan net.Conn
}

// Accept implements net.Listener.
func (b branch) Accept() (net.Conn, error) {
	select {
	case c := <-b.conns:
		return c, nil
	case <-b.done:
		return nil, net.ErrClosed
	}
}

// toSecure answers whoever comes without TLS: a browser that looks is sent to the
// right address, everything else is refused. What was sent that way is lost to
// whoever listens, so no session is ever made of it.
func (p *Page) toSecure(w http.ResponseWriter, r *http.Request) {
	host := strings.ToLower(r.Host)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Connection", "close")
	l := p.speaks(r)
	if !slices.Contains(p.Hosts, host) || r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, l.t("error.tls", "host", p.Hosts[0])+"\n") // whoever asked has gone, otherwise
		return
	}
	http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), http.StatusTemporaryRedirect)
}
