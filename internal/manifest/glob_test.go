package manifest

import (
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestMatchName_S3_49: both separators of hook names, numbers in front, and
// what a README is not (pitfalls 13 and 18).
func TestMatchName_S3_49(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"PREINSTALL[_-]shop.ps1", "PREINSTALL_shop.ps1", true},
		{"PREINSTALL[_-]shop.ps1", "PREINSTALL-shop.ps1", true},
		{"PREINSTALL[_-]shop.ps1", "PREINSTALLshop.ps1", false},
		{"PREINSTALL[-_]shop.ps1", "PREINSTALL-shop.ps1", true},
		{"[0-9][0-9]*", "10-notify", true},
		{"[0-9][0-9]*", "00_README", true},
		{"[0-9][0-9]*", "README", false},
		{"*.sh", ".sh", true},
		{"*a*b*", "xxaxxbxx", true},
		{"*a*b", "abab", true},
		{"*a*b", "aba", false},
		{"?", "é", true},
		{"?", "", false},
		{"[!a-c]", "d", true},
		{"[!a-c]", "b", false},
		{"[]x]", "]", true},
		{"[a\\]]", "]", true},
		{"[a\\-z]", "m", false},
		{"\\*", "*", true},
		{"\\*", "x", false},
		{"**", "", true},
		{"a", "", false},
	} {
		got, err := MatchName(c.pattern, c.name)
		if err != nil || got != c.want {
			t.Errorf("%q matches %q: %v, %v; want %v", c.pattern, c.name, got, err, c.want)
		}
	}
	for _, pattern := range []string{"", "[", "[a", "[]", "[!]", "a\\", "a/b", "[a/b]", "[a\\", "\xff"} {
		if _, err := MatchName(pattern, "x"); err == nil {
			t.Errorf("%q is taken for a pattern", pattern)
		}
	}
}

// TestMatchNameAgrees: wherever the standard library reads a pattern, both say
// the same.
func TestMatchNameAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`([ab*?-]|\[\^?[ab]\]|\[a-b\]|\\[a*]){1,6}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[abc*-]{0,6}`).Draw(t, "name")
		want, err := path.Match(pattern, name)
		if err != nil {
			return
		}
		if got, err := MatchName(pattern, name); err != nil || got != want {
			t.Fatalf("%q matches %q: %v, %v; path.Match says %v", pattern, name, got, err, want)
		}
	})
}

func FuzzMatchName(f *testing.F) {
	f.Add("[_-]*\\?", "_x?")
	f.Add("[]-a]", "]")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		got, err := MatchName(pattern, name)
		if err == nil && got && !strings.ContainsAny(pattern, "*?[\\") && pattern != name {
			t.Errorf("%q matches %q", pattern, name)
		}
	})
}
