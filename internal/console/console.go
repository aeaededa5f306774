// Package console is the page: what people see of the hub in a browser. It asks
// the engine side through package ask, and makes HTML of the answers. It decides
// nothing, keeps nothing, and may end at any time. It imports package ask, the
// standard library, and what is below it.
package console

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"time"

	"upkeep/internal/console/api"
	"upkeep/internal/hub/ask"
)

// Engine is the engine side as the page needs it.
type Engine interface {
	Enter(ctx context.Context, code string) (ask.Entered, error)
	SignIn(ctx context.Context, s ask.SignIn) (ask.Entered, error)
	As(session string) ask.Asking
}

// Options of the page.
type Options struct {
	Engine Engine
	Hosts  []string // names with ports that browsers may call it by
	Secure bool     // it is served by TLS
	Keys   Keys     // for that
	Strict bool     // browsers are to come by TLS only from now on, on every port of the name
	Log    *slog.Logger
	Now    func() time.Time
	// Machines serves programs, by addresses of their own; nil: none.
	Machines *api.Machines
}

// Page answers browsers.
type Page struct {
	Options
	languages map[string]*language
	pages     map[string]map[string]*template.Template // by language and name
	static    map[string]asset
	streams   chan struct{} // taken by those who watch a run

	sendWithin time.Duration // a browser that takes longer for a piece of an answer is given up
}

// sendWithin is how long a browser may take for a piece of an answer.
const sendWithin = 20 * time.Second

// streamsMost is how many browsers may watch runs at a time.
const streamsMost = 500

// New makes the page.
func New(o Options) (*Page, error) {
	p := &Page{Options: o, streams: make(chan struct{}, streamsMost), sendWithin: sendWithin}
	var err error
	if p.static, err = assets(); err != nil {
		return nil, err
	}
	if p.languages, err = languages(); err != nil {
		return nil, err
	}
	if p.pages, err = p.parse(); err != nil {
		return nil, err
	}
	return p, nil
}

// Handler is the page with its guard.
func (p *Page) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /static/{name}", p.serveStatic)
	mux.HandleFunc("GET /enter", p.showEnter)
	mux.HandleFunc("POST /enter", p.enter)
	mux.HandleFunc("POST /signin", p.signIn)
	mux.HandleFunc("POST /leave", p.in(p.leave))
	mux.HandleFunc("GET /you", p.in(p.you))
	mux.HandleFunc("POST /you/password", p.in(p.setPassword))
	mux.HandleFunc("POST /you/leave", p.in(p.leaveAll))
	mux.HandleFunc("GET /people", p.in(p.people))
	mux.HandleFunc("POST /people", p.in(p.addPerson))
	mux.HandleFunc("POST /people/{name}", p.in(p.changePerson))
	mux.HandleFunc("GET /audit", p.in(p.audit))
	mux.HandleFunc("GET /{$}", p.in(p.overview))
	mux.HandleFunc("GET /i/{id}", p.in(p.installation))
	mux.HandleFunc("GET /i/{id}/runs", p.in(p.runs))
	mux.HandleFunc("GET /i/{id}/runs/{run}", p.in(p.run))
	mux.HandleFunc("GET /i/{id}/runs/{run}/live", p.live)
	mux.HandleFunc("GET /i/{id}/runs/{run}/log", p.in(p.log))
	mux.HandleFunc("POST /i/{id}/runs/{run}/resume", p.in(p.resume))
	mux.HandleFunc("POST /i/{id}/runs/{run}/decide", p.in(p.decide))
	mux.HandleFunc("POST /i/{id}/runs/{run}/done", p.in(p.done))
	mux.HandleFunc("GET /i/{id}/points", p.in(p.points))
	mux.HandleFunc("GET /i/{id}/drift", p.in(p.drift))
	mux.HandleFunc("GET /i/{id}/doctor", p.in(p.doctor))
	mux.HandleFunc("GET /i/{id}/upgrade", p.in(p.guided(ask.StageReady)))
	mux.HandleFunc("GET /i/{id}/upgrade/safety", p.in(p.guided(ask.StageSafety)))
	mux.HandleFunc("GET /i/{id}/upgrade/params", p.in(p.guided(ask.StageParams)))
	mux.HandleFunc("GET /i/{id}/upgrade/choices", p.in(p.guided(ask.StageChoices)))
	mux.HandleFunc("GET /i/{id}/upgrade/tasks", p.in(p.guided(ask.StageTasks)))
	mux.HandleFunc("POST /i/{id}/upgrade/tasks", p.in(p.say))
	mux.HandleFunc("GET /i/{id}/upgrade/review", p.in(p.review))
	mux.HandleFunc("POST /i/{id}/upgrade/review", p.in(p.judge))
	mux.HandleFunc("GET /i/{id}/upgrade/fixes", p.in(p.fixes))
	mux.HandleFunc("POST /i/{id}/upgrade/fixes", p.in(p.mend))
	mux.HandleFunc("GET /i/{id}/fetch", p.in(p.fetching))
	mux.HandleFunc("POST /i/{id}/fetch", p.in(p.fetch))
	mux.HandleFunc("GET /i/{id}/plan", p.in(p.plan))
	mux.HandleFunc("POST /i/{id}/start", p.in(p.start))
	mux.HandleFunc("GET /i/{id}/windows", p.in(p.windows))
	mux.HandleFunc("POST /i/{id}/unschedule", p.in(p.unschedule))
	mux.HandleFunc("POST /i/{id}/notify-test", p.in(p.notifyTest))
	p.screens(mux)
	mux.HandleFunc("/", p.in(func(v *visit) error {
		return &ask.Error{Kind: ask.Unknown, Text: v.t("error.nopage", "path", v.r.URL.Path)}
	}))
	if p.Machines != nil {
		return p.Machines.Around(p.guard(mux))
	}
	return p.guard(mux)
}

// Serve answers on a listener until ctx ends.
func (p *Page) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: p.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog:    slog.NewLogLogger(p.Log.Handler(), slog.LevelDebug), // browsers come and go
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	var bare *http.Server
	if p.Secure {
		srv.TLSConfig = p.tls()
		f := newFork(l, srv.TLSConfig)
		bare = &http.Server{Handler: http.HandlerFunc(p.toSecure), ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10, ErrorLog: srv.ErrorLog}
		go func() { _ = bare.Serve(branch{f, f.bare}) }() // it ends with the other one
		go func() {
			if err := f.run(); ctx.Err() == nil {
				p.Log.Error("the page takes no connections any more", "why", err)
			}
		}()
		l = branch{f, f.safe}
	}
	stop := context.AfterFunc(ctx, func() {
		srv.Close()
		if bare != nil {
			bare.Close()
		}
	})
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the page cannot answer any more: %w", err)
	}
	return nil
}
