// Package notifytest has servers that mail and posts really go to, for tests. It
// may import whatever tests may.
package notifytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// certificate makes one for this computer, and writes its authority into a file.
func certificate(t testing.TB) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// Letter is a mail that has come in.
type Letter struct {
	From string
	To   []string
	User string // who signed in
	TLS  bool
	Text string // with its headers
}

// MailServer takes mail.
type MailServer struct {
	Addr, CA string // CA is a file

	mu       sync.Mutex
	letters  []Letter
	refuse   []error // of the next mails
	user, pw string
}

// Mail starts a server that offers STARTTLS; with a user it wants her to sign in.
func Mail(t testing.TB, user, password string) *MailServer {
	t.Helper()
	cert, ca := certificate(t)
	s := &MailServer{CA: ca, user: user, pw: password}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: s, conn: c}, nil }))
	srv.Domain, srv.TLSConfig, srv.AllowInsecureAuth = "localhost", &tls.Config{Certificates: []tls.Certificate{cert}}, false
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = l.Addr().String()
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return s
}

// Letters are all mails so far.
func (s *MailServer) Letters() []Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Letter(nil), s.letters...)
}

// Refuse has the next mails refused.
func (s *MailServer) Refuse(errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = append(s.refuse, errs...)
}

type session struct {
	server *MailServer
	conn   *smtp.Conn
	letter Letter
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.server.user || password != s.server.pw {
			return smtp.ErrAuthFailed
		}
		s.letter.User = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.server.user != "" && s.letter.User == "" {
		return smtp.ErrAuthRequired
	}
	if len(s.server.refuse) > 0 {
		err := s.server.refuse[0]
		s.server.refuse = s.server.refuse[1:]
		return err
	}
	s.letter.From, s.letter.To = from, nil
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.letter.To = append(s.letter.To, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	_, secure := s.conn.TLSConnectionState()
	l := s.letter
	l.Text, l.TLS = string(b), secure
	s.server.letters = append(s.server.letters, l)
	return nil
}

func (s *session) Reset()        { s.letter.From, s.letter.To = "", nil }
func (s *session) Logout() error { return nil }

// Post is what has been posted.
type Post struct {
	Header http.Header
	Body   []byte
}

// HookServer takes posts.
type HookServer struct {
	URL, CA string

	mu     sync.Mutex
	posts  []Post
	answer []int // to the next posts
}

// Hook starts a server over HTTPS.
func Hook(t testing.TB) *HookServer {
	t.Helper()
	cert, ca := certificate(t)
	s := &HookServer{CA: ca}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.posts = append(s.posts, Post{r.Header, body})
		if len(s.answer) > 0 {
			code := s.answer[0]
			s.answer = s.answer[1:]
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
		}
	}))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

// Posts are all so far.
func (s *HookServer) Posts() []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Post(nil), s.posts...)
}

// Answer says what the next posts are answered with.
func (s *HookServer) Answer(codes ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = codes
}
