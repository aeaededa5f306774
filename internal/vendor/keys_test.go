package vendor_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/step"
	"upkeep/internal/vendor"
)

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const work = 10 // of scrypt, for tests

func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	k, err := vendor.NewKey("root-1")
	must(t, err)
	must(t, vendor.WriteKey(durable.OS(), dir, k, "correct horse", work))
	info, err := os.Stat(filepath.Join(dir, "root-1.key"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the private key has the mode %v", info.Mode())
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "root-1.key")); bytes.Contains(text, []byte("PRIVATE")) {
		t.Error("the private key can be read")
	}
	asked := 0
	word := "correct horse"
	got, err := vendor.ReadKeys(durable.OS(), func(name string, wrong bool) (string, error) {
		if wrong {
			return "", nil
		}
		asked++
		return word, nil
	}, dir)
	must(t, err)
	if len(got) != 1 || got[0].ID != k.ID || got[0].Name != "root-1" || !got[0].CanSign() {
		t.Fatalf("read back: %+v", got)
	}
	if asked != 0 {
		t.Error("the passphrase is asked before anything is signed")
	}
	f := &vendor.Feed{FS: durable.OS(), Dir: t.TempDir(), Now: start}
	c := ceremony(t).roles()
	c.Root, c.RootNeeds = got, 1
	must(t, f.Create(c))
	word = "wrong"
	var user *step.UserError
	if _, err := f.Apply(false, got...); !errors.As(err, &user) || !strings.Contains(err.Error(), "none was given") {
		t.Errorf("a wrong passphrase: %v", err)
	}
	if _, err := f.Apply(false, must1(vendor.ReadKeys(durable.OS(), func(string, bool) (string, error) { return word, nil }, dir))...); err == nil || !strings.Contains(err.Error(), "passphrase is wrong") {
		t.Errorf("a passphrase that stays wrong: %v", err)
	}
	word = "correct horse"
	a, err := f.Apply(false, got...)
	must(t, err)
	if a.Pending[0].Missing != 0 || asked != 2 {
		t.Errorf("with the right passphrase: %+v, asked %d times", a, asked)
	}
	if err := vendor.WriteKey(durable.OS(), dir, k, "", work); !errors.As(err, &user) || !strings.Contains(err.Error(), "already") {
		t.Errorf("over a key that is there: %v", err)
	}
}

func TestKeyFilesNot(t *testing.T) {
	k, err := vendor.NewKey("a")
	must(t, err)
	other, err := vendor.NewKey("b")
	must(t, err)
	public, err := k.Public()
	must(t, err)
	private, err := other.Private("", 0)
	must(t, err)
	_, alone, _ := bytes.Cut(private, []byte("-----END PUBLIC KEY-----\n"))
	for name, text := range map[string]string{
		"empty": "", "words": "hello", "only a private key": string(alone), "damaged": string(public) + "more",
	} {
		if _, err := vendor.ParseKey("x", []byte(text), nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	mixed, err := vendor.ParseKey("x", append(public, alone...), nil)
	must(t, err)
	f := &vendor.Feed{FS: durable.OS(), Dir: t.TempDir(), Now: start}
	c := ceremony(t).roles()
	c.Root = []*vendor.Key{mixed}
	must(t, f.Create(c))
	if _, err := f.Apply(false, mixed); err == nil || !strings.Contains(err.Error(), "do not belong together") {
		t.Errorf("two halves of two keys: %v", err)
	}
	for _, name := range []string{"", "../a", "a b", "-a"} {
		if _, err := vendor.NewKey(name); err == nil {
			t.Errorf("a key is called %q", name)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	k, _ := vendor.NewKey("a")
	public, _ := k.Public()
	plain, _ := k.Private("", 0)
	locked, _ := k.Private("word", work)
	for _, seed := range [][]byte{public, plain, locked} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := vendor.ParseKey("a", text, func(string, bool) (string, error) { return "", nil })
		if err != nil {
			return
		}
		public, err := k.Public()
		if err != nil {
			t.Fatal(err)
		}
		again, err := vendor.ParseKey("a", public, nil)
		if err != nil || again.ID != k.ID || again.CanSign() {
			t.Fatalf("its public half reads as %+v, %v", again, err)
		}
		if k.CanSign() {
			_, _ = k.Private("", 0)
		}
	})
}
