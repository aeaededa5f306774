package hub

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"upkeep/internal/hub/ask"
)

// machines is what the server has for programs that ask.
type machines struct {
	tokens *Tokens
	starts *Starts
	open   bool // figures need no token
}

// ForMachines lets programs ask that have a token, has starts that bear a key
// happen once, and says whether figures are given to whoever asks.
func (s *Server) ForMachines(tokens *Tokens, starts *Starts, openFigures bool) *Server {
	s.machines = machines{tokens, starts, openFigures}
	return s
}

// who tells who asks: a person with a session, or a machine with a token.
func (s *Server) who(session string) (ask.Person, error) {
	token, machine := strings.CutPrefix(session, ask.TokenPrefix)
	switch {
	case !machine:
		return s.people.Who(session)
	case s.tokens == nil:
		return ask.Person{}, errToken()
	}
	return s.tokens.Who(token)
}

// concerns says why a question is none for whoever may ask about one
// installation only.
func concerns(who ask.Person, q any) error {
	if who.Only == "" {
		return nil
	}
	about, ok := q.(interface{ About() string })
	switch {
	case !ok:
		return &ask.Error{Kind: ask.Forbidden, Text: fmt.Sprintf("%s may ask about %s only, and this is about the whole computer", who.Name, who.Only)}
	case about.About() != who.Only:
		return &ask.Error{Kind: ask.Forbidden, Text: fmt.Sprintf("%s may ask about %s only", who.Name, who.Only)}
	}
	return nil
}

// within asks for somebody, and gives of an overview what concerns them.
func within[Q, A any](ctx context.Context, who ask.Person, q Q, f func(context.Context, string, Q) (A, error)) (A, error) {
	part, overview := any(*new(A)).(interface{ Only(string) A })
	if !overview {
		if err := concerns(who, q); err != nil {
			return *new(A), err
		}
	}
	a, err := f(ctx, who.Name, q)
	if err != nil || !overview || who.Only == "" {
		return a, err
	}
	part, _ = any(a).(interface{ Only(string) A })
	return part.Only(who.Only), nil
}

// forMachines serves what no person asks. Neither says anything about a product
// that was not counted.
func (s *Server) forMachines(mux *http.ServeMux) {
	mux.HandleFunc("POST /ready", answer(func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }))
	figures := func(ctx context.Context, _ string, _ struct{}) (ask.Overview, error) {
		o, err := s.engine.Overview(ctx)
		return o.Figures(), err
	}
	mux.HandleFunc("POST /figures", func(w http.ResponseWriter, r *http.Request) {
		session := r.Header.Get(ask.SessionHeader)
		who := ask.Person{Role: ask.Viewer}
		var err error
		if session != "" || !s.machines.open {
			who, err = s.who(session)
		}
		if err != nil {
			fail(w, err)
			return
		}
		answer(func(ctx context.Context, q struct{}) (ask.Overview, error) { return within(ctx, who, q, figures) })(w, r)
	})
}
