package api

import (
	"context"
	_ "embed"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"upkeep/internal/hub/ask"
)

// spec describes the interface in OpenAPI. It is generated from the routes and the
// types of their answers: go test ./internal/console/api -update.
//
//go:embed openapi.json
var spec []byte

// param is a value that an address takes behind the question mark.
type param struct {
	name, text string
	words      []string // what it may be; nil: a number
}

// route is something that can be asked.
type route struct {
	method, path string
	id, summary  string
	text         string
	role         ask.Role
	query        []param
	key          bool     // takes an Idempotency-Key
	stream       bool     // answers with events
	files        []string // it answers with a file of these types
	body, answer any
	status       int
	do           func(*call) (any, error)
}

func (rt route) takes(name string) bool {
	return slices.ContainsFunc(rt.query, func(p param) bool { return p.name == name })
}

// Caller is the program that asks.
type Caller struct {
	Name string   `json:"name"`
	Role ask.Role `json:"role"`
	Only string   `json:"only,omitempty" jsonschema_description:"The one installation that its token is for"`
}

// Wish is the upgrade that a program has in mind.
type Wish struct {
	To        string            `json:"to,omitempty" jsonschema_description:"Version; without it the latest one that can be reached"`
	OnFailure string            `json:"onFailure,omitempty" jsonschema:"enum=origin,enum=stay" jsonschema_description:"Where a failure leads: back to where it began, or to the last milestone"`
	Waivers   map[string]string `json:"waivers,omitempty" jsonschema_description:"Checks that are accepted though they failed: each with the reason"`
	Outside   string            `json:"outsideWindow,omitempty" jsonschema_description:"Why it begins whatever the installation's windows say"`
	Only      []string          `json:"only,omitempty" jsonschema_description:"Components, or instances as COMPONENT@INSTANCE; without it the whole product"`
	Params    map[string]string `json:"params,omitempty" jsonschema_description:"Values that may change, none of them secret"`
	Choose    []string          `json:"choose,omitempty" jsonschema_description:"Features, beside those that are installed"`
	Rehearse  bool              `json:"rehearse,omitempty"`
	Prove     bool              `json:"prove,omitempty" jsonschema_description:"Compare in full on the way back"`
}

func (w Wish) of(id string) ask.Wish {
	return ask.Wish{Installation: id, To: w.To, OnFailure: w.OnFailure, Waivers: w.Waivers,
		Outside: w.Outside, Only: w.Only, Params: w.Params, Choose: w.Choose, Rehearse: w.Rehearse, Prove: w.Prove}
}

// Start is the yes to a plan.
type Start struct {
	Wish
	Digest string `json:"digest" jsonschema_description:"Of the plan that was shown, whole. If the plan is another one by now, nothing is started"`
}

// Decision is what is decided of a run.
type Decision struct {
	Step   string     `json:"step,omitempty" jsonschema_description:"That the run waits at; without it, back cancels the run before its barrier"`
	Choice ask.Choice `json:"choice"`
	Why    string     `json:"why,omitempty" jsonschema_description:"For the record"`
}

// Word says that a person's task is done.
type Word struct {
	Step string `json:"step" jsonschema_description:"Of the task"`
}

// look makes a route of a question about an installation.
func look[T any](rt route, f func(ask.Asking, context.Context, ask.Of) (T, error)) route {
	rt.answer = *new(T)
	rt.do = func(c *call) (any, error) { return f(c.ask, c.r.Context(), c.of()) }
	return rt
}

// posed makes a route of a question with a body.
func posed[B, A any](rt route, f func(*call, B) (A, error)) route {
	rt.method, rt.role, rt.body, rt.answer = http.MethodPost, ask.Operator, *new(B), *new(A)
	rt.do = func(c *call) (any, error) {
		b, err := body[B](c)
		if err != nil {
			return nil, err
		}
		return f(c, b)
	}
	return rt
}

const (
	one   = "/installations/{id}"
	aRun  = one + "/runs/{run}"
	waits = "It looks at the product itself: that can take minutes."
)

// routes lists what can be asked.
func (m *Machines) routes() []route {
	out := []route{
		{method: "GET", path: "/who", id: "who", summary: "Who asks, by the token", answer: Caller{},
			do: func(c *call) (any, error) { return Caller{c.who.Name, c.who.Role, c.who.Only}, nil }},
		{method: "GET", path: "/overview", id: "overview", summary: "All installations", answer: ask.Overview{},
			text: "With versions, the open run, the last one, restore points, and what somebody should see to.",
			do:   func(c *call) (any, error) { return c.ask.Overview(c.r.Context()) }},
		{method: "GET", path: one + "/runs", id: "runs", summary: "The runs, latest first", answer: ask.Runs{},
			query: []param{{name: "skip", text: "How many of the latest to leave out"}, {name: "limit", text: "How many to list at most: 50, or up to 500"}},
			do: func(c *call) (any, error) {
				skip, err := c.number("skip")
				if err != nil {
					return nil, err
				}
				limit, err := c.number("limit")
				if err != nil {
					return nil, err
				}
				return c.ask.Runs(c.r.Context(), ask.RunsQuery{Installation: c.id(), Skip: int(skip), Limit: int(limit)})
			}},
		{method: "GET", path: aRun, id: "run", summary: "One run with its steps", answer: ask.Run{},
			do: func(c *call) (any, error) { return c.ask.Run(c.r.Context(), c.run()) }},
		{method: "GET", path: aRun + "/log", id: "log", summary: "A part of a run's log", answer: ask.Log{},
			text:  "Whole lines, at most a mebibyte. Go on at next until it does not move any more.",
			query: []param{{name: "from", text: "Place in bytes; a negative one counts from the end"}},
			do: func(c *call) (any, error) {
				from, err := c.number("from")
				if err != nil {
					return nil, err
				}
				q := c.run()
				return c.ask.Log(c.r.Context(), ask.LogQuery{Installation: q.Installation, Run: q.Run, From: from})
			}},
		{method: "GET", path: aRun + "/events", id: "events", summary: "What happens in a run, as server-sent events", stream: true,
			text: "First where the run is, then what changes, until it is closed. Events: run (a Run, whenever steps begin or end), bar (a Bar), log (a Lines: further lines of the log), over (nothing more will come), error (a Problem; come back). " +
				"The id of an event is the place in the log: who comes back with it as Last-Event-ID misses no line.",
			query: []param{{name: "log", text: "Place in the log to begin at, in bytes"}}, do: m.events},
		look(route{method: "GET", path: one + "/points", id: "points", summary: "Restore points, newest first"}, ask.Asking.Points),
		look(route{method: "GET", path: one + "/drift", id: "drift", summary: "What differs from the vendor's standard", text: waits}, ask.Asking.Drift),
		look(route{method: "GET", path: one + "/doctor", id: "doctor", summary: "What is not as it should be, and what helps", text: waits}, ask.Asking.Doctor),
	}
	return slices.Concat(out, m.changes(), screens(), times(), wizard(), administration())
}

