package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"upkeep/internal/hub/ask"
)

// ServeLinks makes one-time links for processes of the account until ctx ends. It
// has a socket of its own, which the page cannot reach.
func ServeLinks(ctx context.Context, l net.Listener, account int, log *slog.Logger, link func(by string) (string, error)) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /link", answer(func(_ context.Context, q ask.LinkQuery) (ask.NewLink, error) {
		if q.By == "" {
			return ask.NewLink{}, &ask.Error{Kind: ask.Invalid, Text: "nobody is named whose link it is to be"}
		}
		text, err := link(q.By)
		return ask.NewLink{Link: text}, err
	}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(&guarded{Listener: l, accounts: []int{account}, log: log}); !errors.Is(err, http.ErrServerClosed) && ctx.Err() == nil {
		return fmt.Errorf("cannot make links any more: %w", err)
	}
	return nil
}
