package run_test

import (
	"encoding/json"
	"strings"
	"testing"

	"upkeep/internal/run"
)

func TestAdmits(t *testing.T) {
	tests := []struct{ name, entries, decision, want string }{
		{"back to the origin", "a+ a=", "back0", ""},
		{"back to a milestone that was reached", "a+ a= m1 b+", "back1", ""},
		{"back to one that was not", "a+ a=", "back1", "has not reached"},
		{"back to one that is none", "a+ a= m1 b+", "back9", "has not reached"},
		{"back to the last, which has no landing", "a+ a= m1 b+ b= c+ c= m2", "back2", "no landing"},
		{"a choice while nothing waits", "a+", "retry:a", "nothing is to be decided"},
		{"a word that is no choice", "a+", "sing:a", "unknown choice"},
	}
	const two = "a m b c m | z^"
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := compose(two, "origin")
			s, err := run.Fold(p, tell(p, tt.entries))
			if err != nil {
				t.Fatal(err)
			}
			e := said(p, tt.decision)
			var d run.Decided
			if err := json.Unmarshal(e.Body, &d); err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := s.Admits(d); err != nil {
				got = err.Error()
			}
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("it says %q, want %q", got, tt.want)
			}
			// what is admitted can be folded, and nothing else
			e.Seq = s.Seq + 1
			if err := s.Apply(e); (err == nil) != (tt.want == "") {
				t.Errorf("folding it: %v", err)
			}
		})
	}
}

// A run that closes with its gate up would keep users out for good.
func TestAReopeningCannotBeSkipped(t *testing.T) {
	for params, want := range map[string]string{
		`{"reopen":"gate"}`:  "retry accept",
		`{"release":"hold"}`: "retry accept",
		`{"keepOld":1}`:      "retry skip",
	} {
		p := compose("a m | z^", "origin")
		for i := range p.Steps {
			if p.Steps[i].ID == "z" {
				p.Steps[i].Params = json.RawMessage(params)
			}
		}
		s, err := run.Fold(p, tell(p, "a+ a= m1 seal cross z+ z!"))
		if err != nil {
			t.Fatal(err)
		}
		a, waits := s.Waiting()
		var got []string
		for _, c := range a.Choices {
			got = append(got, string(c))
		}
		if !waits || strings.Join(got, " ") != want {
			t.Errorf("%s that failed offers %v, want %s", params, got, want)
		}
	}
}
