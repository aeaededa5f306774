package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"upkeep/internal/hub/ask"
)

const base = "/api/v1/installations/notes"

// TestRoutes asks everything once, and compares question and answer with the
// description. What is about one installation is answered to a token of that one,
// and to none of another one; the rest to neither.
func TestRoutes(t *testing.T) {
	c := contractOf(t, spec)
	s := open(t, false)
	mine, other := s.add("mine", ask.Administrator, "notes"), s.add("other", ask.Administrator, "shop")
	known := map[string]bool{}
	for _, tt := range asked() {
		known[tt.id] = true
		r, w := s.put(tt)
		if w.Code != tt.status || !strings.Contains(s.engine.told(), tt.heard) {
			t.Errorf("%s: %d %s; the engine side heard %q, want %d and %q", tt.id, w.Code, w.Body, s.engine.told(), tt.status, tt.heard)
			continue
		}
		if err := c.breaks(r, tt.body, w.Result()); err != nil {
			t.Errorf("%s: %v\n%s", tt.id, err, w.Body)
		}
		if tt.id == "who" || tt.id == "overview" {
			continue
		}
		for token, may := range map[string]bool{mine: strings.HasPrefix(tt.path, base), other: false} {
			_, w := s.put(tt, "Authorization", "Bearer "+token)
			if got := w.Code == tt.status; got != may || !may && (w.Code != http.StatusForbidden || s.engine.told() != "") {
				t.Errorf("%s by a token of one installation: %d %s; the engine side heard %q", tt.id, w.Code, w.Body, s.engine.told())
			}
		}
	}
	for _, rt := range s.m.routes() {
		if !known[rt.id] {
			t.Errorf("nobody has asked %s", rt.id)
		}
	}
	s.m.callers = map[string]*caller{}
	if got := s.do(s.request("POST", base+"/runs", `{"digest":"d"}`)).Header().Get("Location"); got != base+"/runs/r%2F9" {
		t.Errorf("a start leads to %s", got)
	}
	if got := s.do(s.request("GET", "/api/v1/openapi.json", "", "Authorization", "")).Body.Bytes(); !bytes.Equal(got, spec) {
		t.Errorf("the description is %.100s", got)
	}
}

// TestRoles: each question takes the role that the description says, and no lesser
// one.
func TestRoles(t *testing.T) {
	s := open(t, false)
	tokens := map[ask.Role]string{}
	for _, role := range ask.Roles() {
		tokens[role] = s.add("r-"+string(role), role, "")
	}
	least := map[string]ask.Role{}
	for _, rt := range s.m.routes() {
		least[rt.id] = cmp.Or(rt.role, ask.Viewer)
	}
	for _, tt := range asked() {
		for role, token := range tokens {
			_, w := s.put(tt, "Authorization", "Bearer "+token)
			if may := role.Covers(least[tt.id]); (w.Code == tt.status) != may || !may && w.Code != http.StatusForbidden {
				t.Errorf("%s by a %s: %d %s", tt.id, role, w.Code, w.Body)
			}
		}
	}
}

