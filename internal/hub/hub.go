// Package hub is the engine side of the page: it answers the questions of
// package ask on a Unix socket, to one account only, and knows who asks. It
// imports package ask and what reading the peer of a socket needs; what the
// answers rest on is behind ask.Engine.
package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"upkeep/internal/hub/ask"
)

// heavyMost is how many questions are answered at a time that look at a product
// itself. More wait.
const heavyMost = 4

// watchMost is how many watchers of runs are served at a time.
const watchMost = 600

// watchAgain is how often it is looked whether who watches may still do so.
const watchAgain = 5 * time.Second

// questionMost bounds a question, in bytes.
const questionMost = 1 << 20

// Server answers on a socket.
type Server struct {
	engine ask.Engine
	people *People
	audit  Audit
	keys   *Keys
	log    *slog.Logger
	heavy  chan struct{}
	watch  chan struct{}
	machines
}

// New serves the engine to the people who have a session.
func New(engine ask.Engine, people *People, log *slog.Logger) *Server {
	return &Server{engine: engine, people: people, log: log, heavy: make(chan struct{}, heavyMost), watch: make(chan struct{}, watchMost)}
}

// Serve answers until ctx ends. Only processes of the accounts get to ask.
func (s *Server) Serve(ctx context.Context, l net.Listener, accounts ...int) error {
	srv := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	err := srv.Serve(&guarded{Listener: l, accounts: accounts, log: s.log})
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("cannot answer the page any more: %w", err)
}

// Handler answers the questions. Whoever reaches it has passed the guard.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.peopleQuestions(mux)
	s.keyQuestions(mux)
	e := s.engine
	known(s, mux, ask.Viewer, "overview", func(ctx context.Context, _ string, _ struct{}) (ask.Overview, error) { return e.Overview(ctx) })
	known(s, mux, ask.Viewer, "pulse", func(ctx context.Context, _ string, _ struct{}) (ask.Pulse, error) { return e.Pulse(ctx) })
	known(s, mux, ask.Viewer, "runs", look(e.Runs))
	known(s, mux, ask.Viewer, "run", look(e.Run))
	known(s, mux, ask.Viewer, "log", look(e.Log))
	known(s, mux, ask.Viewer, "points", look(e.Points))
	known(s, mux, ask.Viewer, "drift", heavy(s, look(e.Drift)))
	known(s, mux, ask.Viewer, "doctor", heavy(s, look(e.Doctor)))
	seen(s, mux, ask.Operator, "check", heavy(s, e.Check))
	seen(s, mux, ask.Operator, "plan", heavy(s, e.Plan))
	known(s, mux, ask.Operator, "start", heavy(s, s.once(e.Start)))
	known(s, mux, ask.Viewer, "windows", look(e.Windows))
	known(s, mux, ask.Operator, "schedule", heavy(s, e.Schedule))
	known(s, mux, ask.Operator, "unschedule", e.Unschedule)
	known(s, mux, ask.Operator, "notify-test", heavy(s, e.TryNotifications))
	known(s, mux, ask.Operator, "resume", e.Resume)
	known(s, mux, ask.Operator, "decide", e.Decide)
	known(s, mux, ask.Operator, "done", e.Done)
	s.screens(mux)
	seen(s, mux, ask.Operator, "guide", heavy(s, e.Guide))
	seen(s, mux, ask.Operator, "review", heavy(s, e.Review))
	known(s, mux, ask.Operator, "judge", heavy(s, e.Judge))
	known(s, mux, ask.Operator, "say", heavy(s, e.Say))
	seen(s, mux, ask.Operator, "fixes", heavy(s, e.Fixes))
	known(s, mux, ask.Operator, "mend", heavy(s, e.Mend))
	known(s, mux, ask.Operator, "fetch", e.Fetch)
	seen(s, mux, ask.Operator, "fetching", e.Fetching)
	mux.HandleFunc("POST /watch", s.watching)
	s.forMachines(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, &ask.Error{Kind: ask.Unknown, Text: fmt.Sprintf("the engine side knows no question %s: page and engine side are of different versions; start upkeep hub anew", r.URL.Path)})
	})
	return mux
}

// look makes a question of what only looks, whoever asks.
func look[Q, A any](f func(context.Context, Q) (A, error)) func(context.Context, string, Q) (A, error) {
	return func(ctx context.Context, _ string, q Q) (A, error) { return f(ctx, q) }
}

