package site

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/document"
)

// Event is what people are told of.
type Event string

// The events.
const (
	Planned     Event = "planned"      // an upgrade begins at a time that is known
	Off         Event = "off"          // it does not begin then
	Started     Event = "started"      // a run has begun
	Waits       Event = "waits"        // a run waits for a person
	WentBack    Event = "went-back"    // a run has ended, and the product is as it was
	Finished    Event = "done"         // a run has ended on its new version
	PointFailed Event = "point-failed" // the timer's restore point was not made
	ProofFailed Event = "proof-failed" // a restore point could not be proven
	FeedUnseen  Event = "feed-unseen"  // the feed could not be looked at for long
)

// Events lists them.
func Events() []Event {
	return []Event{Planned, Off, Started, Waits, WentBack, Finished, PointFailed, ProofFailed, FeedUnseen}
}

// Whom notifications are for.
const (
	Administrators = "administrators"
	Users          = "users"
)

// Notification is somebody who is told, and how.
type Notification struct {
	Pos     document.Pos    `json:"-"`
	ID      string          `json:"id"`
	For     string          `json:"for"` // administrators, users: how it is put, and of what without events
	Mail    *Mail           `json:"mail,omitempty"`
	Webhook *Webhook        `json:"webhook,omitempty"`
	Events  []Event         `json:"events,omitempty"` // empty: all for administrators, those of an outage for users
	Before  []time.Duration `json:"before,omitempty"` // how long before a planned upgrade; empty: a day
}

// Tells says whether somebody is told of an event.
func (n Notification) Tells(e Event) bool {
	switch {
	case len(n.Events) > 0:
		return slices.Contains(n.Events, e)
	case n.For == Users:
		return slices.Contains([]Event{Planned, Off, Started, WentBack, Finished}, e)
	}
	return true
}

// Ahead is how long before a planned upgrade somebody is told, the longest first.
func (n Notification) Ahead() []time.Duration {
	if len(n.Before) == 0 {
		return []time.Duration{24 * time.Hour}
	}
	out := slices.Clone(n.Before)
	slices.SortFunc(out, func(a, b time.Duration) int { return int((b - a) / time.Second) })
	return slices.Compact(out)
}

// Mail is how mail is sent.
type Mail struct {
	Server   string     `json:"server"` // HOST:PORT
	From     string     `json:"from"`
	To       []string   `json:"to"`
	TLS      string     `json:"tls,omitempty"` // starttls (default), tls from the first byte on, none
	CA       string     `json:"ca,omitempty"`  // file of the authorities that the server's certificate is checked by
	User     string     `json:"user,omitempty"`
	Password *SecretRef `json:"password,omitempty"`
}

// Webhook is an address that events are posted to.
type Webhook struct {
	URL    string     `json:"url"`
	Secret *SecretRef `json:"secret"`       // that what is posted is signed with
	CA     string     `json:"ca,omitempty"` // as that of mail
}

// address is plain enough for every mail server; names stand in no list.
var address = regexp.MustCompile(`^[^\s@<>,;:"\\()\[\]\x00-\x1f\x7f]+@[A-Za-z0-9.-]+$`)

func (d decoder) notifications(m *document.MapDecoder, in *Installation) {
	seen := map[string]bool{}
	for _, item := range m.List("notifications") {
		n := d.Map(item, "a notification")
		n.Required("id", "for")
		t := Notification{Pos: item.Pos, ID: d.text(n, "id"), For: n.OneOf("for", Administrators, Users)}
		switch {
		case t.ID == "":
		case !installationID.MatchString(t.ID):
			d.Errorf(n.Get("id").Pos, "use a-z, 0-9, - and _, at most 32 of them", "a notification cannot be called %q", t.ID)
		case seen[t.ID]:
			d.Errorf(n.Get("id").Pos, "", "two notifications are called %q", t.ID)
		}
		seen[t.ID] = true
		if c := n.Map("mail"); c != nil {
			t.Mail = d.mail(c)
		}
		if c := n.Map("webhook"); c != nil {
			t.Webhook = d.webhook(c)
		}
		if n.Has("mail") == n.Has("webhook") && !n.Bad() {
			d.Errorf(item.Pos, "write mail: {…} or webhook: {…}; whoever is told both ways has two entries", "a notification goes by mail or by a webhook, one of them")
		}
		for _, e := range n.List("events") {
			t.Events = append(t.Events, Event(d.OneOf(e, "an event", eventNames()...)))
		}
		if e := n.Get("events"); e != nil && e.Kind == document.List && len(e.Items) == 0 {
			d.Errorf(e.Pos, "remove it, or the whole entry", "nobody is told of no event")
		}
		for _, b := range n.List("before") {
			span := d.Duration(b, "how long before")
			if span != 0 && (span < time.Minute || span > 31*24*time.Hour) {
				d.Errorf(b.Pos, "", "people are told from a minute to 31 days before, not %s", b.Value)
			}
			t.Before = append(t.Before, span)
		}
		in.Notifications = append(in.Notifications, t)
		n.Done()
	}
}

