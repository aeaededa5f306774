package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"upkeep/internal/hub"
	"upkeep/internal/manage"
)

// secured says how the page is served by TLS: keys is nil where it is not.
type secured struct {
	keys   *hub.Keys
	strict bool
	names  []string // that the certificate is for
}

// certificate finds the certificate that the flags ask for.
func (a *App) certificate(o hubOptions, dir string) (secured, error) {
	host, port, err := net.SplitHostPort(o.listen)
	if err != nil {
		return secured{}, usage{fmt.Errorf("--listen wants HOST:PORT: %w", err)}
	}
	files := o.cert != "" || o.key != ""
	switch {
	case o.tls != "" && o.tls != "self":
		return secured{}, usage{fmt.Errorf("--tls is self, not %q; a certificate of yours goes by --tls-cert and --tls-key", o.tls)}
	case o.tls == "self" && files:
		return secured{}, usage{errors.New("say --tls self, or --tls-cert and --tls-key, not both")}
	case files && (o.cert == "" || o.key == ""):
		return secured{}, usage{errors.New("--tls-cert and --tls-key go together")}
	case o.tls == "" && !files:
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return secured{}, usage{fmt.Errorf("%s can be reached from other computers, so the page wants TLS there: --tls-cert FILE --tls-key FILE, or --tls self for a certificate made here; or serve it on this computer only, and reach it from elsewhere by ssh -L %s:127.0.0.1:%s", o.listen, port, port)}
		}
		return secured{names: o.names}, nil
	}
	s := secured{strict: port == "443"}
	if o.strict != nil {
		s.strict = *o.strict
	}
	source := hub.FileKeys(o.cert, o.key)
	if !files {
		if s.names, err = selfNames(host, o.names); err != nil {
			return secured{}, err
		}
		source = func(have *tls.Certificate) (*tls.Certificate, error) {
			c, err := manage.SelfCertificate(dir, s.names, time.Now())
			if err == nil && have != nil && slices.Equal(c.Certificate[0], have.Certificate[0]) {
				return have, nil
			}
			return c, err
		}
	}
	if s.keys, err = hub.NewKeys(source, a.hubLog()); err != nil {
		return secured{}, err
	}
	if files {
		s.names = append(slices.Clone(o.names), certified(s.keys.Leaf(), host)...)
		if len(s.names) == 0 {
			return secured{}, usage{fmt.Errorf("the certificate %s names no computer: say with --name what browsers call the page", o.cert)}
		}
	}
	return s, nil
}

// certified are the names that a certificate is for; the address that is listened on
// comes last.
func certified(c *x509.Certificate, host string) (names []string) {
	for _, n := range c.DNSNames {
		if !strings.Contains(n, "*") {
			names = append(names, strings.ToLower(n))
		}
	}
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() && !slices.Contains(names, host) {
		names = append(names, host)
	}
	return names
}

// selfNames are the names and addresses that a certificate made here is for.
func selfNames(host string, given []string) ([]string, error) {
	names := slices.Clone(given)
	add := func(n string) {
		if n = strings.ToLower(n); n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	ip := net.ParseIP(host)
	if ip == nil || !ip.IsUnspecified() {
		add(host)
	}
	if host == "" || ip != nil && ip.IsUnspecified() {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("cannot tell the name of this computer: %w", err)
		}
		add(name)
		all, err := net.InterfaceAddrs()
		if err != nil {
			return nil, fmt.Errorf("cannot list the addresses of this computer: %w", err)
		}
		for _, a := range all {
			if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
				add(n.IP.String())
			}
		}
	}
	add("localhost")
	add("127.0.0.1")
	return names, nil
}

// hosts are what browsers may call the page: its names with the port, and without
// where the port is the usual one.
func (s secured) hosts(listened, port string) (list []string) {
	usual := "80"
	names := slices.Clone(s.names)
	if s.keys != nil {
		usual = "443"
	} else {
		names = append(names, listened)
		for _, other := range []string{"127.0.0.1", "localhost"} {
			if other != listened {
				names = append(names, other)
			}
		}
	}
	for _, n := range names {
		n = strings.ToLower(n)
		if port == usual {
			if strings.Contains(n, ":") {
				n = "[" + n + "]"
			}
			list = append(list, n)
			continue
		}
		list = append(list, net.JoinHostPort(n, port))
	}
	return list
}

func (s secured) address(hosts []string) string {
	if s.keys != nil {
		return "https://" + hosts[0] + "/"
	}
	return "http://" + hosts[0] + "/"
}

// fingerprint is what people compare with what the browser shows; empty without TLS.
func (s secured) fingerprint() string {
	if s.keys == nil {
		return ""
	}
	return hub.Fingerprint(s.keys.Leaf())
}
