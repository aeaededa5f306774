package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/time/rate"

	"upkeep/internal/hub/ask"
)

// bodyMost bounds what a program sends, in bytes.
const bodyMost = 64 << 10

// What a token may ask for: so many requests a second, so many in a burst, and so
// many at a time.
const (
	rateMost  = 20
	burstMost = 60
	busyMost  = 8
)

// caller is a program that has a token.
type caller struct {
	rate *rate.Limiter
	busy int // guarded by the mutex of Machines
}

// call is one request of a program.
type call struct {
	w   http.ResponseWriter
	r   *http.Request
	who ask.Person
	ask ask.Asking
}

func (c *call) id() string { return c.r.PathValue("id") }
func (c *call) of() ask.Of { return ask.Of{Installation: c.id()} }
func (c *call) run() ask.RunQuery {
	return ask.RunQuery{Installation: c.id(), Run: c.r.PathValue("run")}
}
func (c *call) path(p ...string) string {
	return "/api/v1/installations/" + segment(c.id()) + "/" + strings.Join(p, "/")
}

// serve serves one route to programs with a token.
func (m *Machines) serve(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: w, r: r}
		err := m.let(c, rt)
		if err != nil {
			problem(w, err)
			return
		}
		leave, err := m.enter(c.who.Name, rt.stream)
		if err != nil {
			problem(w, err)
			return
		}
		defer leave()
		a, err := rt.do(c)
		switch {
		case err != nil:
			problem(w, err)
		case rt.files != nil:
			f, _ := a.(ask.File)
			keep(w, f)
		case rt.status == http.StatusNoContent:
			w.WriteHeader(rt.status)
		case !rt.stream:
			reply(w, rt.status, a)
		}
	}
}

// let says why somebody may not ask, or asks for what is not there.
func (m *Machines) let(c *call, rt route) error {
	token, err := bearer(c.r)
	if err != nil {
		return err
	}
	c.ask = m.Engine.AsToken(token)
	if c.who, err = c.ask.Who(c.r.Context()); err != nil {
		return err
	}
	for name, values := range c.r.URL.Query() {
		if !rt.takes(name) || len(values) != 1 {
			return &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("this address does not take %q", name)}
		}
	}
	return nil
}

var tokenShape = regexp.MustCompile(`^upk_[a-z0-9-]{1,40}_[A-Z2-7]{26}$`)

// bearer reads the token of a request.
func bearer(r *http.Request) (string, error) {
	given := r.Header.Values("Authorization")
	if len(given) == 0 {
		return "", &ask.Error{Kind: ask.Denied, Text: "there is no token: send one as Authorization: Bearer"}
	}
	kind, token, _ := strings.Cut(given[0], " ")
	if token = strings.TrimSpace(token); len(given) != 1 || !strings.EqualFold(kind, "bearer") || !tokenShape.MatchString(token) {
		return "", &ask.Error{Kind: ask.Denied, Text: "what Authorization says is no token of the hub: it is one header, Bearer upk_…"}
	}
	return token, nil
}

// enter lets a program in that does not ask too often or for too much at a time.
// Watching is asking once.
func (m *Machines) enter(name string, stream bool) (leave func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.callers[name]
	if c == nil {
		c = &caller{rate: rate.NewLimiter(rateMost, burstMost)}
		m.callers[name] = c
	}
	switch {
	case !c.rate.Allow():
		return nil, &ask.Error{Kind: tooMany, Text: fmt.Sprintf("%s asks more than %d times a second", name, rateMost)}
	case stream:
		return func() {}, nil
	case c.busy >= busyMost:
		return nil, &ask.Error{Kind: tooMany, Text: fmt.Sprintf("%s waits for %d answers already", name, busyMost)}
	}
	c.busy++
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		c.busy--
	}, nil
}

// body reads what a program sends: JSON, one value, without fields that nobody
// knows.
func body[T any](c *call) (T, error) {
	var out T
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return out, &ask.Error{Kind: mediaType, Text: "the body must be application/json"}
	}
	d := json.NewDecoder(c.r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(&out)
	if err == nil {
		if _, end := d.Token(); end != io.EOF {
			err = errors.New("there is more behind the value")
		}
	}
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return out, tooLarge()
	case errors.Is(err, io.EOF):
		return out, &ask.Error{Kind: ask.Invalid, Text: "there is no body: send a JSON object, {} at least"}
	case err != nil:
		return out, &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("the body cannot be read: %v", err)}
	}
	return out, nil
}

// number reads a number of the address; 0 where there is none.
func (c *call) number(name string) (int64, error) {
	text := c.r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("%s is a number, not %q", name, text)}
	}
	return n, nil
}

// key reads the key by which a start happens once.
func (c *call) key() (string, error) {
	given := c.r.Header.Values("Idempotency-Key")
	if len(given) == 0 {
		return "", nil
	}
	key := given[0]
	if len(key) > 1 && key[0] == '"' && key[len(key)-1] == '"' {
		key = key[1 : len(key)-1]
	}
	strange := func(r rune) bool { return r < ' ' || r > '~' }
	if len(given) != 1 || key == "" || len(key) > 255 || strings.ContainsFunc(key, strange) {
		return "", &ask.Error{Kind: ask.Invalid, Text: "Idempotency-Key is 1 to 255 letters, digits and signs, and given once"}
	}
	return key, nil
}

func reply(w http.ResponseWriter, status int, a any) {
	raw, err := json.Marshal(a)
	if err != nil {
		problem(w, fmt.Errorf("cannot write the answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(raw, '\n')) // who asked has gone, otherwise
}

// keep answers with a file to keep.
func keep(w http.ResponseWriter, f ask.File) {
	h := w.Header()
	h.Set("Content-Type", f.Type)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	_, _ = w.Write(f.Data) // who asked has gone, otherwise
}
