package hub

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/hub/ask"
)

func TestScrub(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const evil = "a\x1b[2Jb\u202ec\r\u2028d\ne\tf"
	const good = "a [2Jb c  d\ne\tf"
	run := &ask.Run{RunRow: ask.RunRow{ID: evil, Opened: at}, Steps: []ask.Step{{Title: evil, Status: ask.Status(evil)}}, Why: &ask.Why{Text: evil}, Points: []string{evil}}
	before := *run
	before.Steps = slices.Clone(run.Steps)
	got := scrubbed(run)
	want := &ask.Run{RunRow: ask.RunRow{ID: good, Opened: at}, Steps: []ask.Step{{Title: good, Status: good}}, Why: &ask.Why{Text: good}, Points: []string{good}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(&before, run); d != "" || run.Why.Text != evil {
		t.Errorf("the answer itself is changed: %s", d)
	}
	w := &ask.Wish{Waivers: map[string]string{"c": evil}}
	if got := scrubbed(w); got.Waivers["c"] != good {
		t.Errorf("in a map: %q", got.Waivers["c"])
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("\x00\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		b := scrubbed(ask.Beat{Lines: []string{text}})
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.Lines[0], "\x1b\x00\r\u202e\u2028") {
			t.Errorf("%q is left", raw)
		}
	})
}