// changes lists what leads to a change, or changes something.
func (m *Machines) changes() []route {
	return []route{
		{method: "POST", path: one + "/check", id: "check", role: ask.Operator, summary: "What stands in the way of an upgrade", text: waits, body: Wish{}, answer: ask.Readiness{},
			do: func(c *call) (any, error) {
				w, err := body[Wish](c)
				if err != nil {
					return nil, err
				}
				return c.ask.Check(c.r.Context(), w.of(c.id()))
			}},
		{method: "POST", path: one + "/plan", id: "plan", role: ask.Operator, summary: "What an upgrade would do", text: "It changes nothing. " + waits, body: Wish{}, answer: ask.Plan{},
			do: func(c *call) (any, error) {
				w, err := body[Wish](c)
				if err != nil {
					return nil, err
				}
				return c.ask.Plan(c.r.Context(), w.of(c.id()))
			}},
		{method: "POST", path: one + "/runs", id: "start", role: ask.Operator, summary: "Start the plan that was shown", body: Start{}, answer: ask.Started{}, status: http.StatusCreated, key: true,
			text: "The same wish as of the plan, and the plan's digest. Location leads to the run. With an Idempotency-Key, asking again within 48 hours gives the run that was started, and never starts a second one.",
			do: func(c *call) (any, error) {
				y, err := body[Start](c)
				if err != nil {
					return nil, err
				}
				key, err := c.key()
				if err != nil {
					return nil, err
				}
				s, err := c.ask.Start(c.r.Context(), ask.Yes{Wish: y.of(c.id()), Digest: y.Digest, Key: key})
				if err == nil {
					c.w.Header().Set("Location", c.path("runs", segment(s.Run)))
				}
				return s, err
			}},
		{method: "POST", path: aRun + "/resume", id: "resume", role: ask.Operator, summary: "Carry an interrupted run on", answer: ask.Started{}, status: http.StatusAccepted,
			do: func(c *call) (any, error) { return c.ask.Resume(c.r.Context(), c.run()) }},
		{method: "POST", path: aRun + "/decide", id: "decide", role: ask.Operator, summary: "Decide what a run waits for, or cancel it", body: Decision{}, answer: ask.Started{}, status: http.StatusAccepted,
			do: func(c *call) (any, error) {
				d, err := body[Decision](c)
				if err != nil {
					return nil, err
				}
				return c.ask.Decide(c.r.Context(), ask.Decision{RunQuery: c.run(), Step: d.Step, Choice: d.Choice, Why: d.Why})
			}},
		{method: "POST", path: aRun + "/done", id: "done", role: ask.Operator, summary: "Say that a person's task is done", body: Word{}, answer: ask.Started{}, status: http.StatusAccepted,
			do: func(c *call) (any, error) {
				d, err := body[Word](c)
				if err != nil {
					return nil, err
				}
				return c.ask.Done(c.r.Context(), ask.Word{RunQuery: c.run(), Step: d.Step})
			}},
	}
}

// segment writes a name into an address.
func segment(name string) string { return url.PathEscape(name) }

// mux leads to the routes.
func (m *Machines) mux() http.Handler {
	const base = "/api/v1"
	mux := http.NewServeMux()
	methods := map[string][]string{base + "/openapi.json": {"GET"}, base + "/problems/{kind}": {"GET"}}
	for _, rt := range m.routes() {
		if rt.status == 0 {
			rt.status = http.StatusOK
		}
		mux.HandleFunc(rt.method+" "+base+rt.path, m.serve(rt))
		methods[base+rt.path] = append(methods[base+rt.path], rt.method)
	}
	mux.HandleFunc("GET "+base+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
		_, _ = w.Write(spec) // who asked has gone, otherwise
	})
	mux.HandleFunc("GET "+base+"/problems/{kind}", explain)
	for path, known := range methods {
		allow := strings.Join(known, ", ")
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { notAllowed(w, allow) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem(w, &ask.Error{Kind: ask.Unknown, Text: "nothing has this address: GET /api/v1/openapi.json lists all"})
	})
	return mux
}
