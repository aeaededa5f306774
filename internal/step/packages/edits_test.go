package packages

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDiff(t *testing.T) {
	for name, c := range map[string]struct{ was, is, want string }{
		"same":      {"a b c", "a b c", ""},
		"one line":  {"a b c d e", "a b x d e", " b,-c,+x, d"},
		"added":     {"a b", "a b c", " b,+c"},
		"removed":   {"a b c", "b c", "-a, b"},
		"all other": {"a b", "c d", "-a,-b,+c,+d"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(diff(strings.Fields(c.was), strings.Fields(c.is)), ",")
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	if got := diff(make([]string, mostLines+1), nil); len(got) != 1 {
		t.Errorf("too long: %d lines", len(got))
	}
}

// What is taken away and what comes is told in full: the lines with a sign
// lead from one text to the other.
func TestDiffTellsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 8)
		was, is := text.Draw(t, "was"), text.Draw(t, "is")
		count := map[string]int{}
		for _, l := range was {
			count[l]++
		}
		for _, l := range diff(was, is) {
			switch l[0] {
			case '-':
				count[l[1:]]--
			case '+':
				count[l[1:]]++
			}
		}
		for _, l := range is {
			count[l]--
		}
		for l, n := range count {
			if n != 0 {
				t.Fatalf("%s: %d too many in %v", l, n, diff(was, is))
			}
		}
	})
}
