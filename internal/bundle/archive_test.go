//go:build unix

package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/files"
)

func TestOpenRefusesArchives(t *testing.T) {
	good := t.TempDir() + "/b.tar.zst"
	made(t, source(t), good)
	data, err := os.ReadFile(good)
	must(t, err)
	for _, c := range []struct {
		name string
		data []byte
		want string
		is   error
	}{
		{"not an archive", []byte("hello"), "fetch the bundle again", ErrDamaged},
		{"empty", nil, "fetch the bundle again", ErrDamaged},
		{"truncated", data[:len(data)/2], "fetch the bundle again", ErrDamaged},
		{"last byte missing", data[:len(data)-1], "fetch the bundle again", ErrDamaged},
		{"something after it", append(bytes.Clone(data), "tail"...), "fetch the bundle again", ErrDamaged},
		{"climbing", zip(t, tar.Header{Name: "../../evil"}), "climbs", files.ErrUnsafe},
		{"absolute", zip(t, tar.Header{Name: "/evil"}), "absolute", files.ErrUnsafe},
		{"link out", zip(t, tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "../x"}), "leads out", files.ErrUnsafe},
		{"link inside", zip(t, tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "x"}), "SHA256SUMS", ErrDamaged},
		{"device", zip(t, tar.Header{Name: "d", Typeflag: tar.TypeChar}), `"d" is a char`, files.ErrUnsafe},
		{"bomb", zip(t, tar.Header{Name: "zeros", Size: 64 << 20}), "are free on the volume", files.ErrTooBig},
		{"many", zip(t, make200()...), "too many entries", files.ErrTooBig},
		{"no sums", zip(t, tar.Header{Name: "x"}), "no SHA256SUMS", ErrDamaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(dir+"/b.tar.zst", c.data, 0o600))
			_, err := open(t, dir+"/b.tar.zst", dir+"/cache")
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			equal(t, []string(nil), names(t, dir+"/cache"))
			if got := names(t, dir); len(got) > 2 {
				t.Errorf("written outside: %v", got)
			}
		})
	}
	if _, err := open(t, good, ""); err == nil || !strings.Contains(err.Error(), "no directory to unpack") {
		t.Error(err)
	}
}

func make200() []tar.Header {
	var out []tar.Header
	for i := range 200 {
		out = append(out, tar.Header{Name: fmt.Sprint(i)})
	}
	return out
}

func TestOpenFindsEveryFlippedByteOfArchives(t *testing.T) {
	dir := t.TempDir()
	digest := made(t, source(t), dir+"/b.tar.zst")
	data, err := os.ReadFile(dir + "/b.tar.zst")
	must(t, err)
	for i := 0; i < len(data); i += 7 {
		bad := bytes.Clone(data)
		bad[i] ^= 0x20
		must(t, os.WriteFile(dir+"/bad", bad, 0o600))
		b, err := open(t, dir+"/bad", dir+"/cache")
		if err != nil {
			if got := names(t, dir+"/cache"); len(got) > 0 {
				t.Fatalf("byte %d left %v", i, got)
			}
			continue
		}
		// Bits without meaning exist (a tar header's padding is covered by the frame's checksum, the frame's window size is not): what was opened must be the very bundle.
		if b.Digest() != digest || b.Verify(t.Context()) != nil {
			t.Errorf("byte %d: another bundle was opened", i)
		}
		must(t, os.RemoveAll(dir+"/cache"))
	}
}

func TestCache(t *testing.T) {
	dir := t.TempDir()
	made(t, source(t), dir+"/b.tar.zst")
	first, err := open(t, dir+"/b.tar.zst", dir+"/cache")
	must(t, err)
	i1, err := os.Stat(first.Dir())
	must(t, err)
	again, err := open(t, dir+"/b.tar.zst", dir+"/cache")
	must(t, err)
	if i2, err := os.Stat(again.Dir()); err != nil || !os.SameFile(i1, i2) {
		t.Errorf("unpacked twice: %v", err)
	}
	// A changed cache is noticed, and made anew from the archive.
	must(t, os.WriteFile(again.Dir()+"/upkeep.yaml", []byte("evil"), 0o600))
	if err := again.Verify(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	third, err := open(t, dir+"/b.tar.zst", dir+"/cache")
	must(t, err)
	must(t, os.Remove(third.Dir()+"/SHA256SUMS"))
	fourth, err := open(t, dir+"/b.tar.zst", dir+"/cache")
	must(t, err)
	equal(t, first.Digest(), fourth.Digest())
	// What a killed call left is swept, the rest stays.
	plant(t, dir+"/cache", map[string]string{".upkeep-x-1/f": ""})
	must(t, Sweep(durable.OS(), dir+"/cache"))
	must(t, Sweep(durable.OS(), dir+"/none"))
	equal(t, []string{filepath.Base(first.Dir())}, names(t, dir+"/cache"))
}

func TestConcurrentOpens(t *testing.T) {
	dir := t.TempDir()
	digest := made(t, source(t), dir+"/b.tar.zst")
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			b, err := Open(context.Background(), durable.OS(), dir+"/b.tar.zst", Options{Cache: dir + "/cache"})
			if err != nil || b.Digest() != digest {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	if got := names(t, dir+"/cache"); len(got) != 1 {
		t.Error(got)
	}
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	digest := made(f, source(f), dir+"/b.tar.zst")
	data, err := os.ReadFile(dir + "/b.tar.zst")
	must(f, err)
	f.Add(data)
	f.Add(data[:100])
	f.Add(zip(f, tar.Header{Name: "../x"}, tar.Header{Name: "SHA256SUMS"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		must(t, os.WriteFile(dir+"/b", data, 0o600))
		b, err := open(t, dir+"/b", dir+"/cache")
		if got := names(t, dir); len(got) > 2 {
			t.Fatalf("written outside: %v", got)
		}
		if err != nil {
			if got := names(t, dir+"/cache"); len(got) > 0 {
				t.Fatalf("left %v after %v", got, err)
			}
			return
		}
		must(t, b.Verify(t.Context()))
		if b.Digest() != digest {
			t.Logf("another consistent bundle: %s", b.Digest())
		}
	})
}
