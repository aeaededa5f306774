package manage

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"
)

// TestSelfCertificate: it stays the same as long as it is good, and is made anew for
// other names and before its end.
func TestSelfCertificate(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	names := []string{"ops.example.org", "192.0.2.7", "::1"}
	for what, tt := range map[string]struct {
		names []string
		now   time.Time
		same  bool
	}{
		"again":            {names, now.Add(time.Hour), true},
		"for fewer names":  {names[:1], now, true},
		"long before":      {names, now.Add(certLasts - certRenewed - time.Hour), true},
		"shortly before":   {names, now.Add(certLasts - certRenewed + time.Hour), false},
		"for another name": {append([]string{"other"}, names...), now, false},
	} {
		dir := filepath.Join(t.TempDir(), "hub")
		first, err := SelfCertificate(dir, names, now)
		if err != nil {
			t.Fatal(err)
		}
		c, err := SelfCertificate(dir, tt.names, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		if same := bytes.Equal(c.Certificate[0], first.Certificate[0]); same != tt.same {
			t.Errorf("%s: the same: %v", what, same)
		}
		for _, n := range tt.names {
			if err := c.Leaf.VerifyHostname(n); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		if c.Leaf.IsCA || tt.now.Add(certRenewed).After(c.Leaf.NotAfter) {
			t.Errorf("%s: until %s, an authority: %v", what, c.Leaf.NotAfter, c.Leaf.IsCA)
		}
	}
}
