package notify_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"upkeep/internal/notify"
	"upkeep/internal/notify/notifytest"
)

func pool(file string) func() (*x509.CertPool, error) {
	return func() (*x509.CertPool, error) {
		raw, err := os.ReadFile(file)
		p := x509.NewCertPool()
		p.AppendCertsFromPEM(raw)
		return p, err
	}
}

func says(text string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return text, nil }
}

var quick = notify.Bounds{Pauses: []time.Duration{time.Millisecond, time.Millisecond}, Each: 5 * time.Second}

func message() notify.Message {
	return notify.Message{ID: "run-1.waits", Event: "waits", For: "administrators", At: time.Unix(1.8e9, 0), Title: "shop waits for you: été", Text: "First line.\n.\nLast line.\n",
		Product: "shop", Installation: "shop", Outage: 90 * time.Second, Affected: []string{"web"}}
}

// Mail goes over an encrypted connection, to all, signed in.
func TestMail(t *testing.T) {
	s := notifytest.Mail(t, "upkeep", "correct horse")
	c := notify.Mail{Server: s.Addr, From: "upkeep@example.org", To: []string{"anna@example.org", "bert@example.org"}, User: "upkeep", Password: says("correct horse"), CAs: pool(s.CA), Agent: "upkeep"}
	s.Refuse(&smtp.SMTPError{Code: 451, Message: "come back later"})
	tries, err := quick.Deliver(t.Context(), c, message())
	if err != nil || tries != 2 {
		t.Fatalf("%d tries, %v", tries, err)
	}
	got := s.Letters()
	if len(got) != 1 || !got[0].TLS || got[0].User != "upkeep" || len(got[0].To) != 2 || got[0].From != "upkeep@example.org" {
		t.Fatalf("it got %+v", got)
	}
	m, err := mail.ReadMessage(strings.NewReader(got[0].Text))
	if err != nil {
		t.Fatal(err)
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	body, _ := io.ReadAll(m.Body)
	if subject != "shop waits for you: été" || m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("Message-Id") != "<run-1.waits@upkeep>" || !strings.Contains(string(body), "First line.\r\n.\r\nLast line.") {
		t.Errorf("subject %q, headers %v, text %q", subject, m.Header, body)
	}
}

// What cannot be helped by another try is tried once, and never without encryption
// that was wanted; no secret is in what is said of it.
func TestMailRefused(t *testing.T) {
	s := notifytest.Mail(t, "upkeep", "correct horse")
	good := notify.Mail{Server: s.Addr, From: "upkeep@example.org", To: []string{"anna@example.org"}, User: "upkeep", Password: says("correct horse"), CAs: pool(s.CA)}
	for name, c := range map[string]struct {
		change func(*notify.Mail)
		refuse error
		tries  int
		want   string
	}{
		"wrong password": {change: func(m *notify.Mail) { m.Password = says("hunter2") }, tries: 1, want: "SMTP AUTH"},
		"no password": {change: func(m *notify.Mail) {
			m.Password = func(context.Context) (string, error) { return "", errors.New("no file") }
		}, tries: 1, want: "no file"},
		"unknown certificate":     {change: func(m *notify.Mail) { m.CAs = nil }, tries: 3, want: "unknown authority"},
		"nobody there":            {change: func(m *notify.Mail) { m.Server = closed(t) }, tries: 3, want: "connection refused"},
		"a recipient is none":     {refuse: &smtp.SMTPError{Code: 550, Message: "no such person"}, tries: 1, want: "no such person"},
		"TLS where there is none": {change: func(m *notify.Mail) { m.TLS = "tls" }, tries: 3, want: "first record does not look like a TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			m := good
			if c.change != nil {
				c.change(&m)
			}
			if c.refuse != nil {
				s.Refuse(c.refuse)
			}
			tries, err := quick.Deliver(t.Context(), m, message())
			if err == nil || tries != c.tries || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "correct horse") {
				t.Errorf("%d tries, %v; want %d, %q", tries, err, c.tries, c.want)
			}
		})
	}
	if n := len(s.Letters()); n != 0 {
		t.Errorf("%d mails came through", n)
	}
}

