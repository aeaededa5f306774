package run_test

import (
	"bytes"
	"encoding/json"

	"upkeep/internal/run"
)

// truth is what the entries say by themselves, whatever the fold makes of them.
type truth struct {
	there   map[string]bool // begun, and not undone since
	between map[string]bool // begun in either direction, and not ended well
	done    map[string]bool // the last that was said of it is that it is done
	sealed  bool
}

func read(n node) truth {
	t := truth{there: map[string]bool{}, between: map[string]bool{}, done: map[string]bool{}}
	back := false
	for _, e := range n.entries {
		switch e.Kind {
		case run.Intent:
			t.between[e.Step] = true
			if e.Dir == run.Do {
				t.there[e.Step] = true
			}
		case run.Outcome:
			ok := bytes.Contains(e.Body, []byte(`"ok":true`))
			t.done[e.Step] = ok && e.Dir == run.Do
			if t.between[e.Step] = !ok; ok && e.Dir == run.Undo {
				delete(t.there, e.Step)
			}
		case run.MilestoneReached, run.BarrierCrossed:
			t.done[e.Step] = true
		case run.Sealed:
			t.sealed = true
		case run.Decision:
			var d run.Decided
			_ = json.Unmarshal(e.Body, &d)
			switch d.Choice {
			case run.ChooseBack:
				back, t.sealed = true, false
			case run.ChooseLand:
				back = false
			case run.ChooseAgain:
				back = false
				past := false
				for _, st := range n.state.Plan.Steps { // checks are made anew, too
					if past = past || st.ID == d.From; past {
						t.done[st.ID] = false
					}
				}
			case run.ChooseAccept, run.ChooseSkip:
				t.done[d.Step] = !back
				if t.between[d.Step] = false; back {
					delete(t.there, d.Step)
				}
			}
		}
	}
	return t
}
