package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Headers of what is posted.
const (
	SignatureHeader = "Upkeep-Signature" // sha256= and the HMAC in hexadecimal
	TimeHeader      = "Upkeep-Timestamp" // of the try, seconds since 1970
	EventHeader     = "Upkeep-Event"
	IDHeader        = "Upkeep-Id" // the same in all tries
)

// Webhook is an address that messages are posted to as JSON.
type Webhook struct {
	URL    string
	Secret func(context.Context) (string, error)
	CAs    func() (*x509.CertPool, error) // nil: the system's
	Agent  string
	Now    func() time.Time
}

var _ Channel = Webhook{}

// Send implements Channel. Whatever the answer, nothing but its status is read of
// it, and it leads nowhere else.
func (w Webhook) Send(ctx context.Context, m Message) error {
	at := "the webhook"
	if u, err := url.Parse(w.URL); err == nil {
		at = "the webhook at " + u.Host
	}
	secret, err := w.Secret(ctx)
	if err != nil {
		return &PermanentError{err}
	}
	if secret == "" {
		return &PermanentError{fmt.Errorf("cannot post to %s: the file of its secret is empty", at)}
	}
	m.Seconds = int64(m.Outage / time.Second)
	body, err := json.Marshal(m)
	if err != nil {
		return &PermanentError{fmt.Errorf("cannot write what is posted: %w", err)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return &PermanentError{fmt.Errorf("cannot post to %s: its address cannot be used", at)}
	}
	now := strconv.FormatInt(w.Now().Unix(), 10)
	for name, value := range map[string]string{"Content-Type": "application/json", "User-Agent": w.Agent, TimeHeader: now,
		EventHeader: Line(m.Event), IDHeader: Line(m.ID), SignatureHeader: Sign(secret, now, body)} {
		req.Header.Set(name, value)
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	if w.CAs != nil {
		if t.TLSClientConfig.RootCAs, err = w.CAs(); err != nil {
			return &PermanentError{err}
		}
	}
	client := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err // the address may be a secret
		}
		return fmt.Errorf("cannot post to %s: %w", at, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // nobody wants it
	switch {
	case res.StatusCode/100 == 2:
		return nil
	case res.StatusCode/100 == 5, res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusRequestTimeout:
		return fmt.Errorf("%s answers %s", at, res.Status)
	}
	return &PermanentError{fmt.Errorf("%s answers %s", at, res.Status)}
}

// Sign gives the signature of a body that is posted at a time: whoever has the
// secret makes it anew, compares, and passes over what is old.
func Sign(secret, timestamp string, body []byte) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(timestamp + "."))
	h.Write(body)
	return "sha256=" + hex.EncodeToString(h.Sum(nil))
}