// TestRefused: what is refused is a problem with its kind and what to do now, and
// the engine side is asked nothing.
func TestRefused(t *testing.T) {
	s := open(t, false)
	viewer, shop := s.add("look", ask.Viewer, ""), s.add("shop", ask.Operator, "shop")
	json10 := `{"to":"` + strings.Repeat("x", bodyMost) + `"}`
	for _, tt := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		kind, want               string
	}{
		{"nobody", "GET", "/api/v1/overview", "", []string{"Authorization", ""}, 401, "denied", "there is no token"},
		{"a cookie", "GET", "/api/v1/overview", "", []string{"Authorization", "", "Cookie", "upkeep_session=" + s.token}, 401, "denied", "there is no token"},
		{"another scheme", "GET", "/api/v1/overview", "", []string{"Authorization", "Basic " + s.token}, 401, "denied", "is no token"},
		{"made up", "GET", "/api/v1/overview", "", []string{"Authorization", "Bearer upk_ci_ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, 401, "denied", "this token is none"},
		{"climbing by a token", "GET", "/api/v1/overview", "", []string{"Authorization", "Bearer upk_../../etc_ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, 401, "denied", "is no token"},
		{"a token in the address", "GET", "/api/v1/overview?token=" + s.token, "", nil, 400, "invalid", "addresses end up in logs"},
		{"a token in the address, otherwise", "GET", "/api/v1/overview?x=" + s.token, "", nil, 400, "invalid", "addresses end up in logs"},
		{"a key in the address", "GET", "/metrics?access_token=x", "", nil, 400, "invalid", "addresses end up in logs"},
		{"another name (DNS rebinding)", "GET", "/api/v1/overview", "", []string{"Host", "evil.example:8080"}, 421, "misdirected", "not called evil.example:8080"},
		{"our name on another port", "GET", "/metrics", "", []string{"Host", "127.0.0.1:9"}, 421, "misdirected", "not called"},
		{"another site's page asks first", "OPTIONS", "/api/v1/overview", "", []string{"Origin", "http://evil.example", "Access-Control-Request-Method", "GET"}, 405, "method", "takes GET"},
		{"a viewer starts", "POST", base + "/runs", `{"digest":"d"}`, []string{"Authorization", "Bearer " + viewer}, 403, "forbidden", "takes the role operator"},
		{"another installation", "GET", base + "/runs", "", []string{"Authorization", "Bearer " + shop}, 403, "forbidden", "about shop only"},
		{"starting another installation", "POST", base + "/runs", `{"digest":"d"}`, []string{"Authorization", "Bearer " + shop}, 403, "forbidden", "about shop only"},
		{"watching another installation", "GET", base + "/runs/r1/events", "", []string{"Authorization", "Bearer " + shop}, 403, "forbidden", "about shop only"},
		{"an unknown field", "POST", base + "/runs", `{"digest":"d","from":"/tmp/evil"}`, nil, 400, "invalid", "unknown field"},
		{"the installation in the body", "POST", base + "/plan", `{"installation":"shop"}`, nil, 400, "invalid", "unknown field"},
		{"two values", "POST", base + "/plan", `{} {}`, nil, 400, "invalid", "more behind"},
		{"no JSON", "POST", base + "/plan", `to=2.0`, nil, 400, "invalid", "cannot be read"},
		{"a form", "POST", base + "/plan", `to=2.0`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "media-type", "application/json"},
		{"nothing", "POST", base + "/plan", "", []string{"Content-Type", "application/json"}, 400, "invalid", "there is no body"},
		{"too long", "POST", base + "/plan", json10, nil, 413, "too-large", "at most 65536 bytes"},
		{"an unknown word behind the question mark", "GET", base + "/runs?sort=up", "", nil, 400, "invalid", `"sort"`},
		{"no number", "GET", base + "/runs?limit=all", "", nil, 400, "invalid", "limit is a number"},
		{"a key with a newline", "POST", base + "/runs", `{"digest":"d"}`, []string{"Idempotency-Key", "a\r\nSet-Cookie: x=y"}, 400, "invalid", "Idempotency-Key"},
		{"another method", "DELETE", base + "/runs/r1", "", nil, 405, "method", "takes GET"},
		{"no such address", "GET", "/api/v2/overview", "", nil, 404, "unknown", "nothing has this address"},
		{"the API alone", "GET", "/api", "", nil, 404, "unknown", "nothing has this address"},
		{"climbing out", "GET", "/api/v1/..%2f..%2fetc%2fpasswd", "", nil, 404, "unknown", "nothing has this address"},
		{"events asked for their head", "HEAD", base + "/runs/r1/events", "", nil, 405, "method", "takes GET"},
		{"events of no run", "GET", base + "/runs/none/events", "", nil, 404, "unknown", "no run none"},
		{"figures without a token", "GET", "/metrics", "", []string{"Authorization", ""}, 401, "denied", "there is no token"},
		{"figures posted", "POST", "/metrics", "", nil, 405, "method", "GET"},
		{"health posted", "POST", "/healthz", "", nil, 405, "method", "GET"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.engine.heard, s.m.callers = nil, map[string]*caller{}
			w := s.do(s.request(tt.method, tt.path, tt.body, tt.headers...))
			var p Problem
			if tt.method != "HEAD" {
				if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
					t.Fatalf("%d, no problem: %v\n%s", w.Code, err, w.Body)
				}
				if string(p.Kind) != tt.kind || p.Status != tt.status || p.Now == "" || p.Title == "" || p.Type != "/api/v1/problems/"+tt.kind || !strings.Contains(p.Detail, tt.want) {
					t.Errorf("%+v, want %s: %s", p, tt.kind, tt.want)
				}
			}
			if w.Code != tt.status || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %v", w.Code, w.Header())
			}
			if heard := s.engine.told(); heard != "" {
				t.Errorf("the engine side heard %s", heard)
			}
			for _, h := range []string{"Set-Cookie", "Access-Control-Allow-Origin", "Access-Control-Allow-Headers"} {
				if got := w.Header().Values(h); got != nil {
					t.Errorf("%s is %v", h, got)
				}
			}
			if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("the answer has no guard: %v", w.Header())
			}
			if w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" {
				t.Error("nobody is told how to say who asks")
			}
		})
	}
}

