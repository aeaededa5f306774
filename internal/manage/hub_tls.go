package manage

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"
)

// A self-made certificate is good for certLasts, which is about what browsers take
// at most, and is made anew certRenewed before its end.
const (
	certLasts   = 800 * 24 * time.Hour
	certRenewed = 30 * 24 * time.Hour
)

// selfFile has a self-made certificate with its key.
const selfFile = "tls.pem"

// SelfCertificate gives the certificate that the hub has made itself for the names
// and addresses, and makes it where there is none, one for others, or one that ends
// soon.
func SelfCertificate(dir string, names []string, now time.Time) (*tls.Certificate, error) {
	f, err := OpenHubFile(dir, selfFile)
	if err != nil {
		return nil, err
	}
	raw, err := f.Read()
	if err == nil {
		if c := selfGood(raw, names, now); c != nil {
			return c, nil
		}
		err = f.Change(func(old []byte) ([]byte, error) {
			if raw = old; selfGood(raw, names, now) != nil {
				return old, nil // another process was quicker
			}
			raw, err = makeSelf(names, now)
			return raw, err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make a certificate: %w", err)
	}
	if c := selfGood(raw, names, now); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("the certificate that was made for %v cannot be used", names)
}

// selfGood reads it; nil when it is not good for the names or the time.
func selfGood(raw []byte, names []string, now time.Time) *tls.Certificate {
	c, err := tls.X509KeyPair(raw, raw)
	if err != nil || now.Before(c.Leaf.NotBefore) || now.After(c.Leaf.NotAfter.Add(-certRenewed)) {
		return nil
	}
	for _, n := range names {
		if c.Leaf.VerifyHostname(n) != nil {
			return nil
		}
	}
	return &c
}

func makeSelf(names []string, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "Upkeep on " + names[0]}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certLasts),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else if !slices.Contains(t.DNSNames, n) {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, b := range []*pem.Block{{Type: "CERTIFICATE", Bytes: der}, {Type: "PRIVATE KEY", Bytes: private}} {
		if err := pem.Encode(&out, b); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}
