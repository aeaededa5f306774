package service

import "testing"

func FuzzParsePIDFile(f *testing.F) {
	for _, s := range []string{"12\n", " 12 \n/data\n", "", "-1", "1", "x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if pid, ok := ParsePIDFile(b); ok && pid <= 1 {
			t.Errorf("%q gave %d", b, pid)
		}
	})
}
