package probe

import (
	"slices"
	"testing"
)

const mapped = `55e0a0000000-55e0a0020000 r-xp 00000000 fe:01 1310 /usr/sbin/nginx (deleted)
7f1200000000-7f1200100000 r--p 00000000 fe:01 99 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)
7f1200100000-7f1200200000 r-xp 00100000 fe:01 99 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)
7f1200300000-7f1200400000 r-xp 00000000 fe:01 98 /usr/lib/with a space/libc.so.6 (deleted)
7f1200500000-7f1200600000 r-xp 00000000 fe:01 97 /usr/lib/x86_64-linux-gnu/libz.so.1
7f1200700000-7f1200800000 rw-s 00000000 00:01 6 /dev/zero (deleted)
7f1200900000-7f1200a00000 r-xp 00000000 00:01 7 /memfd:doublemapper (deleted)
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]
`

func TestDeletedLibraries(t *testing.T) {
	want := []string{"/usr/sbin/nginx", "/usr/lib/x86_64-linux-gnu/libssl.so.3", "/usr/lib/with a space/libc.so.6"}
	if got := deletedLibraries(mapped); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzDeletedLibraries(f *testing.F) {
	f.Add(mapped)
	f.Add(" (deleted)")
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range deletedLibraries(text) {
			if p == "" || p[0] != '/' {
				t.Errorf("%q", p)
			}
		}
	})
}
