package manage

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestErrandState(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	e := Errand{ID: "e1", Kind: ErrandVerify, By: "anna", Point: "p"}
	file := func(lines ...errandLine) []byte {
		var b strings.Builder
		for _, l := range lines {
			raw, err := json.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(append(raw, '\n'))
		}
		return []byte(b.String())
	}
	first := errandLine{At: at, Errand: &e}
	going := []errandLine{first, {Stage: "a"}, {Done: 5, Total: 10, Part: "db"}, {Line: "one"}}
	over := append(going[:len(going):len(going)], errandLine{At: at.Add(time.Minute), Over: true, Error: "no"})
	for _, tt := range []struct {
		name string
		raw  []byte
		held int
		want *ErrandState
	}{
		{"nothing", nil, 0, nil},
		{"no beginning", file(errandLine{Stage: "a"}), 7, nil},
		{"under way", file(going...), 7, &ErrandState{Errand: e, Began: at, Process: 7, Stage: "a", Done: 5, Total: 10, Part: "db", Lines: []string{"one"}}},
		{"cut off", append(file(going...), `{"over":tr`...), 0, &ErrandState{Errand: e, Began: at, Stage: "a", Done: 5, Total: 10, Part: "db", Lines: []string{"one"}}},
		{"another stage", file(append(going[:3:3], errandLine{Stage: "b"})...), 7, &ErrandState{Errand: e, Began: at, Process: 7, Stage: "b"}},
		{"over", file(over...), 7, &ErrandState{Errand: e, Began: at, Ended: at.Add(time.Minute), Stage: "a", Done: 5, Total: 10, Part: "db", Lines: []string{"one"}, Error: "no"}},
	} {
		got := errandState(tt.raw, tt.held)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
		if got != nil && got.Interrupted() != (tt.name == "cut off") {
			t.Errorf("%s: interrupted %v", tt.name, got.Interrupted())
		}
	}
}

func FuzzErrandState(f *testing.F) {
	f.Add([]byte(`{"at":"2026-01-02T03:04:05Z","errand":{"id":"e","kind":"verify","by":"a"}}`+"\n"+`{"done":1,"total":2}`), 7)
	f.Fuzz(func(t *testing.T, raw []byte, held int) {
		if s := errandState(raw, held); s != nil && len(s.Lines) > errandLinesMost {
			t.Errorf("%d lines", len(s.Lines))
		}
	})
}

// TestUnasked: what shows, what a person must do and what asks is not for a button;
// of a span, all of it must be.
func TestUnasked(t *testing.T) {
	service := Remedy{Service: "web", Do: "restart"}
	for _, tt := range []struct {
		name string
		r    Remedy
		want bool
	}{
		{"a service", service, true},
		{"a command", Remedy{Command: []string{"true"}}, true},
		{"one that shows", Remedy{Command: []string{"df"}, Shows: true}, false},
		{"a sentence", Remedy{Text: "ask the board"}, false},
		{"waiting", Remedy{Wait: time.Minute}, true},
		{"one of ours that asks nothing", Remedy{Upkeep: []string{"mode", "normal", "--from", "x"}}, true},
		{"one that asks", Remedy{Upkeep: []string{"upgrade"}}, false},
		{"one whose name only begins so", Remedy{Upkeep: []string{"mode"}}, false},
		{"a span", Remedy{Stops: []string{"web"}, During: []Remedy{service, {Wait: time.Second}}}, true},
		{"a span with a person in it", Remedy{Stops: []string{"web"}, During: []Remedy{service, {Text: "look"}}}, false},
		{"a span with an upgrade in it", Remedy{Stops: []string{"web"}, During: []Remedy{{Upkeep: []string{"upgrade"}}}}, false},
	} {
		if got := tt.r.Unasked(); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	other := service
	other.Do = "stop"
	if service.Sum() == other.Sum() || service.Sum() != (Remedy{Service: "web", Do: "restart"}).Sum() {
		t.Error("a sum does not stand for what is done")
	}
}
