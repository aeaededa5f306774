package sitetest

import (
	"context"
	"encoding/json"
	"time"
)

// Asked is what a person is asked for, as upkeep tasks says it.
type Asked struct {
	ID    string `json:"id"`
	Dir   string `json:"dir"`
	Text  string `json:"text"`
	State string `json:"state"`
	Said  *struct {
		By string `json:"by"`
	} `json:"said"`
}

// Tasks gives what people are asked for in the open run.
func (s *Site) Tasks() ([]Asked, error) {
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	r, err := run(s.Command(ctx, "tasks", "--format", "json"))
	if err != nil {
		return nil, err
	}
	var all []Asked
	return all, json.Unmarshal([]byte(r.Out), &all)
}

// People does, until the end of the test, what people are asked for: each task
// by its step, with " undo" behind it on the way back. What has no entry is
// left undone.
func (s *Site) People(do map[string]func()) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			s.oneTask(ctx, do)
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	s.t.Cleanup(func() { stop(); <-ended })
}

func (s *Site) oneTask(ctx context.Context, do map[string]func()) {
	if s.Engine() == 0 {
		return
	}
	all, err := s.Tasks()
	if err != nil {
		return // between two moments of the run; the next look tells
	}
	for _, a := range all {
		key := a.ID
		if a.Dir == "undo" {
			key += " undo"
		}
		if f, ok := do[key]; ok && a.State == "open" && a.Said == nil {
			f()
			cmd := s.Command(ctx, "done", a.ID, "--by", "the person of the test")
			_, _ = run(cmd) // what is refused is asked again
			return
		}
	}
}