// heavy has few questions of the kind answered at a time.
func heavy[Q, A any](s *Server, f func(context.Context, string, Q) (A, error)) func(context.Context, string, Q) (A, error) {
	return func(ctx context.Context, by string, q Q) (A, error) {
		select {
		case s.heavy <- struct{}{}:
			defer func() { <-s.heavy }()
			return f(ctx, by, q)
		case <-ctx.Done():
			var none A
			return none, context.Cause(ctx)
		}
	}
}

// known serves a question that only people with a session, and at least that role,
// may ask. One that takes more than a viewer changes something, and is noted.
func known[Q, A any](s *Server, mux *http.ServeMux, least ask.Role, name string, f func(context.Context, string, Q) (A, error)) {
	register(s, mux, least, least != ask.Viewer, name, f)
}

// seen serves a question that takes more than a viewer, and changes nothing all the
// same.
func seen[Q, A any](s *Server, mux *http.ServeMux, least ask.Role, name string, f func(context.Context, string, Q) (A, error)) {
	register(s, mux, least, false, name, f)
}

func register[Q, A any](s *Server, mux *http.ServeMux, least ask.Role, changes bool, name string, f func(context.Context, string, Q) (A, error)) {
	mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
		who, err := s.who(r.Header.Get(ask.SessionHeader))
		if err == nil && !who.Role.Covers(least) {
			err = &ask.Error{Kind: ask.Forbidden, Text: fmt.Sprintf("%s is %s here, and this takes the role %s: an administrator can give it", who.Name, who.Role, least)}
		}
		if err != nil {
			fail(w, err)
			return
		}
		answer(func(ctx context.Context, q Q) (A, error) {
			look := func() (A, error) { return within(ctx, who, q, f) }
			if !changes {
				return look()
			}
			return audited(ctx, s, who, name, q, look)
		})(w, r)
	})
}

func answer[Q, A any](f func(context.Context, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if err := read(w, r, &q); err != nil {
			fail(w, err)
			return
		}
		a, err := f(r.Context(), q)
		if err != nil {
			fail(w, err)
			return
		}
		reply(w, scrubbed(a))
	}
}

func read(w http.ResponseWriter, r *http.Request, q any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, questionMost))
	d.DisallowUnknownFields()
	if err := d.Decode(q); err != nil && !errors.Is(err, io.EOF) {
		return &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("the question %s cannot be read: %v", r.URL.Path, err)}
	}
	return nil
}

// watching answers with one line of JSON a beat.
func (s *Server) watching(w http.ResponseWriter, r *http.Request) {
	var q ask.WatchQuery
	who, err := s.who(r.Header.Get(ask.SessionHeader))
	if err == nil {
		err = read(w, r, &q)
	}
	if err == nil {
		err = concerns(who, q)
	}
	if err != nil {
		fail(w, err)
		return
	}
	select {
	case s.watch <- struct{}{}:
		defer func() { <-s.watch }()
	default:
		fail(w, &ask.Error{Kind: ask.Gone, Text: fmt.Sprintf("%d watch already: close a window, or look again later", watchMost)})
		return
	}
	ctl := http.NewResponseController(w)
	lines := json.NewEncoder(w)
	looked := time.Now()
	err = s.engine.Watch(r.Context(), q, func(b ask.Beat) error {
		if time.Since(looked) > watchAgain { // the session may have ended
			if err := s.people.Lasts(r.Header.Get(ask.SessionHeader)); err != nil {
				return err
			}
			looked = time.Now()
		}
		if err := ctl.SetWriteDeadline(time.Now().Add(30 * time.Second)); err != nil {
			return err
		}
		if err := lines.Encode(scrubbed(b)); err != nil {
			return err
		}
		return ctl.Flush()
	})
	if err != nil && r.Context().Err() == nil {
		_ = lines.Encode(map[string]*ask.Error{"error": told(err)}) // nobody may be there to read it
	}
}

func reply(w http.ResponseWriter, a any) {
	raw, err := json.Marshal(a)
	if err != nil {
		fail(w, fmt.Errorf("cannot write the answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(raw) // whoever asked has gone, otherwise
}

func fail(w http.ResponseWriter, err error) {
	e := scrubbed(told(err))
	raw, _ := json.Marshal(e) // strings only
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Kind.Status())
	_, _ = w.Write(raw) // likewise
}

// told makes an error one that can be told over the socket.
func told(err error) *ask.Error {
	var e *ask.Error
	if errors.As(err, &e) {
		return e
	}
	return &ask.Error{Kind: ask.Broken, Text: err.Error()}
}
