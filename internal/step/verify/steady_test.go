package verify

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"upkeep/internal/step"
)

// TestSteadyOverlaps: rounds that take long overlap, so that three in a row
// take hardly longer than one; while something is wrong nothing overlaps.
func TestSteadyOverlaps(t *testing.T) {
	const slow, every = 100 * time.Millisecond, 20 * time.Millisecond
	for _, tt := range []struct {
		name    string
		answers []string // of the rounds, in the order in which they begin; "" is good, the last goes on
		took    time.Duration
		rounds  int32
		most    int32
	}{
		{"all good", []string{""}, slow + 2*every, 3, 3},
		{"wrong at first", []string{"a", ""}, 2*slow + every, 4, 3},
		{"a blip", []string{"", "a", ""}, 2*slow + 3*every, 5, 3},
		// the first three had begun when the first was seen to be wrong
		{"wrong for long", []string{"a", "a", "a", "a", "a", ""}, 5*slow + 3*every, 8, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rounds, now, most atomic.Int32
				began := time.Now()
				err := Steady(t.Context(), step.Env{}, 3, every, func(context.Context) ([]string, error) {
					n := int(rounds.Add(1))
					most.Store(max(most.Load(), now.Add(1)))
					defer now.Add(-1)
					time.Sleep(slow)
					if text := tt.answers[min(n, len(tt.answers))-1]; text != "" {
						return []string{text}, nil
					}
					return nil, nil
				})
				if err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took > tt.took {
					t.Errorf("took %v, at most %v are needed", took, tt.took)
				}
				if rounds.Load() > tt.rounds || most.Load() > tt.most || now.Load() != 0 {
					t.Errorf("%d rounds, %d at once, %d still under way; want at most %d, %d and 0", rounds.Load(), most.Load(), now.Load(), tt.rounds, tt.most)
				}
			})
		})
	}
}

// TestSteadyLeavesNothing: whatever ends the wait, no round goes on behind it.
func TestSteadyLeavesNothing(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name  string
		round func(context.Context) ([]string, error)
		end   func(context.Context) (context.Context, context.CancelFunc)
		want  error
	}{
		{"an error", func(context.Context) ([]string, error) { return nil, broken }, context.WithCancel, broken},
		{"a deadline", func(ctx context.Context) ([]string, error) { <-ctx.Done(); return []string{"slow"}, nil },
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Second)
			}, context.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := tt.end(t.Context())
				defer cancel()
				var now atomic.Int32
				err := Steady(ctx, step.Env{}, 3, time.Millisecond, func(ctx context.Context) ([]string, error) {
					now.Add(1)
					defer now.Add(-1)
					return tt.round(ctx)
				})
				if !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				var not *Unsteady
				if errors.As(err, &not) && !slices.Equal(not.Wrong, []string{"slow"}) {
					t.Errorf("what was wrong is lost: %v", not)
				}
				if now.Load() != 0 {
					t.Errorf("%d rounds are still under way", now.Load())
				}
			})
		})
	}
}
