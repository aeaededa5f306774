// Package api is the hub for programs: an HTTP interface under /api/v1 that asks
// what the page asks, metrics for Prometheus, and whether the hub lives. Programs
// say who they are by a token; cookies are none here. It imports packages ask and
// sse, the standard library, and a limiter of rates.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"upkeep/internal/hub/ask"
)

// Engine is the engine side as programs need it.
type Engine interface {
	AsToken(token string) ask.Asking
	Figures(ctx context.Context, token string) (ask.Overview, error)
	Ready(ctx context.Context) error
}

// Options of the interface.
type Options struct {
	Engine      Engine
	Hosts       []string // names with ports that programs may call it by
	Strict      bool     // it is to be called by TLS only from now on
	Log         *slog.Logger
	OpenMetrics bool // programs of this computer get metrics without a token
}

// streamsMost is how many programs may watch runs at a time. The engine side has
// room for them beside the page's.
const streamsMost = 100

// answerWithin bounds an answer; what looks at a product may take that long.
const answerWithin = 10 * time.Minute

// Machines answers programs. It is safe for use by several goroutines.
type Machines struct {
	Options
	api     http.Handler
	streams chan struct{} // taken by those who watch a run

	mu      sync.Mutex
	callers map[string]*caller // by the name of the token
	counts  counts
}

// New makes it.
func New(o Options) *Machines {
	m := &Machines{Options: o, streams: make(chan struct{}, streamsMost), callers: map[string]*caller{}, counts: newCounts()}
	m.api = m.mux()
	return m
}

// Around serves programs by the addresses that are theirs, and everything else by
// the page; it counts both.
func (m *Machines) Around(page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &counted{ResponseWriter: w, m: m, part: "page", began: time.Now()}
		defer c.end()
		switch path := r.URL.Path; {
		case path == "/api" || strings.HasPrefix(path, "/api/"):
			c.part = "api"
			m.guard(m.api).ServeHTTP(c, r)
		case path == "/metrics":
			c.part = "metrics"
			m.guard(http.HandlerFunc(m.metrics)).ServeHTTP(c, r)
		case path == "/healthz" || path == "/readyz":
			c.part = "health"
			m.guard(http.HandlerFunc(m.health)).ServeHTTP(c, r)
		default:
			page.ServeHTTP(c, r)
		}
	})
}

// guard stands before everything: names that are not ours (DNS rebinding), tokens
// in addresses, long bodies and slow readers.
func (m *Machines) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if m.Strict {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerWithin)) // tests have none
		switch {
		case !slices.Contains(m.Hosts, strings.ToLower(r.Host)):
			problem(w, &ask.Error{Kind: misdirected, Text: "this hub is not called " + strings.ToValidUTF8(r.Host, "?") + ": it is " + strings.Join(m.Hosts, ", ")})
		case tokenInAddress(r):
			problem(w, &ask.Error{Kind: ask.Invalid, Text: "there is a token in the address, and addresses end up in logs: remove it with upkeep hub token remove, make another one, and send that as Authorization: Bearer"})
		case r.ContentLength > bodyMost:
			h.Set("Connection", "close")
			problem(w, tooLarge())
		default:
			r.Body = http.MaxBytesReader(w, r.Body, bodyMost)
			next.ServeHTTP(w, r)
		}
	})
}

// tokenInAddress says whether somebody has put a token where it does not belong.
func tokenInAddress(r *http.Request) bool {
	if strings.Contains(r.URL.Path, "upk_") || strings.Contains(r.URL.RawQuery, "upk_") {
		return true
	}
	for name := range r.URL.Query() {
		if slices.Contains([]string{"token", "access_token", "api_key", "apikey", "key", "authorization"}, strings.ToLower(name)) {
			return true
		}
	}
	return false
}

func (m *Machines) health(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		notAllowed(w, "GET, HEAD")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if r.URL.Path == "/healthz" {
		_, _ = w.Write([]byte("ok\n")) // who asked has gone, otherwise
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := m.Engine.Ready(ctx); err != nil {
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(err.Error() + "\n")) // likewise
		return
	}
	_, _ = w.Write([]byte("ready\n")) // likewise
}
