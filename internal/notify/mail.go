package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"
)

// Mail is a server and those who get its mail.
type Mail struct {
	Server   string // HOST:PORT
	From     string
	To       []string
	TLS      string // starttls, tls, none; empty: starttls
	User     string // empty: nobody signs in
	Password func(context.Context) (string, error)
	CAs      func() (*x509.CertPool, error) // nil: the system's
	Agent    string
}

var _ Channel = Mail{}

// Send implements Channel. An encrypted connection is wanted, never only tried.
func (c Mail) Send(ctx context.Context, m Message) error {
	host, portText, err := net.SplitHostPort(c.Server)
	if err != nil {
		return &PermanentError{fmt.Errorf("cannot send mail by %s: %w", c.Server, err)}
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return &PermanentError{fmt.Errorf("cannot send mail by %s: %w", c.Server, err)}
	}
	secure := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if c.CAs != nil {
		if secure.RootCAs, err = c.CAs(); err != nil {
			return &PermanentError{err}
		}
	}
	o := []mail.Option{mail.WithPort(port), mail.WithTLSConfig(secure), mail.WithTimeout(20 * time.Second)}
	// the library waits for ever for a server that says nothing
	dial := (&net.Dialer{}).DialContext
	if c.TLS == "tls" {
		dial = (&tls.Dialer{Config: secure}).DialContext
	}
	o = append(o, mail.WithDialContextFunc(func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(dialing, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { conn.Close() })
		}
		return conn, err
	}))
	switch c.TLS {
	case "tls":
		o = append(o, mail.WithSSL())
	case "none":
		o = append(o, mail.WithTLSPolicy(mail.NoTLS))
	default:
		o = append(o, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if c.User != "" {
		password, err := c.Password(ctx)
		if err != nil {
			return &PermanentError{err}
		}
		o = append(o, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(c.User), mail.WithPassword(password))
	}
	msg, err := c.message(m)
	if err != nil {
		return &PermanentError{fmt.Errorf("cannot write the mail: %w", err)}
	}
	client, err := mail.NewClient(host, o...)
	if err != nil {
		return &PermanentError{fmt.Errorf("cannot send mail by %s: %w", c.Server, err)}
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		err = fmt.Errorf("cannot send mail by %s: %w", c.Server, err)
		var said *mail.SendError
		var answered *textproto.Error // to a name and a password
		if errors.As(err, &said) && !said.IsTemp() && said.ErrorCode() >= 500 || errors.As(err, &answered) && answered.Code >= 500 {
			return &PermanentError{err}
		}
		return err
	}
	return nil
}

func (c Mail) message(m Message) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(c.From); err != nil {
		return nil, err
	}
	if err := msg.To(c.To...); err != nil {
		return nil, err
	}
	msg.Subject(Line(m.Title))
	msg.SetDateWithValue(m.At)
	msg.SetMessageIDWithValue(Line(m.ID) + "@upkeep")
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no "I am on holiday" comes back
	msg.SetGenHeader("X-Upkeep-Event", Line(m.Event))
	msg.SetUserAgent(c.Agent)
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	return msg, nil
}
