package proc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tail = " 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20 21"

func TestParseStat(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     Proc
		bad      bool
	}{
		{name: "plain", in: "12 (sh) S 1 12 12 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 777 0", want: Proc{ID: ID{12, 777}, PPID: 1, PGID: 12, Session: 12, State: 'S', Name: "sh"}},
		{name: "brackets in the name", in: "12 (a) R (b)) Z 9 8 7 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 5", want: Proc{ID: ID{12, 5}, PPID: 9, PGID: 8, Session: 7, State: 'Z', Name: "a) R (b)"}},
		{name: "kernel thread", in: "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 0 0 0 0 2", want: Proc{ID: ID{2, 2}, State: 'S', Name: "kthreadd", Kernel: true}},
		{name: "first thread gone", in: "12 (sh) Z 1 12 12 0 -1 0 0 0 0 0 0 0 0 0 0 0 3 0 777 0", want: Proc{ID: ID{12, 777}, PPID: 1, PGID: 12, Session: 12, State: 'Z', Name: "sh", Threads: 3}},
		{name: "empty", in: "", bad: true},
		{name: "no name", in: "12 sh S 1", bad: true},
		{name: "cut", in: "12 (sh) S 1 12 12", bad: true},
		{name: "no number", in: "x (sh) S 1 1 1" + tail, bad: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseStat([]byte(c.in))
			if (err != nil) != c.bad {
				t.Fatalf("error = %v, want error: %v", err, c.bad)
			}
			if d := cmp.Diff(c.want, got); err == nil && d != "" {
				t.Error(d)
			}
		})
	}
}

func TestHasEntry(t *testing.T) {
	env := []byte("A=1\x00UPKEEP_OP=run/2\x00B=3\x00")
	for entry, want := range map[string]bool{"UPKEEP_OP=run/2": true, "UPKEEP_OP=run": false, "P=run/2": false, "B=3": true, "": false} {
		if got := HasEntry(env, entry); got != want {
			t.Errorf("HasEntry(%q) = %v, want %v", entry, got, want)
		}
	}
	if !HasEntry([]byte("A=1\x00B=2"), "B=2") {
		t.Error("an entry without its final NUL was not found")
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("12 (sh) S 1 12 12" + tail))
	f.Add([]byte("1 ()) Z"))
	f.Add([]byte(")("))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParseStat(b); err == nil && p.State == 0 {
			t.Errorf("accepted without a state: %q", b)
		}
	})
}

func TestTerminal(t *testing.T) {
	for tty, want := range map[int]string{0: "", 34816: "pts/0", 34819: "pts/3", 136<<8 | 0x100000 | 5: "pts/261", 1025: "tty1", 1088: "ttyS0", 1281: ""} {
		if got := (Proc{TTY: tty}).Terminal(); got != want {
			t.Errorf("device %d is %q, want %q", tty, got, want)
		}
	}
	p, err := ParseStat([]byte("12 (sh) S 1 12 12 34819 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 777 0"))
	if err != nil || p.Terminal() != "pts/3" {
		t.Errorf("%+v, %v", p, err)
	}
}
