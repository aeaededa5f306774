package demo

import (
	"crypto/subtle"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// The markers in the data folder that switch the access modes, unless app.json
// of the tree names others. They are looked at with every request, so that a
// mode needs no restart.
const (
	MaintenanceMarker = "maintenance"
	ReadOnlyMarker    = "read-only"
	PrivateToken      = "private-token" // whose holder reads notes during maintenance
)

// PrivateHeader carries the content of PrivateToken.
const PrivateHeader = "X-Notes-Private"

// on says whether a marker is there. One that cannot be looked at counts:
// the safe side is to keep users out.
func (a *app) on(marker string) bool {
	_, err := os.Lstat(filepath.Join(a.data, marker))
	return !os.IsNotExist(err)
}

// reason is the first line of the maintenance marker.
func (a *app) reason() string {
	text, err := os.ReadFile(filepath.Join(a.data, a.release.maintenance))
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if err != nil || line == "" || len(line) > 300 {
		return "It is being looked after."
	}
	return line
}

// passes says whether a request is answered during maintenance.
func (a *app) passes(r *http.Request) bool {
	switch {
	case r.URL.Path == "/health" || r.URL.Path == "/version":
		return true
	case r.URL.Path != "/notes" || r.Method != http.MethodGet:
		return false
	}
	token, err := os.ReadFile(filepath.Join(a.data, PrivateToken))
	want := strings.TrimSpace(string(token))
	return err == nil && want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(r.Header.Get(PrivateHeader))) == 1
}

// guard keeps users out while a mode is on.
func (a *app) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case a.on(a.release.maintenance) && !a.passes(r):
			a.unavailable(w, r)
		case a.on(a.release.readOnly) && r.Method != http.MethodGet && r.Method != http.MethodHead:
			a.fail(w, http.StatusForbidden, "notes can be read, but not written for a moment")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (a *app) unavailable(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "10")
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		a.fail(w, http.StatusServiceUnavailable, a.reason())
		return
	}
	a.page(w, http.StatusServiceUnavailable, "maintenance.html", map[string]any{"Name": a.release.name, "Reason": a.reason()})
}
