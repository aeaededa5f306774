package hub

import (
	"context"
	"net/http"

	"upkeep/internal/hub/ask"
)

// screens serves what the screens beside the wizard ask for.
func (s *Server) screens(mux *http.ServeMux) {
	e := s.engine
	known(s, mux, ask.Viewer, "errand", look(e.Errand))
	known(s, mux, ask.Viewer, "batch", func(ctx context.Context, _ string, _ struct{}) (ask.Batch, error) { return e.Batch(ctx) })
	known(s, mux, ask.Viewer, "settings", look(e.Settings))
	known(s, mux, ask.Viewer, "singles", look(e.Singles))
	known(s, mux, ask.Viewer, "report", heavy(s, look(e.Report)))
	known(s, mux, ask.Operator, "refresh", heavy(s, e.Refresh))
	known(s, mux, ask.Operator, "send", e.Send)
	seen(s, mux, ask.Operator, "outlook", heavy(s, e.Outlook))
	seen(s, mux, ask.Operator, "return", heavy(s, e.Return))
	known(s, mux, ask.Operator, "take-back", heavy(s, s.once(e.TakeBack)))
	known(s, mux, ask.Operator, "start-all", s.allOnce(e.StartAll))
	known(s, mux, ask.Operator, "support", heavy(s, e.Support))
}
