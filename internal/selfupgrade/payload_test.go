package selfupgrade_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/selfupgrade"
)

func payload(t testing.TB, files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o755, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unpack(b []byte) (string, error) {
	var got bytes.Buffer
	err := selfupgrade.FromPayload(bytes.NewReader(b), func(r io.Reader) error {
		_, err := io.Copy(&got, io.LimitReader(r, 1<<20))
		return err
	})
	return got.String(), err
}

func TestFromPayload(t *testing.T) {
	if got, err := unpack(payload(t, "LICENSE", "x", "./upkeep", "the program", "upkeep", "another")); got != "the program" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := unpack(payload(t, "bin/upkeep", "x")); !errors.Is(err, selfupgrade.ErrNoProgram) {
		t.Errorf("without a program: %v", err)
	}
	whole := payload(t, "upkeep", "the program")
	for _, n := range []int{0, 5, len(whole) / 2, len(whole) - 1} {
		if _, err := unpack(whole[:n]); err == nil {
			t.Errorf("cut off after %d of %d bytes, and no error", n, len(whole))
		}
	}
}

func FuzzFromPayload(f *testing.F) {
	f.Add(payload(f, "upkeep", "the program"))
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = unpack(b) })
}
