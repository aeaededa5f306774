package manifest_test

import (
	"strings"
	"testing"

	"upkeep/internal/manifest"
)

func TestParseNeed(t *testing.T) {
	tests := []struct{ text, want, err string }{
		{"tickets", "tickets", ""},
		{" tickets  >= 2.4.0 ", "tickets >= 2.4.0", ""},
		{"tickets>=2.4, <3", "tickets >=2.4, <3", ""},
		{"a && b >= 1 || c", "a && b >= 1 || c", ""},
		{"a && (b || c < 2)", "a && (b || c < 2)", ""},
		{"((a))", "a", ""},
		{"a||b||c", "a || b || c", ""},
		{"", "", "column 1: the end where a component should stand"},
		{"a &&", "", "column 5: the end where a component should stand"},
		{"a && (b", "", "column 8: the end where ) should stand"},
		{"a (b)", "", `column 3: "(b)" where && or || should stand`},
		{"a b)", "", `column 4: ")" where && or || should stand`},
		{">= 2", "", `column 1: ">=" where a component should stand`},
		{"é && && b", "", `column 6: "&&" where a component should stand`},
		{strings.Repeat("(", 40) + "a" + strings.Repeat(")", 40), "", "deeper in one another than 32"},
	}
	for _, tt := range tests {
		n, err := manifest.ParseNeed(tt.text)
		switch {
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("ParseNeed(%q): %v, want %s", tt.text, err, tt.err)
		case tt.err == "" && (err != nil || n.String() != tt.want):
			t.Errorf("ParseNeed(%q) = %q, %v, want %q", tt.text, n, err, tt.want)
		}
	}
}

func FuzzParseNeed(f *testing.F) {
	for _, s := range []string{"a", "a >= 1 && (b || c)", "((a))", "a || || b", ")", "a b c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := manifest.ParseNeed(text)
		if err != nil {
			return
		}
		again, err := manifest.ParseNeed(n.String())
		if err != nil || again.String() != n.String() {
			t.Errorf("%q is written %q, which reads as %q, %v", text, n, again, err)
		}
	})
}
