package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// authority signs certificates of servers.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, until time.Time) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lab"}, NotBefore: until.AddDate(-10, 0, 0), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.file = write(t, t.TempDir()+"/ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})))
	return a
}

func (a *authority) sign(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = c, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		a.t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed, key
}

// serve gives the address of a server with a certificate for a name.
func (a *authority) serve(name string, until time.Time) string {
	a.t.Helper()
	cert, key := a.sign(&x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: until.AddDate(-1, 0, 0), NotAfter: until, DNSNames: []string{name}})
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}})
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = c.(*tls.Conn).Handshake() // who asks says what is wrong
				c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func TestTLS(t *testing.T) {
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	days := func(n int) time.Time { return now.AddDate(0, 0, n).Add(time.Hour) }
	a, old := newAuthority(t, days(900)), newAuthority(t, days(9))
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	go func() {
		for {
			c, err := plain.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 hello\r\n"))
			c.Close()
		}
	}()
	e := New(Deps{Now: func() time.Time { return now }})
	good, odd := a.serve("shop.example", days(40)), write(t, t.TempDir()+"/odd.pem", "no certificate\n")
	for _, r := range []row{
		{name: "good", p: probe("tls", good, "name=shop.example", "ca="+a.file, "expect=>= 30"), ok: true, got: "40", evidence: "for shop.example can be used until 2027-04-10, 40 days"},
		{name: "soon over", p: probe("tls", good, "name=shop.example", "ca="+a.file, "expect=>= 60"), got: "40"},
		{name: "another name", p: probe("tls", good, "ca="+a.file), got: "none", evidence: "cannot be used: x509: cannot validate certificate for 127.0.0.1"},
		{name: "an unknown authority", p: probe("tls", good, "name=shop.example", "ca="+old.file), got: "none", evidence: "certificate signed by unknown authority"},
		{name: "expired", p: probe("tls", a.serve("shop.example", days(-1)), "name=shop.example", "ca="+a.file), got: "none", evidence: "has expired"},
		{name: "the authority ends first", p: probe("tls", old.serve("shop.example", days(40)), "name=shop.example", "ca="+old.file), ok: true, got: "9"},
		{name: "no TLS", p: probe("tls", plain.Addr().String()), err: "no TLS"},
		{name: "nobody listens", p: probe("tls", "127.0.0.1:1"), err: "connection refused"},
		{name: "no authorities", p: probe("tls", good, "ca="+odd), err: "it holds no certificate in PEM"},
	} {
		r.check(t, e)
	}
}
