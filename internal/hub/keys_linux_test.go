package hub

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/console"
	"upkeep/internal/hub/ask"
)

// pair writes a certificate for 127.0.0.1 with a key.
func pair(t *testing.T, dir, name string, key crypto.Signer) *x509.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{{127, 0, 0, 1}}, DNSNames: []string{name}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600)); err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// secure serves the page by TLS with a certificate in a folder, from a socket whose
// engine side alone has the key.
func secure(t *testing.T, dir string) (address string, k *Keys) {
	t.Helper()
	k, err := NewKeys(FileKeys(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	at := serveWith(t, New(&fake{}, NewPeople(time.Now), slog.New(slog.DiscardHandler)).Signing(k), os.Getuid())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := ask.NewClient(at, nil)
	p, err := console.New(console.Options{Engine: c, Keys: c, Secure: true, Strict: true, Hosts: []string{l.Addr().String()}, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- p.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), k
}

func get(address string, c *x509.Certificate, version uint16) (*http.Response, error) {
	pool := x509.NewCertPool()
	pool.AddCert(c)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: version, MaxVersion: version}, ForceAttemptHTTP2: true, DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr, Timeout: 20 * time.Second}).Get("https://" + address + "/enter")
	if err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	return res, err
}

// TestTLS: browsers reach the page by keys of all kinds, which its process does not
// have; certificates are exchanged while it runs.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	first := pair(t, dir, "first", ec)
	address, k := secure(t, dir)
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		res, err := get(address, first, v)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 200 || res.ProtoMajor != 2 || !strings.Contains(res.Header.Get("Strict-Transport-Security"), "max-age") {
			t.Errorf("%d by %s, %v", res.StatusCode, res.Proto, res.Header)
		}
	}
	if _, err := get(address, first, tls.VersionTLS11); err == nil {
		t.Error("an outdated TLS is spoken")
	}
	for name, key := range map[string]crypto.Signer{"rsa": rs, "ed25519": ed} {
		if err := os.WriteFile(filepath.Join(dir, "cert.pem"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		k.looked = time.Time{}
		if k.current() == nil {
			t.Error("a certificate that is half written takes the one before away")
		}
		c := pair(t, dir, name, key)
		k.mu.Lock()
		k.looked = time.Time{}
		k.mu.Unlock()
		var res *http.Response
		var err error
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			if res, err = get(address, c, tls.VersionTLS13); err == nil {
				break
			}
		}
		if err != nil || res.StatusCode != 200 {
			t.Errorf("%s: %v", name, err)
		}
		if res, err = get(address, c, tls.VersionTLS12); err != nil || res.StatusCode != 200 {
			t.Errorf("%s by TLS 1.2: %v", name, err)
		}
	}
}

// TestPlainOnTLS: whoever comes without TLS is shown the way, and nothing else.
func TestPlainOnTLS(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := pair(t, dir, "first", key)
	address, _ := secure(t, dir)
	say := func(text string) string {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprint(conn, text)
		out, _ := io.ReadAll(bufio.NewReader(conn))
		return string(out)
	}
	for _, tt := range []struct{ ask, want, not string }{
		{"GET /i/notes?x=1 HTTP/1.1\r\nHost: " + address + "\r\n\r\n", "Location: https://" + address + "/i/notes?x=1", "Set-Cookie"},
		{"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "served by TLS only", "Location"},
		{"POST /signin HTTP/1.1\r\nHost: " + address + "\r\nContent-Length: 0\r\n\r\n", "served by TLS only", "Location"},
		{"hello\r\n\r\n", "400", "Location"},
	} {
		if got := say(tt.ask); !strings.Contains(got, tt.want) || strings.Contains(got, tt.not) {
			t.Errorf("%q gives\n%s", tt.ask, got)
		}
	}
	// those who say nothing keep nobody out
	for range 50 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if res, err := get(address, c, tls.VersionTLS13); err != nil || res.StatusCode != 200 {
		t.Errorf("beside silent ones: %v", err)
	}
}

// TestSign: what is not the beginning of a connection is not signed.
func TestSign(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pair(t, dir, "first", key)
	k, err := NewKeys(FileKeys(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	id := k.Certificate(ask.CertificateQuery{}).ID
	if got := k.Certificate(ask.CertificateQuery{Have: id}); len(got.Chain) > 0 {
		t.Error("a certificate is sent that is there")
	}
	for name, q := range map[string]ask.SignQuery{
		"another certificate": {ID: "x", Digest: make([]byte, 32), Hash: uint(crypto.SHA256)},
		"a digest too short":  {ID: id, Digest: make([]byte, 31), Hash: uint(crypto.SHA256)},
		"no such hash":        {ID: id, Digest: make([]byte, 32), Hash: 999},
		"a long message":      {ID: id, Digest: make([]byte, 5000)},
	} {
		if got, err := k.Sign(q); ask.KindOf(err) != ask.Invalid || len(got.Signature) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewKeys(FileKeys(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "cert.pem")), nil); err == nil || !strings.Contains(err.Error(), "cert.pem") {
		t.Errorf("a key that is none: %v", err)
	}
}
