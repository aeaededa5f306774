package crashfs

import (
	"bytes"
	"errors"
	"syscall"
	"testing"
)

func full(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("error %v, want that the disk is full", err)
	}
}

// As durable's own test on a small tmpfs: the old content stays, nothing half-written is left, and giving up the reserve makes
// room again.
func TestFullDisk(t *testing.T) {
	f, big := New(), bytes.Repeat([]byte("x"), 2<<20)
	f.Limit(1 << 20)
	must(t, f.WriteFile("/f", []byte("old"), 0o600))
	full(t, f.WriteFile("/f", big, 0o600))
	full(t, f.Preallocate("/too-much", 2<<20))
	if got := contents(t, f); got != "/f=old" {
		t.Error(got)
	}
	must(t, f.Preallocate("/reserve", 900<<10))
	full(t, f.WriteFile("/f", big[:200<<10], 0o600))
	must(t, f.Remove("/reserve"))
	must(t, f.WriteFile("/f", big[:200<<10], 0o600))
	i, err := f.Free("/not/there")
	must(t, err)
	if want := int64(1<<20 - 200<<10 - block); i.Free != want || i.Total != 1<<20 || i.FreeInodes != -1 {
		t.Errorf("%+v, want %d free", i, want)
	}
}

// A write takes what fits, room comes back when the last name and the last handle are gone, and copies count for themselves.
func TestRoom(t *testing.T) {
	f := New()
	f.Limit(block * 5) // one is the root's
	w, err := f.Create("/f", 0o600)
	must(t, err)
	n, err := w.Write(make([]byte, 10*block))
	full(t, err)
	if n != 4*block {
		t.Errorf("%d written", n)
	}
	must(t, f.Unsynced().Remove("/f"))
	full(t, f.WriteFile("/g", []byte("x"), 0o600))
	for name, c := range map[string]*FS{"clone": f.Clone(), "cut": f.Crash(KeepAll())} {
		if err := c.WriteFile("/g", []byte("x"), 0o600); err != nil {
			t.Errorf("%s: %v", name, err) // no open file there
		}
	}
	if i, err := f.Crash(KeepNone()).Free("/"); err != nil || i.Free != 4*block {
		t.Errorf("the disk has %+v, %v", i, err) // neither name nor content were synced
	}
	must(t, w.Close())
	must(t, f.WriteFile("/g", []byte("x"), 0o600))
	f.LimitInodes(2)
	full(t, f.Mkdir("/d", 0o700))
	must(t, f.Remove("/g"))
	must(t, f.Mkdir("/d", 0o700))
	if i, err := f.Free("/"); err != nil || i.FreeInodes != 0 || i.Free != 3*block {
		t.Errorf("%+v, %v", i, err)
	}
}

func TestHoles(t *testing.T) {
	f := New()
	w, err := f.Create("/f", 0o600)
	must(t, err)
	check := func(size, alloc int64) {
		t.Helper()
		if i, err := f.Lstat("/f"); err != nil || i.Size != size || i.Alloc != alloc*block {
			t.Fatalf("size %d, %d blocks, want %d and %d", i.Size, i.Alloc/block, size, alloc)
		}
	}
	at := func(off int64) {
		_, err := w.WriteAt([]byte("x"), off)
		must(t, err)
	}
	at(5 * block)
	check(5*block+1, 1)
	at(2 * block)
	at(9 * block)
	check(9*block+1, 3)
	at(block)
	at(0)
	check(9*block+1, 5)
	must(t, w.Truncate(5*block))
	check(5*block, 3)
	must(t, w.Truncate(1<<40))
	check(1<<40, 3)
	must(t, w.Truncate(1))
	check(1, 1)
	must(t, f.Preallocate("/f", 1<<30)) // of which no byte is held in memory
	check(1<<30, 1<<18)
}