func eventNames() []string {
	var out []string
	for _, e := range Events() {
		out = append(out, string(e))
	}
	return out
}

func (d decoder) mail(m *document.MapDecoder) *Mail {
	m.Required("server", "from", "to")
	c := &Mail{Server: d.text(m, "server"), From: d.text(m, "from"), To: m.Strings("to"), TLS: m.OneOf("tls", "starttls", "tls", "none"), CA: d.file(m, "ca"), User: d.text(m, "user")}
	if host, port, ok := cutLast(c.Server, ":"); c.Server != "" {
		if n, err := strconv.Atoi(port); !ok || host == "" || err != nil || n < 1 || n > 65535 || strings.ContainsAny(c.Server, " /@") {
			d.Errorf(m.Get("server").Pos, "write smtp.example.org:587", "%q is no mail server with its port", c.Server)
		}
	}
	if c.From != "" && !address.MatchString(c.From) {
		d.Errorf(m.Get("from").Pos, "write upkeep@example.org, without a name", "%q is no address of mail", c.From)
	}
	if n := m.Get("to"); n != nil {
		if n.Kind == document.List && len(n.Items) == 0 {
			d.Errorf(n.Pos, "name somebody", "the mail goes to nobody")
		}
		for i, a := range c.To {
			if !address.MatchString(a) {
				d.Errorf(n.Items[min(i, len(n.Items)-1)].Pos, "write anna@example.org, without a name", "%q is no address of mail", a)
			}
		}
	}
	c.Password = d.secretFile(m, "password", "the password of the mail server")
	switch {
	case m.Has("user") != m.Has("password"):
		d.Errorf(m.Pos(), "", "user and password of a mail server go together")
	case c.TLS == "none" && m.Has("password"):
		d.Errorf(m.Get("tls").Pos, "remove tls: none", "the password would be sent for everybody to read")
	}
	m.Done()
	return c
}

func (d decoder) webhook(m *document.MapDecoder) *Webhook {
	m.Required("url", "secret")
	w := &Webhook{URL: d.text(m, "url"), Secret: d.secretFile(m, "secret", "what a webhook is signed with"), CA: d.file(m, "ca")}
	if n := m.Get("url"); n != nil && w.URL != "" {
		u, err := url.Parse(w.URL)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			d.Errorf(n.Pos, "write https://HOST/PATH", "%q is no address of a webhook", w.URL)
		case u.User != nil:
			d.Hide(n)
			d.Errorf(n.Pos, "what is posted is signed; the other side checks that", "the address of the webhook has a password in it")
		case u.Scheme == "http" && !loopback(u.Hostname()):
			d.Errorf(n.Pos, "write https://; http is for this computer only", "anybody on the way could read what is posted to %s", u.Host)
		}
	}
	m.Done()
	return w
}

func loopback(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

// secretFile reads where a secret lies. Timers and engines do not have the
// environment of a command.
func (d decoder) secretFile(m *document.MapDecoder, key, what string) *SecretRef {
	n := m.Get(key)
	if n == nil {
		return nil
	}
	ref := d.reference(n, what)
	if ref.Env != "" {
		d.Errorf(n.Pos, "write {file: PATH}", "%s cannot come from the environment: timers have none", what)
	}
	return ref
}

func cutLast(text, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(sep):], true
}

// zoneName as the time zone database has them; whether there is one of the name is
// found out by whoever needs it.
var zoneName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)

func (d decoder) zone(m *document.MapDecoder) string {
	name := d.text(m, "time-zone")
	if name != "" && (!zoneName.MatchString(name) || name == "Local") {
		d.Errorf(m.Get("time-zone").Pos, "write Europe/Paris, or UTC", "%q is no time zone", name)
	}
	return name
}

// String says how somebody is told, for people.
func (n Notification) String() string {
	if n.Mail != nil {
		return fmt.Sprintf("mail to %s", strings.Join(n.Mail.To, ", "))
	}
	if n.Webhook != nil {
		if u, err := url.Parse(n.Webhook.URL); err == nil {
			return "webhook at " + u.Host // the rest of it may be a secret
		}
	}
	return "nothing"
}
