package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// HTTPOptions say how a feed is reached.
type HTTPOptions struct {
	// Mirrors are addresses of the same feed, asked in this order: http or https.
	// An account in them is used, and never shown.
	Mirrors []string
	// Proxy is the address of a proxy; "" goes by the environment (HTTPS_PROXY and so on), "none" by no proxy at all.
	Proxy string
	// CAFile holds further authorities as PEM, besides those of the computer.
	CAFile string
	// Agent is what servers are told of us.
	Agent string
}

const redirects = 5

// HTTP is a feed on web servers. An error is one of the options.
func HTTP(o HTTPOptions) (Source, error) {
	if len(o.Mirrors) == 0 {
		return nil, errors.New("a feed needs an address")
	}
	t, err := transport(o)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: t, CheckRedirect: redirect}
	var all mirrors
	for _, m := range o.Mirrors {
		u, err := url.Parse(m)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Fragment != "" {
			return nil, fmt.Errorf("%s cannot be the address of a feed: it must begin with https:// or http:// and a server's name", hide(m, u))
		}
		all = append(all, &web{client: client, base: u, agent: o.Agent})
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

// hide leaves a password out.
func hide(text string, u *url.URL) string {
	if u == nil {
		return "what is given" // it may hold one anywhere
	}
	if u.User != nil {
		return u.Redacted()
	}
	return strconv.Quote(text)
}

func transport(o HTTPOptions) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    15 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // what is signed is what is sent
	}
	if o.Proxy == "none" {
		t.Proxy = nil
	} else if o.Proxy != "" {
		u, err := url.Parse(o.Proxy)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
			return nil, fmt.Errorf("%s cannot be the address of a proxy: it must begin with http://, https:// or socks5:// and a server's name", hide(o.Proxy, u))
		}
		t.Proxy = http.ProxyURL(u)
	}
	if o.CAFile != "" {
		text, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("cannot read the feed's authority: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool() // a computer without authorities of its own
		}
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("the feed's authority %s holds no certificate: it must be a PEM file", o.CAFile)
		}
		t.TLSClientConfig.RootCAs = pool
	}
	return t, nil
}

// redirect follows a few redirections, and none to where others could listen.
func redirect(to *http.Request, via []*http.Request) error {
	last := via[len(via)-1].URL
	switch {
	case len(via) > redirects:
		return fmt.Errorf("%w: it redirects more than %d times", ErrRefused, redirects)
	case to.URL.Scheme != "https" && to.URL.Scheme != "http":
		return fmt.Errorf("%w: it redirects to %s:, which is no web server", ErrRefused, to.URL.Scheme)
	case to.URL.Scheme != "https" && last.Scheme == "https":
		return fmt.Errorf("%w: it redirects from https to http", ErrRefused)
	}
	return nil
}

// web is one mirror.
type web struct {
	client *http.Client
	base   *url.URL
	agent  string
}

func (w *web) String() string { return w.base.Redacted() }

func (w *web) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, int64, error) {
	elements := strings.Split(name, "/")
	for i, e := range elements {
		elements[i] = url.PathEscape(e)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base.JoinPath(elements...).String(), nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	if w.agent != "" {
		req.Header.Set("User-Agent", w.agent)
	}
	if offset > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, 0, unreachable(err)
	}
	total, err := look(resp, offset)
	if err != nil {
		_ = resp.Body.Close() // not read
		return nil, 0, err
	}
	return body{resp.Body}, total, nil
}

var contentRange = regexp.MustCompile(`^bytes (\d+)-\d+/(\d+|\*)$`)

// look judges an answer and gives the length of the whole file.
func look(resp *http.Response, offset int64) (int64, error) {
	if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return 0, fmt.Errorf("%w: the server sends %q instead of the file itself; switch off compression for the feed there", ErrRefused, e)
	}
	switch resp.StatusCode {
	case http.StatusOK:
		if offset > 0 {
			return 0, ErrWhole
		}
		return resp.ContentLength, nil
	case http.StatusPartialContent:
		m := contentRange.FindStringSubmatch(resp.Header.Get("Content-Range"))
		if offset == 0 || m == nil || m[1] != strconv.FormatInt(offset, 10) {
			return 0, fmt.Errorf("%w: asked for what follows byte %d, the server answers with %.100q", ErrWrong, offset, resp.Header.Get("Content-Range"))
		}
		if m[2] == "*" {
			return -1, nil
		}
		total, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: a length of %s bytes", ErrWrong, m[2])
		}
		return total, nil
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, fmt.Errorf("%w: it has not even %d bytes", ErrWrong, offset)
	}
	return 0, &StatusError{resp.StatusCode}
}

// unreachable says why there is no answer, without the address, which is said
// anyway and may hold a password. Deadlines of connections are not the caller's:
// only their words are kept.
func unreachable(err error) error {
	if errors.Is(err, ErrRefused) {
		return errors.Unwrap(err) // of *url.Error
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	var unknown x509.UnknownAuthorityError
	hint := ""
	switch {
	case errors.As(err, &unknown):
		hint = "; if the authority is your own, name it in the feed's ca"
	case errors.As(err, new(*net.DNSError)):
		hint = "; check the address, the network, and whether a proxy is needed"
	}
	return fmt.Errorf("%w: %v%s", ErrUnreachable, err, hint)
}

// body says of a connection that breaks off that it does.
type body struct{ io.ReadCloser }

func (b body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %v", ErrBroken, err)
	}
	return n, err
}