// The names of products and the words of errors make no headers and no mails.
func TestNoHeaderIsInjected(t *testing.T) {
	s := notifytest.Mail(t, "", "")
	c := notify.Mail{Server: s.Addr, From: "upkeep@example.org", To: []string{"anna@example.org"}, CAs: pool(s.CA)}
	h := notifytest.Hook(t)
	w := notify.Webhook{URL: h.URL, Secret: says("s"), CAs: pool(h.CA), Now: time.Now}
	m := message()
	m.Title = "shop\r\nBcc: eve@example.org\r\n\r\nDear all\x1b[31m\u202e"
	m.ID, m.Event = "x>\r\nX-Evil: 1", "waits\r\nX-Evil: 1"
	m.Text = "text\r\n.\r\nMAIL FROM:<eve@example.org>\r\n"
	for _, c := range []notify.Channel{c, w} {
		if _, err := quick.Deliver(t.Context(), c, m); err != nil {
			t.Fatal(err)
		}
	}
	l := s.Letters()
	if len(l) != 1 || len(l[0].To) != 1 {
		t.Fatalf("it got %+v", l)
	}
	parsed, err := mail.ReadMessage(strings.NewReader(l[0].Text))
	if err != nil {
		t.Fatal(err)
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	if parsed.Header.Get("Bcc") != "" || parsed.Header.Get("X-Evil") != "" || subject != "shop Bcc: eve@example.org Dear all[31m" {
		t.Errorf("subject %q, headers %v", subject, parsed.Header)
	}
	if p := h.Posts(); len(p) != 1 || p[0].Header.Get("X-Evil") != "" {
		t.Errorf("posted %+v", p)
	}
}

// What is posted is signed with its time, tried again where that may help, and
// follows no redirect.
func TestWebhook(t *testing.T) {
	h := notifytest.Hook(t)
	now := time.Unix(1.8e9, 0)
	w := notify.Webhook{URL: h.URL + "/secret-path", Secret: says("shared"), CAs: pool(h.CA), Agent: "upkeep", Now: func() time.Time { return now }}
	h.Answer(503, 429)
	if tries, err := quick.Deliver(t.Context(), w, message()); err != nil || tries != 3 {
		t.Fatalf("%d tries, %v", tries, err)
	}
	p := h.Posts()
	last := p[len(p)-1]
	if got := last.Header.Get(notify.SignatureHeader); got != notify.Sign("shared", "1800000000", last.Body) || got == notify.Sign("other", "1800000000", last.Body) || got == notify.Sign("shared", "1800000001", last.Body) {
		t.Errorf("the signature is %s", got)
	}
	if last.Header.Get(notify.TimeHeader) != "1800000000" || last.Header.Get(notify.IDHeader) != "run-1.waits" || last.Header.Get(notify.EventHeader) != "waits" || bytes.Equal(last.Body, nil) {
		t.Errorf("headers %v", last.Header)
	}
	var m map[string]any
	if err := json.Unmarshal(last.Body, &m); err != nil || m["outage"] != 90.0 || m["event"] != "waits" || m["title"] != "shop waits for you: été" {
		t.Errorf("posted %s, %v", last.Body, err)
	}
	for code, tries := range map[int]int{302: 1, 400: 1, 404: 1, 500: 3} {
		h.Answer(code, code, code)
		n, err := quick.Deliver(t.Context(), w, message())
		if err == nil || n != tries || strings.Contains(err.Error(), "secret-path") || strings.Contains(err.Error(), "shared") {
			t.Errorf("%d: %d tries, %v", code, n, err)
		}
	}
	w.URL = "https://" + closed(t) + "/secret-path"
	if _, err := quick.Deliver(t.Context(), w, message()); err == nil || strings.Contains(err.Error(), "secret-path") {
		t.Errorf("a port where nobody is: %v", err)
	}
}

// Nobody waits longer than the bounds for a server that says nothing.
func TestSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := notify.Bounds{Each: 200 * time.Millisecond}
	for name, c := range map[string]notify.Channel{
		"mail": notify.Mail{Server: l.Addr().String(), From: "a@b", To: []string{"c@d"}},
		"hook": notify.Webhook{URL: "http://" + l.Addr().String(), Secret: says("s"), Now: time.Now},
	} {
		began := time.Now()
		if _, err := b.Deliver(t.Context(), c, message()); err == nil || time.Since(began) > 5*time.Second {
			t.Errorf("%s: %v after %s", name, err, time.Since(began))
		}
	}
}

func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
