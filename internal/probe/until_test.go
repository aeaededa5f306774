package probe

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"upkeep/internal/plan"
)

// script is a service that runs or not, try by try; the last word stays.
type script struct {
	states string // r running, s stopped, e error
	asked  int
	every  time.Duration // each answer takes that long
}

func (s *script) Running(ctx context.Context, _ plan.Service) (bool, string, error) {
	i := min(s.asked, len(s.states)-1)
	s.asked++
	select {
	case <-time.After(s.every):
	case <-ctx.Done():
		return false, "", ctx.Err()
	}
	if s.states[i] == 'e' {
		return false, "", errors.New("blip")
	}
	return s.states[i] == 'r', "", nil
}

func TestUntil(t *testing.T) {
	for _, c := range []struct {
		states string
		times  int
		asked  int
		took   time.Duration
		err    string
	}{
		{"r", 1, 1, 0, ""},
		{"r", 3, 3, 2 * time.Second, ""},
		{"ssr", 1, 3, 2 * time.Second, ""},
		{"rrsrrr", 3, 6, 5 * time.Second, ""}, // one blip starts the count anew
		{"rerr", 2, 4, 3 * time.Second, ""},   // as does an error
		{"r", 0, 1, 0, ""},
		{"s", 1, 11, 10 * time.Second, "service web did not hold within 10s: got stopped, want running (service web is stopped)"},
		{"e", 1, 11, 10 * time.Second, "did not hold within 10s: cannot read service web: blip"},
		{"r", 20, 11, 10 * time.Second, "it held 11 times in a row, 20 are needed"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{states: c.states}
			began := time.Now()
			p := plan.Probe{Source: "service", Service: &plan.Service{ID: "web"}}
			v, err := New(Deps{Services: s}).Until(t.Context(), p, c.times, time.Second, 10*time.Second+time.Millisecond)
			if c.err != "" {
				c.err = strings.Replace(c.err, "within 10s", "within 10.001s", 1)
			}
			var missed *NotReached
			if (c.err == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), c.err) || !errors.As(err, &missed)) {
				t.Errorf("%s: error %v, want %q", c.states, err, c.err)
			}
			if err == nil && !v.OK {
				t.Errorf("%s: verdict %+v", c.states, v)
			}
			if s.asked != c.asked || time.Since(began).Truncate(time.Second) != c.took {
				t.Errorf("%s: asked %d times in %s, want %d in %s", c.states, s.asked, time.Since(began), c.asked, c.took)
			}
		})
	}
}

// A read that the deadline cuts off does not hide what was seen before.
func TestUntilCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{states: "s", every: 4 * time.Second}
		p := plan.Probe{Source: "service", Service: &plan.Service{ID: "web"}}
		_, err := New(Deps{Services: s}).Until(t.Context(), p, 1, time.Second, 7*time.Second)
		if err == nil || !strings.Contains(err.Error(), "got stopped, want running") {
			t.Errorf("error %v", err)
		}
	})
}

func TestUntilEndsEarly(t *testing.T) {
	e := New(Deps{Services: manager{}})
	began := time.Now()
	if _, err := e.Until(t.Context(), plan.Probe{Source: "feeds"}, 1, time.Second, time.Hour); !errors.Is(err, ErrMalformed) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	p := plan.Probe{Source: "service", Service: &plan.Service{ID: "web"}}
	if _, err := e.Until(ctx, p, 1, time.Millisecond, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if time.Since(began) > 30*time.Second {
		t.Error("it waited for the deadline")
	}
}

// A source that does not come back is left behind at its time limit.
func TestTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Deps{Services: &script{states: "r", every: time.Hour}})
		began := time.Now()
		p := plan.Probe{Source: "service", Service: &plan.Service{ID: "web"}}
		_, err := e.Check(t.Context(), p)
		if !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), "no answer within 10s") {
			t.Errorf("error %v", err)
		}
		if d := time.Since(began); d > 11*time.Second {
			t.Errorf("it took %s", d)
		}
		p.Params = map[string]string{"timeout": "30s"}
		if _, err = e.Check(t.Context(), p); err == nil || !strings.Contains(err.Error(), "no answer within 30s") {
			t.Errorf("error %v", err)
		}
	})
}