// TestHostilePath: an id is a name and nothing else, and what it holds is no
// header.
func TestHostilePath(t *testing.T) {
	s := open(t, false)
	w := s.do(s.request("GET", "/api/v1/installations/..%2f..%2fetc/runs/%0d%0aSet-Cookie:%20x=y", ""))
	if w.Code != 200 || s.engine.told() != `run ../../etc "\r\nSet-Cookie: x=y"` {
		t.Errorf("%d; the engine side heard %s", w.Code, s.engine.told())
	}
	w = s.do(s.request("POST", "/api/v1/installations/a%0d%0aSet-Cookie:%20x=y/runs", `{"digest":"d"}`))
	if got := w.Header().Get("Location"); w.Code != 201 || got != "/api/v1/installations/a%0D%0ASet-Cookie:%20x=y/runs/r%2F9" || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("%d, %q", w.Code, got)
	}
}

// TestErrors: every kind of the engine side's errors has its status and its page.
func TestErrors(t *testing.T) {
	s := open(t, false)
	for _, k := range ask.Kinds() {
		s.engine.fail = &ask.Error{Kind: k, Text: "it is so", Reasons: []string{"one", "two"}}
		w := s.do(s.request("GET", base+"/points", ""))
		var p Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Kind != k || p.Status != k.Status() || w.Code != k.Status() || p.Detail != "it is so" || len(p.Reasons) != 2 || p.Title == "" || p.Now == "" {
			t.Errorf("%s: %d %s %v", k, w.Code, w.Body, err)
		}
		if got := s.do(s.request("GET", p.Type, "", "Authorization", "")); got.Code != 200 || !strings.Contains(got.Body.String(), p.Now) {
			t.Errorf("%s leads to %d %s", p.Type, got.Code, got.Body)
		}
	}
	if got := s.do(s.request("GET", "/api/v1/problems/none", "")); got.Code != 404 {
		t.Errorf("a kind that is none: %d", got.Code)
	}
}

// TestOnceByKey: the key of the header is what makes a start happen once.
func TestOnceByKey(t *testing.T) {
	s := open(t, false)
	ask := func(key string) int {
		return s.do(s.request("POST", base+"/runs", `{"digest":"d"}`, "Idempotency-Key", key)).Code
	}
	if a, b, c := ask("k1"), ask(`"k1"`), ask("k2"); a != 201 || b != 201 || c != 201 {
		t.Errorf("%d %d %d", a, b, c)
	}
	if got := strings.Count(s.engine.told(), "start notes"); got != 2 {
		t.Errorf("two keys have made %d starts", got)
	}
}

// TestRate: a program that asks too often is told to wait, and no other one is.
func TestRate(t *testing.T) {
	s := open(t, false)
	other := s.add("other", ask.Viewer, "")
	var w = s.do(s.request("GET", "/api/v1/who", ""))
	for range 3 * burstMost {
		if w = s.do(s.request("GET", "/api/v1/who", "")); w.Code != 200 {
			break
		}
	}
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := s.do(s.request("GET", "/api/v1/who", "", "Authorization", "Bearer "+other)); w.Code != 200 {
		t.Errorf("another one gets %d", w.Code)
	}
	if len(s.m.callers) != 2 {
		t.Errorf("%d callers are remembered", len(s.m.callers))
	}
	for range 50 {
		s.do(s.request("GET", "/metrics", "", "Authorization", "Bearer upk_x_ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	}
	if len(s.m.callers) != 2 {
		t.Errorf("of tokens that are none %d are remembered", len(s.m.callers)-2)
	}
}

// TestTokenEnds: a token that is removed ends at once, also a session by it is
// none on the page's side of the socket.
func TestTokenEnds(t *testing.T) {
	s := open(t, false)
	if w := s.do(s.request("GET", "/api/v1/who", "")); w.Code != 200 || !strings.Contains(w.Body.String(), `"token:ci"`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := s.tokens.Remove("ci"); err != nil {
		t.Fatal(err)
	}
	if w := s.do(s.request("GET", "/api/v1/who", "")); w.Code != 401 {
		t.Errorf("once removed: %d %s", w.Code, w.Body)
	}
}

// TestHealth: the page lives though the engine side is gone, and is not ready.
func TestHealth(t *testing.T) {
	s := open(t, false)
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if w := s.do(s.request("GET", path, "", "Authorization", "")); w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	s.m.Engine = ask.NewClient(s.at+"-gone", nil)
	if w := s.do(s.request("GET", "/healthz", "")); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
	if w := s.do(s.request("GET", "/readyz", "")); w.Code != 503 || !strings.Contains(w.Body.String(), "does not answer") || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := s.do(s.request("GET", "/elsewhere", "")); w.Body.String() != thePage {
		t.Errorf("elsewhere is %s", w.Body)
	}
}
