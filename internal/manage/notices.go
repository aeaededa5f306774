package manage

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"upkeep/internal/node/local"
	"upkeep/internal/notify"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// Delivery is what came of telling somebody.
type Delivery struct {
	At      time.Time  `json:"at"`
	Event   site.Event `json:"event"`
	ID      string     `json:"id"`  // of the notification
	How     string     `json:"how"` // mail to anna@example.org
	Title   string     `json:"title"`
	Run     string     `json:"run,omitempty"`
	Tries   int        `json:"tries"`
	Problem string     `json:"problem,omitempty"` // empty: it was taken
}

// deliveriesKept is how many are remembered.
const deliveriesKept = 100

func (in *Installation) deliveriesPath() string {
	return filepath.Join(in.State, "notifications.json")
}

// Deliveries lists what came of telling people, the latest first.
func (in *Installation) Deliveries() ([]Delivery, error) {
	raw, err := in.FS.ReadFile(in.deliveriesPath())
	if errors.Is(err, fs.ErrNotExist) {
		return []Delivery{}, nil
	}
	out := []Delivery{}
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell what people were told: %w", err)
	}
	return out, nil
}

// Untold lists by notification the latest of those that could not be told, unless
// one was told since.
func (in *Installation) Untold() []Delivery {
	list, err := in.Deliveries()
	if err != nil {
		return nil // upkeep notify list says so
	}
	seen := map[string]bool{}
	var out []Delivery
	for _, d := range list {
		if !seen[d.ID] && d.Problem != "" && in.notification(d.ID) != nil {
			out = append(out, d)
		}
		seen[d.ID] = true
	}
	return out
}

func (in *Installation) notification(id string) *site.Notification {
	for _, n := range in.Doc.Notifications {
		if n.ID == id {
			return &n
		}
	}
	return nil
}

// noteDeliveries remembers what came of it.
func (in *Installation) noteDeliveries(ctx context.Context, more []Delivery) error {
	if len(more) == 0 {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("cannot note what people were told: %w", err) }
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return fail(err)
	}
	release, err := lockFeed(ctx, filepath.Join(in.State, "notifications.lock"), "notifications", feedPatience)
	if err != nil {
		return fail(err)
	}
	defer release()
	list, err := in.Deliveries()
	if err != nil {
		list = nil // it is written anew
	}
	list = append(more, list...)
	raw, err := json.MarshalIndent(list[:min(len(list), deliveriesKept)], "", " ")
	if err == nil {
		err = in.FS.WriteFile(in.deliveriesPath(), append(raw, '\n'), 0o600)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// channel is how somebody is told.
func (in *Installation) channel(n site.Notification) notify.Channel {
	secret := func(ref *site.SecretRef) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			return local.Secrets{FS: in.FS}.Resolve(ctx, plan.SecretRef{File: in.place(ref.File), Env: ref.Env})
		}
	}
	if m := n.Mail; m != nil {
		c := notify.Mail{Server: m.Server, From: m.From, To: m.To, TLS: m.TLS, User: m.User, CAs: in.authorities(m.CA), Agent: "upkeep/" + Version()}
		if m.Password != nil {
			c.Password = secret(m.Password)
		}
		return c
	}
	w := n.Webhook
	return notify.Webhook{URL: w.URL, Secret: secret(w.Secret), CAs: in.authorities(w.CA), Agent: "upkeep/" + Version(), Now: time.Now}
}

// authorities are those of a file beside the system's.
func (in *Installation) authorities(file string) func() (*x509.CertPool, error) {
	if file == "" {
		return nil
	}
	return func() (*x509.CertPool, error) {
		raw, err := in.FS.ReadFile(in.place(file))
		if err != nil {
			return nil, fmt.Errorf("cannot read the authorities of certificates: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", in.place(file))
		}
		return pool, nil
	}
}

// tell tells everybody whom a notice concerns, all at the same time, and notes what
// came of it. What goes wrong is in what it gives, and in nobody's way. only may be
// nil.
func (in *Installation) tell(ctx context.Context, n notice, only func(site.Notification) bool) []Delivery {
	var list []site.Notification
	for _, t := range in.Doc.Notifications {
		if t.Tells(n.event) && (only == nil || only(t)) {
			list = append(list, t)
		}
	}
	return in.deliver(ctx, n, list)
}

func (in *Installation) deliver(ctx context.Context, n notice, list []site.Notification) []Delivery {
	out := make([]Delivery, len(list))
	var wg sync.WaitGroup
	for i, t := range list {
		wg.Go(func() {
			m := in.message(n, t.For)
			out[i] = Delivery{At: m.At, Event: n.event, ID: t.ID, How: t.String(), Title: m.Title, Run: n.run}
			tries, err := notify.Usual().Deliver(ctx, in.channel(t), m)
			out[i].Tries = tries
			if err != nil {
				out[i].Problem = notify.Line(err.Error())
			}
		})
	}
	wg.Wait()
	if err := in.noteDeliveries(context.WithoutCancel(ctx), out); err != nil && len(out) > 0 {
		fmt.Fprintln(os.Stderr, err) // nothing is stopped for it
	}
	return out
}

// TryNotifications tells everybody, or the one of the id, that this is a test.
func (in *Installation) TryNotifications(ctx context.Context, id string) ([]Delivery, error) {
	list := in.Doc.Notifications
	if id != "" {
		n := in.notification(id)
		if n == nil {
			return nil, &RefusedError{What: fmt.Sprintf("no notification is called %q", id), Reasons: []string{"they stand under notifications: in " + in.Path}}
		}
		list = []site.Notification{*n}
	}
	if len(list) == 0 {
		return nil, &RefusedError{What: "there is nobody to be told", Reasons: []string{"write notifications: in " + in.Path}}
	}
	return in.deliver(ctx, notice{event: trying}, list), nil
}

// trying is no event of a document.
const trying site.Event = "test"

func (in *Installation) message(n notice, audience string) notify.Message {
	host, _ := os.Hostname()
	zone, err := in.zone()
	if err != nil {
		zone = time.Local
	}
	n.product, n.installation, n.host, n.zone, n.document = in.Doc.Product, in.Doc.ID, host, zone, in.Path
	title, text := n.words(audience)
	raw := make([]byte, 8)
	_, _ = rand.Read(raw) // never fails
	return notify.Message{ID: hex.EncodeToString(raw), Event: string(n.event), For: audience, At: time.Now().UTC().Round(time.Second), Title: notify.Line(title), Text: text,
		Product: n.product, Installation: n.installation, Host: host, Run: n.run, From: n.from, To: n.to, Begins: n.begins, Ends: n.ends, Outage: n.outage, Affected: n.affected, Why: n.why}
}

// Recipient is somebody who is told, without what is secret.
type Recipient struct {
	ID     string       `json:"id"`
	For    string       `json:"for"`
	How    string       `json:"how"`
	Events []site.Event `json:"events"`
	Before []string     `json:"before,omitempty"` // of a planned upgrade
}

// Recipients lists whom the document names.
func (in *Installation) Recipients() []Recipient {
	out := []Recipient{}
	for _, n := range in.Doc.Notifications {
		r := Recipient{ID: n.ID, For: n.For, How: n.String(), Events: []site.Event{}}
		for _, e := range site.Events() {
			if n.Tells(e) {
				r.Events = append(r.Events, e)
			}
		}
		if n.Tells(site.Planned) {
			for _, b := range n.Ahead() {
				r.Before = append(r.Before, span(b))
			}
		}
		out = append(out, r)
	}
	return out
}
