package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// readTLS: for how many more whole days the certificate at HOST:PORT (443 when
// left out) can be used, the whole chain considered. No value when it cannot be
// used: expired, of another name, of an unknown authority; the evidence says
// which. The key "ca" is a file with the authorities that count, "name" the name
// that the certificate must hold.
func readTLS(ctx context.Context, e *Evaluator, q query) (Value, error) {
	address := q.arg
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host, address = q.arg, net.JoinHostPort(q.arg, "443")
	}
	if name := q.Params["name"]; name != "" {
		host = name
	}
	var roots *x509.CertPool // nil: the computer's own
	if file := q.Params["ca"]; file != "" {
		text, err := slurp(ctx, e.deps.Files, file)
		if err != nil {
			return Value{}, unreadable(file, cause(err))
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(text) {
			return Value{}, unreadable(file, errors.New("it holds no certificate in PEM"))
		}
	}
	raw, err := e.deps.Dial(ctx, "tcp", address)
	if err != nil {
		return Value{}, unreadable(address, netCause(err))
	}
	defer raw.Close()
	// Checked below, so that a bad certificate can be told from no answer.
	conn := tls.Client(raw, &tls.Config{ServerName: host, InsecureSkipVerify: true})
	if err := conn.HandshakeContext(ctx); err != nil {
		return Value{}, unreadable(address, fmt.Errorf("no TLS: %w", netCause(err)))
	}
	chain := conn.ConnectionState().PeerCertificates
	now := e.deps.Now()
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	chains, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between, CurrentTime: now})
	if err != nil {
		return Value{Evidence: fmt.Sprintf("the certificate of %s cannot be used: %v", address, err)}, nil
	}
	// A client may build any of the chains: the one that lasts longest counts.
	var until time.Time
	for _, one := range chains {
		ends := one[0].NotAfter
		for _, c := range one[1:] {
			if c.NotAfter.Before(ends) {
				ends = c.NotAfter
			}
		}
		if ends.After(until) {
			until = ends
		}
	}
	days := int(until.Sub(now) / (24 * time.Hour))
	return Value{Text: strconv.Itoa(days), Present: true,
		Evidence: fmt.Sprintf("the certificate of %s for %s can be used until %s, %d days", address, host, until.UTC().Format(time.DateOnly), days)}, nil
}
