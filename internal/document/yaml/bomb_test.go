package yaml

import (
	"strings"
	"testing"
	"time"
)

// TestBombs: whatever a stranger sends is refused, and quickly.
func TestBombs(t *testing.T) {
	n := MaxBytes / 4
	for name, text := range map[string]string{
		"flow lists":    strings.Repeat("[", n),
		"broken flow":   strings.Repeat("[\n", n/2),
		"broken maps":   strings.Repeat("{a: \n", n/5),
		"broken dashes": strings.Repeat(strings.Repeat("- ", 1000)+"\n", n/2001),
		"less":          strings.Repeat("<", n),
		"lesses":        strings.Repeat(strings.Repeat("<", 4000)+"\n", n/4001),
		"plain lines":   "a: " + strings.Repeat("é\n", n/3),
		"same key":      strings.Repeat("a: b\n", MaxTokens/3-1),
		"duplicates":    strings.Repeat("a: b\n", n/5),
		"no values":     strings.Repeat("a\n", n/2),
		"bad words":     strings.Repeat("- yes\n", n/6),
		"flow maps":     strings.Repeat("{a: ", n/4),
		"dashes":        strings.Repeat("- ", n/2) + "a",
		"nested blocks": nested(1000),
		"question":      strings.Repeat("? ", n/2),
		"aliases":       "a: &a [x]\nb: [" + strings.Repeat("*a,", n/4) + "]",
		"too large":     strings.Repeat("a", MaxBytes+1),
		"documents":     strings.Repeat("---\n", n/4),
		"quote":         "a: \"" + strings.Repeat("x", n),
		"long key":      strings.Repeat("x", n) + ": y",
		"comments":      strings.Repeat("#\n", n/2) + "}",
		"colons":        strings.Repeat(":", n),
	} {
		start := time.Now()
		nodes, err := Parse(name, []byte(text))
		if err == nil {
			t.Errorf("%s: accepted with %d nodes", name, len(nodes))
		}
		took := time.Since(start)
		t.Logf("%s: %s", name, took)
		if took > 5*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
}

func nested(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// TestLarge: a document near the limit is read in good time.
func TestLarge(t *testing.T) {
	for name, text := range map[string]string{
		"keys":   keys(MaxTokens/3 - 1),
		"flow":   "a: [" + strings.Repeat(strings.Repeat("x, ", 1000)+"\n  ", 9) + "x]",
		"lines":  "a: |\n" + strings.Repeat("  text\n", 100000),
		"values": strings.Repeat("- {a: b, c: d}\n", MaxTokens/11),
	} {
		start := time.Now()
		if _, err := Parse(name, []byte(text)); err != nil {
			t.Errorf("%s: %.200s", name, err)
		}
		t.Logf("%s: %d bytes, %s", name, len(text), time.Since(start))
	}
}

func keys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("key" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + itoa(i) + ": value\n")
	}
	return b.String()
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + string(rune('0'+i%10))
}
