package ask

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// SessionHeader carries the session on the socket.
const SessionHeader = "Upkeep-Session"

// most is how long an answer may be, and one beat of a watched run.
const most = 32 << 20

// Client asks the engine side over its socket.
type Client struct{ http *http.Client }

// NewClient asks at the socket. Trusted says whether the peer behind a new
// connection is who it should be; nil: anybody is.
func NewClient(socket string, trusted func(net.Conn) error) *Client {
	return &Client{&http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, "unix", socket)
			if err == nil && trusted != nil {
				if err = trusted(c); err != nil {
					c.Close()
				}
			}
			return c, err
		},
	}}}
}

// Enter makes a session of the code of a one-time link.
func (c *Client) Enter(ctx context.Context, code string) (Entered, error) {
	return call[Entered](ctx, c, "", "enter", Entry{Code: code})
}

// As asks as whoever has the session.
func (c *Client) As(session string) Asking { return asking{c, session} }

type asking struct {
	c       *Client
	session string
}

func (a asking) Who(ctx context.Context) (Person, error) {
	return call[Person](ctx, a.c, a.session, "who", nil)
}

func (a asking) Leave(ctx context.Context) error {
	_, err := call[struct{}](ctx, a.c, a.session, "leave", nil)
	return err
}

func (a asking) Overview(ctx context.Context) (Overview, error) {
	return call[Overview](ctx, a.c, a.session, "overview", nil)
}

func (a asking) Runs(ctx context.Context, q RunsQuery) (Runs, error) {
	return call[Runs](ctx, a.c, a.session, "runs", q)
}

func (a asking) Run(ctx context.Context, q RunQuery) (Run, error) {
	return call[Run](ctx, a.c, a.session, "run", q)
}

func (a asking) Log(ctx context.Context, q LogQuery) (Log, error) {
	return call[Log](ctx, a.c, a.session, "log", q)
}

func (a asking) Points(ctx context.Context, q Of) (Points, error) {
	return call[Points](ctx, a.c, a.session, "points", q)
}

func (a asking) Drift(ctx context.Context, q Of) (Drift, error) {
	return call[Drift](ctx, a.c, a.session, "drift", q)
}

func (a asking) Doctor(ctx context.Context, q Of) (Diagnosis, error) {
	return call[Diagnosis](ctx, a.c, a.session, "doctor", q)
}

func (a asking) Check(ctx context.Context, w Wish) (Readiness, error) {
	return call[Readiness](ctx, a.c, a.session, "check", w)
}

func (a asking) Plan(ctx context.Context, w Wish) (Plan, error) {
	return call[Plan](ctx, a.c, a.session, "plan", w)
}

func (a asking) Start(ctx context.Context, y Yes) (Started, error) {
	return call[Started](ctx, a.c, a.session, "start", y)
}

func (a asking) Resume(ctx context.Context, q RunQuery) (Started, error) {
	return call[Started](ctx, a.c, a.session, "resume", q)
}

func (a asking) Decide(ctx context.Context, d Decision) (Started, error) {
	return call[Started](ctx, a.c, a.session, "decide", d)
}

func (a asking) Done(ctx context.Context, w Word) (Started, error) {
	return call[Started](ctx, a.c, a.session, "done", w)
}

func (a asking) Watch(ctx context.Context, q WatchQuery, tell func(Beat) error) error {
	body, err := post(ctx, a.c, a.session, "watch", q)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, most)
	for lines.Scan() {
		var b struct {
			Beat
			Error *Error `json:"error"`
		}
		if err := json.Unmarshal(lines.Bytes(), &b); err != nil {
			return gone(fmt.Errorf("a beat cannot be read: %w", err))
		}
		if b.Error != nil {
			return b.Error
		}
		if err := tell(b.Beat); err != nil {
			return err
		}
		if b.Over {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return gone(err)
	}
	return gone(io.ErrUnexpectedEOF) // the last beat says that it is over
}

func call[T any](ctx context.Context, c *Client, session, question string, q any) (T, error) {
	var out T
	body, err := post(ctx, c, session, question, q)
	if err != nil {
		return out, err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, most)).Decode(&out); err != nil {
		return out, gone(fmt.Errorf("its answer cannot be read: %w", err))
	}
	return out, nil
}

// post asks, and gives the body of a good answer.
func post(ctx context.Context, c *Client, session, question string, q any) (io.ReadCloser, error) {
	if q == nil {
		q = struct{}{}
	}
	raw, err := json.Marshal(q)
	if err != nil {
		return nil, &Error{Kind: Invalid, Text: fmt.Sprintf("cannot ask %s: %v", question, err)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine/"+question, bytes.NewReader(raw))
	if err != nil {
		return nil, &Error{Kind: Invalid, Text: err.Error()}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(SessionHeader, session)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, gone(err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	e := &Error{}
	if json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(e) != nil || e.Kind == "" {
		return nil, gone(fmt.Errorf("it answers %s", res.Status))
	}
	return nil, e
}

// gone says that the engine side cannot be reached.
func gone(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &Error{Kind: Gone, Text: fmt.Sprintf("the engine side of the hub does not answer: %v", err)}
}
