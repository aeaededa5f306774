package hub

import (
	"context"
	"net/http"
	"strings"

	"upkeep/internal/hub/ask"
)

// peopleQuestions are about who is there and who has an account.
func (s *Server) peopleQuestions(mux *http.ServeMux) {
	mux.HandleFunc("POST /enter", answer(func(ctx context.Context, e ask.Entry) (ask.Entered, error) {
		return entered(s, func() (ask.Entered, error) { return s.people.Enter(e.Code) }, "enter by a link", "")
	}))
	mux.HandleFunc("POST /signin", answer(func(ctx context.Context, q ask.SignIn) (ask.Entered, error) {
		return entered(s, func() (ask.Entered, error) { return s.people.SignIn(q) }, "sign in", q.From)
	}))
	mux.HandleFunc("POST /who", func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get(ask.SessionHeader)
		who, err := s.who(token)
		if err != nil {
			fail(w, err)
			return
		}
		if strings.HasPrefix(token, ask.TokenPrefix) {
			reply(w, who)
			return
		}
		if who.Renewed, err = s.people.Renew(token); err != nil {
			s.log.Warn("a session's secret cannot be exchanged", "name", who.Name, "why", err) // the one that there is stays good
		}
		reply(w, who)
	})
	none := struct{}{}
	mux.HandleFunc("POST /leave", mine(func(_ context.Context, token string, _ struct{}) (struct{}, error) {
		return none, s.people.Leave(token)
	}))
	mux.HandleFunc("POST /leave-all", mine(func(ctx context.Context, token string, q struct{}) (struct{}, error) {
		return own(ctx, s, token, "leave-all", q, func() (struct{}, error) { return none, s.people.LeaveAll(token) })
	}))
	mux.HandleFunc("POST /password", mine(func(ctx context.Context, token string, q ask.Password) (ask.Entered, error) {
		return own(ctx, s, token, "password", q, func() (ask.Entered, error) { return s.people.SetPassword(token, q) })
	}))
	seen(s, mux, ask.Administrator, "people", func(context.Context, string, struct{}) (ask.People, error) { return s.people.List() })
	known(s, mux, ask.Administrator, "person-add", func(_ context.Context, by string, q ask.Person) (ask.Invitation, error) {
		return s.people.Add(by, q.Name, q.Role)
	})
	known(s, mux, ask.Administrator, "person-link", func(_ context.Context, _ string, q ask.Name) (ask.Invitation, error) { return s.people.Invite(q.Name) })
	known(s, mux, ask.Administrator, "person-role", func(_ context.Context, _ string, q ask.Person) (struct{}, error) {
		return none, s.people.SetRole(q.Name, q.Role)
	})
	known(s, mux, ask.Administrator, "person-remove", func(_ context.Context, _ string, q ask.Name) (struct{}, error) { return none, s.people.Remove(q.Name) })
	known(s, mux, ask.Administrator, "person-leave", func(_ context.Context, _ string, q ask.Name) (struct{}, error) {
		return none, s.people.EndSessions(q.Name)
	})
	seen(s, mux, ask.Administrator, "audit", func(_ context.Context, _ string, q ask.AuditQuery) (ask.Audit, error) {
		if s.audit == nil {
			return ask.Audit{}, &ask.Error{Kind: ask.Unknown, Text: "this hub keeps no audit log"}
		}
		return s.audit.Acts(q)
	})
}

// mine serves what somebody asks about the own session.
func mine[Q, A any](f func(ctx context.Context, token string, q Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer(func(ctx context.Context, q Q) (A, error) { return f(ctx, r.Header.Get(ask.SessionHeader), q) })(w, r)
	}
}

// own is what somebody changes of the own account.
func own[Q, A any](ctx context.Context, s *Server, token, name string, q Q, f func() (A, error)) (A, error) {
	who, err := s.people.Who(token)
	if err != nil {
		var none A
		return none, err
	}
	return audited(ctx, s, who, name, q, f)
}

// entered notes who has come in. A session that is in no log is none.
func entered(s *Server, enter func() (ask.Entered, error), do, from string) (ask.Entered, error) {
	in, err := enter()
	if err != nil || s.audit == nil {
		return in, err
	}
	on := map[string]string{}
	if from != "" {
		on["from"] = from
	}
	if err := Note(s.audit, in.Name, string(in.Role), do, on, func() error { return nil }); err != nil {
		_ = s.people.Leave(in.Session) // nobody was given it
		return ask.Entered{}, err
	}
	return in, nil
}
