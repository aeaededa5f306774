package hosttest

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"upkeep/internal/manage"
	"upkeep/internal/run"
)

func TestServed(t *testing.T) {
	p := &Product{Old: "1.0", New: "3.0"}
	const one, two, three, closed = `{"name":"x", "version":"1.0"}`, `{"version": "2.0"}`, `{"version":"3.0"}`, `refused`
	for _, c := range []struct {
		name  string
		log   string
		isNew bool
		good  bool
	}{
		{"old stays", one + "\n" + closed + "\n" + closed + "\n" + one, false, true},
		{"new comes", one + "\n" + closed + "\n" + three, true, true},
		{"something between is seen", one + "\n" + two + "\n" + three, true, false},
		{"new is seen and taken back", one + "\n" + three + "\n" + one, false, false},
		{"new is never seen", one + "\n" + closed, true, false},
		{"new is seen, then old, then new", one + "\n" + three + "\n" + one + "\n" + three, true, false},
		{"nobody was served", closed, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := p.served(c.log, c.isNew); (err == nil) != c.good {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestMoments(t *testing.T) {
	at := time.Unix(0, 0)
	event := func(kind manage.EventKind, step string, dir run.Direction, after time.Duration) manage.Event {
		return manage.Event{At: at.Add(after), Kind: kind, Step: step, Dir: dir}
	}
	list := spans([]manage.Event{
		event(manage.EventBegan, "a", run.Do, 0), event(manage.EventEnded, "a", run.Do, 10), event(manage.EventBegan, "b", run.Do, 10), event(manage.EventEnded, "b", run.Do, 40),
		event(manage.EventBegan, "a", run.Undo, 40), event(manage.EventEnded, "a", run.Undo, 90),
	})
	if want := []span{{"a", run.Do, 10}, {"b", run.Do, 30}, {"a", run.Undo, 50}}; !slices.Equal(list, want) {
		t.Errorf("%v", list)
	}
	if got := backward(list); !slices.Equal(got, list[1:]) {
		t.Errorf("backward: %v", got)
	}
	chosen := choose(list, 3, true, rand.New(rand.NewPCG(1, 0)))
	for i, m := range chosen {
		if m.Step != list[i].step || m.Dir != list[i].dir || m.After >= list[i].took || !m.Back {
			t.Errorf("moment %d: %v", i, m)
		}
	}
	again := choose(list, 3, true, rand.New(rand.NewPCG(1, 0)))
	if !slices.Equal(chosen, again) {
		t.Error("the same seed gave other moments")
	}
}
