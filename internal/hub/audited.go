package hub

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"upkeep/internal/hub/ask"
)

// Audit is the log of who has changed what. What cannot be begun in it is not
// done.
type Audit interface {
	// Begin notes, durably, what somebody is about to do.
	Begin(by, role, do string, on map[string]string) (n int64, err error)
	// End notes what has come of it.
	End(n int64, result, text string) error
	// Acts gives what was noted, latest first.
	Acts(q ask.AuditQuery) (ask.Audit, error)
}

// Auditing has every change noted in a log. A server without one notes nothing.
func (s *Server) Auditing(a Audit) *Server {
	s.audit = a
	return s
}

// audited carries out what a question changes, with a note before and after.
func audited[Q, A any](ctx context.Context, s *Server, who ask.Person, question string, q Q, f func() (A, error)) (A, error) {
	if s.audit == nil {
		return f()
	}
	var a A
	unnoted, err := note(s.audit, who.Name, string(who.Role), question, on(q), func() (text string, err error) {
		a, err = f()
		if started, ok := any(a).(ask.Started); ok && err == nil {
			text = "run " + started.Run
		}
		return text, err
	})
	if unnoted != nil {
		// the change was made all the same, and the log keeps the result for when it can
		// be written
		s.log.Error("the result of a change cannot be noted in the audit log yet", "by", who.Name, "do", question, "why", unnoted)
	}
	return a, err
}

// Note has a change noted before it is made and after; what cannot be noted before is
// not made.
func Note(a Audit, by, role, do string, on map[string]string, f func() error) error {
	unnoted, err := note(a, by, role, do, on, func() (string, error) { return "", f() })
	if unnoted != nil && err == nil {
		return &ask.Error{Kind: ask.Broken, Text: fmt.Sprintf("it is done, and its result cannot be noted in the audit log: %v", unnoted)}
	}
	return err
}

// note gives what the change gives, and what stood in the way of noting its result.
func note(a Audit, by, role, do string, on map[string]string, f func() (string, error)) (unnoted, err error) {
	n, err := a.Begin(by, role, do, on)
	if err != nil {
		return nil, notAudited(err)
	}
	text, err := f()
	if err != nil {
		return a.End(n, string(result(err)), told(err).Error()), err
	}
	return a.End(n, string(ask.ActDone), text), nil
}

func result(err error) ask.ActResult {
	switch ask.KindOf(err) {
	case ask.Broken, ask.Gone:
		return ask.ActFailed
	}
	return ask.ActRefused
}

// notAudited says that nothing was done since it could not be noted.
func notAudited(err error) error {
	var e *ask.Error
	if errors.As(err, &e) {
		return e
	}
	return &ask.Error{Kind: ask.Refused, Text: "the audit log cannot be written, and what is not noted is not done", Reasons: []string{err.Error(), "once there is room for it, try again; upgrades and decisions can be made in the terminal meanwhile"}}
}

// noted are the parts of questions that are noted. Everything else, secrets first of
// all, is not: a question that has more to say implements Noted.
func noted(key string) bool {
	switch key {
	case "installation", "run", "step", "choice", "why", "to", "digest", "onFailure", "name", "role", "point", "id", "kind", "what", "at", "from", "until",
		"window", "days", "channel", "unit", "hold", "fix", "symptom", "mode", "enabled", "scope", "scopes", "script", "check":
		return true
	}
	return false
}

// Noted is a question that says itself what of it is noted.
type Noted interface{ Noted() map[string]string }

// on names what a question is about.
func on(q any) map[string]string {
	if n, ok := q.(Noted); ok {
		return n.Noted()
	}
	out := map[string]string{}
	fields(reflect.ValueOf(q), out)
	return out
}

func fields(v reflect.Value, out map[string]string) {
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			fields(v.Field(i), out)
		case key == "waivers" && v.Field(i).Kind() == reflect.Map:
			for _, k := range v.Field(i).MapKeys() {
				out["waive "+k.String()] = v.Field(i).MapIndex(k).String()
			}
		case f.IsExported() && noted(key) && !v.Field(i).IsZero():
			out[key] = fmt.Sprint(v.Field(i).Interface())
		}
	}
}
