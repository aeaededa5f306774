package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"upkeep/internal/plan"
)

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/version", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"version": "2.3.4", "list": [{"id": 7}]}`)
	})
	mux.HandleFunc("/page", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<h1>Notes 1.0</h1>") })
	mux.HandleFunc("/empty", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
	mux.HandleFunc("/closed", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "closed", 503) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/version", 302) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", 302) })
	mux.HandleFunc("/abroad", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/", 302)
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "short")
	})
	mux.HandleFunc("/hang", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/flood", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(w, zeros{}, maxBody+1)
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		fmt.Fprintf(w, "%s %s %s|%s|%s|%s|%s", r.Method, r.Host, body, r.Header.Get("X-One"), r.Header.Get("X-Token"), user, password)
	})
	return mux
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestHTTP(t *testing.T) {
	s := httptest.NewServer(handler())
	defer s.Close()
	e := New(Deps{Secrets: func(_ context.Context, ref plan.SecretRef) (string, error) {
		if ref.Env == "MISSING" {
			return "", errors.New("MISSING is not set")
		}
		return "s3cret", nil
	}})
	secret := func(p plan.Probe, env string) plan.Probe {
		p.Password = &plan.SecretRef{Env: env}
		return p
	}
	host := strings.TrimPrefix(s.URL, "http://")
	for _, r := range []row{
		{p: probe("http", s.URL+"/version", "select=version", "expect=2.3.4"), ok: true, got: "2.3.4", evidence: s.URL + "/version answers 200"},
		{p: probe("http", s.URL+"/version", "select=list.0.id", "expect=> 6"), ok: true, got: "7"},
		{p: probe("http", s.URL+"/version", "select=missing"), got: "none", evidence: "without missing"},
		{p: probe("http", s.URL+"/page", "select=Notes ([0-9.]+)", "expect=1.0"), ok: true, got: "1.0"},
		{p: probe("http", s.URL+"/page", "expect=/<h1>Notes/"), ok: true, got: "<h1>Notes 1.0</h1>"},
		{p: probe("http", s.URL+"/page", "expect=/Something else/"), got: "<h1>Notes 1.0</h1>"},
		{p: probe("http", s.URL+"/empty"), got: "none", evidence: "answers 204, not 200"},
		{p: probe("http", s.URL+"/empty", "status=200, 204"), ok: true, got: ""},
		{p: probe("http", s.URL+"/empty", "status=2xx", "expect=none"), ok: true, got: "none"},
		{p: probe("http", s.URL+"/closed"), got: "none", evidence: "answers 503, not 200"},
		{p: probe("http", s.URL+"/closed", "status=503", "expect=closed"), ok: true, got: "closed"},
		{p: probe("http", s.URL+"/absent", "status=404"), ok: true, got: "404 page not found"},
		{p: probe("http", s.URL+"/moved"), got: "none", evidence: "answers 302"},
		{p: probe("http", s.URL+"/moved", "redirects=follow", "select=version"), ok: true, got: "2.3.4"},
		{p: probe("http", s.URL+"/loop", "redirects=follow"), got: "none", evidence: "answers 302"},
		{p: probe("http", s.URL+"/abroad", "redirects=follow"), got: "none", evidence: "answers 302"},
		{p: probe("http", s.URL+"/broken"), err: "the answer broke off"},
		{p: probe("http", s.URL+"/flood"), err: "the answer is longer than"},
		{p: probe("http", s.URL+"/hang", "timeout=50ms"), err: "no answer within 50ms"},
		{p: probe("http", s.URL+"/echo", "method=post", "body=x=1", "header.X-One=1", "header.Host=notes.example"), ok: true, got: "POST notes.example x=1|1|||"},
		{p: secret(probe("http", s.URL+"/echo", "user=admin"), "P"), ok: true, got: "GET " + host + " |||admin|s3cret"},
		{p: secret(probe("http", s.URL+"/echo", "secret-header=X-Token"), "P"), ok: true, got: "GET " + host + " ||s3cret||"},
		{p: secret(probe("http", s.URL+"/echo", "user=admin"), "MISSING"), err: "cannot read its password: MISSING is not set"},
		{p: secret(probe("http", s.URL+"/echo"), "P"), err: "neither user nor secret-header"},
		{p: probe("http", s.URL+"/echo", "user=admin"), err: "but no password"},
		{p: probe("http", "http://user:pw@"+host+"/"), err: "its address holds an account"},
		{p: probe("http", "ftp://"+host+"/"), err: "it needs an address such as"},
		{p: probe("http", s.URL, "status=20"), err: `status "20" is none`},
		{p: probe("http", s.URL, "method=BREW"), err: `"BREW" is no method`},
		{p: probe("http", s.URL, "redirects=yes"), err: "redirects is follow or refuse"},
		{p: probe("http", s.URL, "timeout=1h"), err: "is no time of at most"},
		{p: probe("http", s.URL, "timeout=soon"), err: "is no time of at most"},
	} {
		r.check(t, e)
	}
}

func TestHTTPNobodyThere(t *testing.T) {
	s := httptest.NewServer(handler())
	s.Close()
	e := New(Deps{})
	_, err := e.Check(t.Context(), probe("http", s.URL+"/version?token=hidden", "expect=none"))
	if !errors.Is(err, ErrUnreadable) || Permanent(err) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
	if strings.Contains(err.Error(), "hidden") {
		t.Errorf("the error shows the query: %v", err)
	}
}

func TestPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	open := l.Addr().String()
	_, number, _ := net.SplitHostPort(open)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	defer l.Close()
	e := New(Deps{})
	for _, r := range []row{
		{p: probe("port", open), ok: true, got: "open"},
		{p: probe("tcp", number), ok: true, got: "open"},
		{p: probe("port", open, "expect=none"), got: "open"},
		{p: probe("port", closed.Addr().String()), got: "none", evidence: "refuses connections"},
		{p: probe("port", closed.Addr().String(), "expect=none"), ok: true, got: "none"},
		{p: probe("port", "host.invalid:80"), err: "cannot read port host.invalid:80"},
		{p: probe("port", "127.0.0.1:http"), err: "is no port"},
		{p: probe("port", "0"), err: "is no port"},
		{p: probe("port", "::1:2:3"), err: "is no HOST:PORT"},
	} {
		r.check(t, e)
	}
}

// The connection of the port probe is the one that passes the gate.
func TestPortDialsAsTold(t *testing.T) {
	dialled := ""
	e := New(Deps{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled = network + " " + address
		return nil, errors.New("told to fail")
	}})
	row{p: probe("port", "8080"), err: "told to fail"}.check(t, e)
	if dialled != "tcp 127.0.0.1:8080" {
		t.Errorf("dialled %q", dialled)
	}
}
