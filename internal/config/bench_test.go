package config

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"upkeep/internal/lab"
)

// large is a file of about 2,000 lines in a format, with some keys changed.
func large(f Format, changed map[int]string, words string) []byte {
	var m model
	for g := range 40 {
		one := group{name: fmt.Sprintf("group%d", g)}
		for k := range 46 {
			value := fmt.Sprintf("value%d", k)
			if v, ok := changed[g*46+k]; ok {
				value = v
			}
			one.keys = append(one.keys, pair{fmt.Sprintf("key%d", k), value})
		}
		m = append(m, one)
	}
	return []byte(m.render(f, words))
}

func triple(f Format) (base, site, fresh []byte) {
	s, n := map[int]string{}, map[int]string{}
	for i := range 20 {
		s[i*83], n[i*83+1] = "ours", "theirs"
	}
	return large(f, nil, "old"), large(f, s, "old"), large(f, n, "new words")
}

func BenchmarkMerge2000Lines(b *testing.B) {
	for _, f := range Formats() {
		b.Run(string(f), func(b *testing.B) {
			base, site, fresh := triple(f)
			for b.Loop() {
				if _, err := Merge(base, site, fresh, f, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestMergeFigure: a file of 2,000 lines within 20 ms, the best of fifteen.
func TestMergeFigure(t *testing.T) {
	lab.Bench(t)
	for _, f := range Formats() {
		base, site, fresh := triple(f)
		best := time.Hour
		for range 15 {
			began := time.Now()
			r, err := Merge(base, site, fresh, f, nil)
			best = min(best, time.Since(began))
			if err != nil || r.Format != f {
				t.Fatalf("%v %s", err, r.Why)
			}
		}
		t.Logf("%s, %d lines: %v", f, bytes.Count(base, []byte("\n")), best)
		if best > 20*time.Millisecond {
			t.Errorf("%s takes %v, wanted is at most 20 ms", f, best)
		}
	}
}
