package hub

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/hub/ask"
)

// folder keeps files in memory.
type folder map[string][]byte

func (f folder) Read(name string) ([]byte, error) {
	if raw, ok := f[name]; ok {
		return raw, nil
	}
	return nil, fs.ErrNotExist
}
func (f folder) Write(name string, raw []byte) error { f[name] = raw; return nil }
func (f folder) Remove(name string) error {
	_, err := f.Read(name)
	delete(f, name)
	return err
}
func (f folder) Names() ([]string, error) { return slices.Sorted(maps.Keys(f)), nil }

// TestTokens: a token is shown once, only its sum is kept, it ends, and nothing
// but the whole token is one.
func TestTokens(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	files := folder{}
	k := NewTokens(files, func() time.Time { return now })
	secret, made, err := k.Add(Token{Name: "grafana", Role: ask.Viewer, Only: "shop", By: "anna", Ends: now.AddDate(0, 0, 1)})
	if err != nil || !tokenShape.MatchString(secret) || made.Made.IsZero() {
		t.Fatalf("%q, %+v, %v", secret, made, err)
	}
	if raw := string(files["grafana"]); strings.Contains(raw, secret) || strings.Contains(raw, strings.TrimPrefix(secret, "upk_grafana_")) || !strings.Contains(raw, `"by":"anna"`) {
		t.Errorf("what is kept is %s", raw)
	}
	if who, err := k.Who(secret); err != nil || who != (ask.Person{Name: "token:grafana", Role: ask.Viewer, Only: "shop"}) {
		t.Errorf("%+v, %v", who, err)
	}
	wrong := strings.Map(func(r rune) rune {
		if r == 'A' {
			return 'B'
		}
		return r
	}, secret[:len(secret)-1]) + map[bool]string{true: "C", false: "D"}[!strings.HasSuffix(secret, "C")]
	for _, bad := range []string{"", "upk_", wrong, secret + "A", strings.ToLower(secret), strings.Replace(secret, "grafana", "other", 1), strings.Replace(secret, "grafana", "../grafana", 1), secret + "\n", " " + secret, made.Sum} {
		if who, err := k.Who(bad); ask.KindOf(err) != ask.Denied {
			t.Errorf("%q is %+v, %v", bad, who, err)
		}
	}
	now = now.AddDate(0, 0, 2)
	if _, err := k.Who(secret); ask.KindOf(err) != ask.Denied || !strings.Contains(err.Error(), "has ended on 2026-01-03") {
		t.Errorf("after its end: %v", err)
	}
	if list, err := k.List(); err != nil || len(list) != 1 || list[0].Name != "grafana" {
		t.Errorf("%v, %v", list, err)
	}
	if err := k.Remove("grafana"); err != nil {
		t.Error(err)
	}
	if _, err := k.Who(secret); ask.KindOf(err) != ask.Denied {
		t.Errorf("once removed: %v", err)
	}
	var mine *TokenError
	if err := k.Remove("grafana"); !errors.As(err, &mine) {
		t.Errorf("removing it again: %v", err)
	}
}

func TestTokenRefused(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	k := NewTokens(folder{"there": nil}, func() time.Time { return now })
	ends := now.AddDate(0, 1, 0)
	for _, tt := range []struct {
		t    Token
		want string
	}{
		{Token{Name: "../up", Role: ask.Viewer, Ends: ends}, "cannot be called"},
		{Token{Name: "Grafana", Role: ask.Viewer, Ends: ends}, "cannot be called"},
		{Token{Name: "-x", Role: ask.Viewer, Ends: ends}, "cannot be called"},
		{Token{Name: strings.Repeat("x", 41), Role: ask.Viewer, Ends: ends}, "cannot be called"},
		{Token{Name: "x\nAuthorization: y", Role: ask.Viewer, Ends: ends}, "cannot be called"},
		{Token{Name: "x", Role: "root", Ends: ends}, "no role"},
		{Token{Name: "x", Role: "", Ends: ends}, "no role"},
		{Token{Name: "x", Role: ask.Viewer, Ends: now}, "later than now"},
		{Token{Name: "x", Role: ask.Viewer, Ends: now.AddDate(3, 0, 0)}, "two years"},
		{Token{Name: "there", Role: ask.Viewer, Ends: ends}, "there is a token there already"},
	} {
		var mine *TokenError
		if secret, _, err := k.Add(tt.t); !errors.As(err, &mine) || !strings.Contains(err.Error(), tt.want) || secret != "" {
			t.Errorf("%+v: %q, %v, want %q", tt.t, secret, err, tt.want)
		}
	}
}

// FuzzToken: a file that is cut off, or another one's, is nobody; and never more
// than was made.
func FuzzToken(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	files := folder{}
	k := NewTokens(files, func() time.Time { return now })
	secret, made, err := k.Add(Token{Name: "x", Role: ask.Operator, Ends: now.AddDate(0, 1, 0)})
	if err != nil {
		f.Fatal(err)
	}
	whole := string(files["x"])
	f.Add(whole, secret)
	f.Add(whole[:40], secret)
	f.Add(strings.Replace(whole, "operator", "administrator", 1), secret)
	f.Add(`{"format":1,"name":"x","sum":""}`, "upk_x_")
	f.Fuzz(func(t *testing.T, raw, token string) {
		who, err := NewTokens(folder{"x": []byte(raw)}, func() time.Time { return now }).Who(token)
		if err != nil {
			return
		}
		var kept Token
		if json.Unmarshal([]byte(raw), &kept) != nil || kept.Sum != sumOf(token) || who.Role != kept.Role || !now.Before(kept.Ends) {
			t.Errorf("%q with %q is %+v; made was %+v", token, raw, who, made)
		}
	})
}
