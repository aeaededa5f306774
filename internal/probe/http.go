package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxBody is the most that is read of an answer.
const maxBody = 4 << 20

// readHTTP: the body of an answer, or what a selector takes out of it. An
// answer of another status than the wanted one is no value. Redirects are not
// followed unless the probe says so: a way to the login page proves nothing.
func readHTTP(ctx context.Context, e *Evaluator, q query) (Value, error) {
	request, err := e.request(ctx, q)
	if err != nil {
		return Value{}, err
	}
	client := http.Client{Transport: e.deps.Transport, CheckRedirect: redirects(q)}
	response, err := client.Do(request)
	if err != nil {
		var u *url.Error // names the address with what may be secret in it
		if errors.As(err, &u) {
			err = u.Err
		}
		return Value{}, unreadable("", netCause(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return Value{}, unreadable("", fmt.Errorf("the answer broke off: %w", netCause(err)))
	}
	if len(body) > maxBody {
		return Value{}, unreadable("", fmt.Errorf("the answer is longer than %d bytes", maxBody))
	}
	evidence := fmt.Sprintf("%s answers %d", address(q.arg), response.StatusCode)
	if !wantedStatus(q, response.StatusCode) {
		return Value{Evidence: fmt.Sprintf("%s, not %s", evidence, statusWanted(q))}, nil
	}
	v, err := q.pick(body, true)
	if err != nil {
		return Value{}, unreadable("", err)
	}
	if v.Evidence = evidence; !v.Present {
		v.Evidence += " without a body"
		if q.Select != "" {
			v.Evidence = fmt.Sprintf("%s without %s", evidence, oneLine(q.Select, 60))
		}
	}
	return v, nil
}

func (e *Evaluator) request(ctx context.Context, q query) (*http.Request, error) {
	method := http.MethodGet
	if m := q.Params["method"]; m != "" {
		method = strings.ToUpper(m)
	}
	var body io.Reader
	if text, set := q.Params["body"]; set {
		body = strings.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, q.arg, body)
	if err != nil {
		return nil, malformed("it cannot be asked for: method or address is wrong")
	}
	request.Close = true // a product that is stopping must not wait for us
	request.Header.Set("User-Agent", "upkeep-probe")
	for key, value := range q.Params {
		if name, is := strings.CutPrefix(key, "header."); is && strings.EqualFold(name, "Host") {
			request.Host = value
		} else if is {
			request.Header.Set(name, value)
		}
	}
	if q.Password == nil {
		return request, nil
	}
	if e.deps.Secrets == nil {
		return nil, unreadable("", errors.New("no secrets can be read here"))
	}
	secret, err := e.deps.Secrets(ctx, *q.Password)
	if err != nil {
		return nil, unreadable("", fmt.Errorf("cannot read its password: %w", err))
	}
	if name := q.Params["secret-header"]; name != "" {
		request.Header.Set(name, secret)
	} else {
		request.SetBasicAuth(q.Params["user"], secret)
	}
	return request, nil
}

// redirects: followed on the same host only, at most five times.
func redirects(q query) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		if q.Params["redirects"] != "follow" || len(via) > 5 || next.URL.Host != via[0].URL.Host {
			return http.ErrUseLastResponse
		}
		return nil
	}
}

func statusWanted(q query) string {
	if s := q.Params["status"]; s != "" {
		return s
	}
	return "200"
}

// wantedStatus: one or several, as in "200, 204" or "2xx".
func wantedStatus(q query, code int) bool {
	for s := range strings.SplitSeq(statusWanted(q), ",") {
		if s = strings.TrimSpace(s); s == strconv.Itoa(code) || s == strconv.Itoa(code/100)+"xx" {
			return true
		}
	}
	return false
}

func checkHTTP(q query) error {
	u, err := url.Parse(q.arg)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return malformed("it needs an address such as http://127.0.0.1:8080/health")
	case u.User != nil:
		return malformed("its address holds an account: write user and password beside it, the password as a reference")
	case q.Params["redirects"] != "" && q.Params["redirects"] != "follow" && q.Params["redirects"] != "refuse":
		return malformed("redirects is follow or refuse, not %q", q.Params["redirects"])
	case q.Password != nil && q.Params["user"] == "" && q.Params["secret-header"] == "":
		return malformed("it has a password, but neither user nor secret-header")
	case q.Password == nil && (q.Params["user"] != "" || q.Params["secret-header"] != ""):
		return malformed("it has a user or secret-header, but no password")
	}
	for s := range strings.SplitSeq(statusWanted(q), ",") {
		s = strings.TrimSpace(s)
		if code, err := strconv.Atoi(strings.Replace(s, "xx", "00", 1)); err != nil || len(s) != 3 || code < 100 || code > 599 {
			return malformed("status %q is none: write 200, or several as in 200, 204, or 2xx", s)
		}
	}
	methods := []string{"", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	if !slices.Contains(methods, strings.ToUpper(q.Params["method"])) {
		return malformed("%q is no method of HTTP", q.Params["method"])
	}
	return nil
}

// address is a URL without account, query and fragment, which may be secret.
func address(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}
