package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"upkeep/internal/hub/ask"
)

// The kinds of problems that the engine side does not know.
const (
	misdirected ask.Kind = "misdirected"
	tooMany     ask.Kind = "too-many"
	large       ask.Kind = "too-large"
	mediaType   ask.Kind = "media-type"
	method      ask.Kind = "method"
)

// sort is what a kind of problem means.
type sort struct {
	kind   ask.Kind
	status int
	title  string
	now    string // what to do
}

// sorts lists the kinds of problems.
func sorts() []sort {
	own := []sort{
		{misdirected, http.StatusMisdirectedRequest, "The hub has another name", "Call it by one of the names in detail."},
		{tooMany, http.StatusTooManyRequests, "Too many requests", "Wait as long as Retry-After says, and ask less often: events tell what changes without asking."},
		{large, http.StatusRequestEntityTooLarge, "The body is too large", "Send less."},
		{mediaType, http.StatusUnsupportedMediaType, "The body is no JSON", "Send Content-Type: application/json."},
		{method, http.StatusMethodNotAllowed, "This address takes another method", "Use one of the methods in Allow."},
	}
	words := map[ask.Kind][2]string{
		ask.Unknown:   {"There is none", "GET /api/v1/overview lists the installations, and the runs of each are below it."},
		ask.Denied:    {"Nobody known asks", "Send Authorization: Bearer with a token; upkeep hub token add makes one on the hub's computer."},
		ask.Forbidden: {"The token may not do this", "Use a token with the role, or for the installation, that detail names."},
		ask.Refused:   {"Refused, and nothing was changed", "Mend what reasons name. POST …/check shows all that stands in the way."},
		ask.Busy:      {"A run is open", "One run at a time: follow that one, and ask again when it is over."},
		ask.Moved:     {"Things have moved on", "Nothing was changed. Look anew: ask for the plan again and start that one, or look at the run."},
		ask.Invalid:   {"The question is wrong", "Compare it with GET /api/v1/openapi.json."},
		ask.Gone:      {"The engine side does not answer", "Ask again when Retry-After has passed. A run goes on meanwhile."},
		ask.Broken:    {"Something is broken", "See detail; upkeep doctor, and the log of the hub, may say more."},
	}
	out := []sort{}
	for _, k := range ask.Kinds() {
		w := words[k]
		out = append(out, sort{k, k.Status(), w[0], w[1]})
	}
	return append(out, own...)
}

func sortOf(k ask.Kind) sort {
	for _, s := range sorts() {
		if s.kind == k {
			return s
		}
	}
	return sortOf(ask.Broken)
}

// Problem is what went wrong, as RFC 9457 has it.
type Problem struct {
	Type    string   `json:"type"`
	Title   string   `json:"title"`
	Status  int      `json:"status"`
	Detail  string   `json:"detail"`
	Kind    ask.Kind `json:"kind"`
	Reasons []string `json:"reasons,omitempty"`
	Now     string   `json:"now"` // what to do
}

func problemOf(err error) Problem {
	var e *ask.Error
	if !errors.As(err, &e) {
		e = &ask.Error{Kind: ask.Broken, Text: err.Error()}
	}
	s := sortOf(e.Kind)
	return Problem{Type: "/api/v1/problems/" + string(s.kind), Title: s.title, Status: s.status, Detail: e.Text, Kind: s.kind, Reasons: e.Reasons, Now: s.now}
}

// problem answers with what went wrong.
func problem(w http.ResponseWriter, err error) {
	p := problemOf(err)
	h := w.Header()
	switch p.Kind {
	case ask.Denied:
		h.Set("WWW-Authenticate", `Bearer realm="upkeep"`)
	case ask.Gone:
		h.Set("Retry-After", "5")
	case tooMany:
		h.Set("Retry-After", "1")
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	raw, _ := json.Marshal(p)         // strings only
	_, _ = w.Write(append(raw, '\n')) // who asked has gone, otherwise
}

func notAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	problem(w, &ask.Error{Kind: method, Text: "this address takes " + allow})
}

func tooLarge() error {
	return &ask.Error{Kind: large, Text: fmt.Sprintf("a body has at most %d bytes here", bodyMost)}
}

// explain tells what a kind of problem means, by its address.
func explain(w http.ResponseWriter, r *http.Request) {
	k := ask.Kind(r.PathValue("kind"))
	s := sortOf(k)
	if s.kind != k {
		problem(w, &ask.Error{Kind: ask.Unknown, Text: fmt.Sprintf("there is no kind of problem %q", k)})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "%s (%d %s)\n\n%s.\n%s\n", s.kind, s.status, http.StatusText(s.status), s.title, s.now)
}
