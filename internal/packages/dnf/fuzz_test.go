package dnf

import "testing"

// FuzzTransaction: every change that is read has a name, and goes somewhere or
// comes from somewhere.
func FuzzTransaction(f *testing.F) {
	f.Add(table)
	f.Add("Installing:\n a\n  b c\n  d e\nTransaction Summary\n")
	f.Add("Removing:\n replacing  x\n a b c d e\n")
	f.Add("Skipping packages:\n a b c d e\n:\n\n  x")
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range parseTransaction(text) {
			if c.Name == "" || c.From == "" && c.To == "" {
				t.Errorf("a change of nothing: %+v", c)
			}
		}
	})
}
