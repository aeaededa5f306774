package archive

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
)

// encryption is for a new key.
func encryption(t *testing.T) Encryption {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return Encryption{Recipients: []string{id.Recipient().String()}, Identity: func() ([]byte, error) {
		return []byte("# created: today\n" + id.String() + "\n"), nil
	}}
}

// TestLocked: without the identity a restore point is made, read back and
// listed; its sums are compared; and nothing of it is read by another process.
func TestLocked(t *testing.T) {
	top := t.TempDir()
	app, points := filepath.Join(top, "app"), filepath.Join(top, "points")
	const secret = "the content that nobody may see"
	if err := errors.Join(os.Mkdir(app, 0o755), os.WriteFile(filepath.Join(app, "wholly-private-name"), []byte(secret), 0o644)); err != nil {
		t.Fatal(err)
	}
	to := encryption(t)
	blind := Encryption{Recipients: to.Recipients}
	r := backup.Request{ID: "p", Files: []backup.FilePart{{Name: "app", Path: app}}}
	maker := New(Config{Dir: points, FS: durable.OS(), Encrypt: blind})
	if err := maker.Prepare(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	note, err := os.ReadFile(filepath.Join(points, "p.partial", "first-pass"))
	if err != nil || bytes.Contains(note, []byte("private")) {
		t.Errorf("the note of the first pass has the names of files, %v", err)
	}
	if err := os.WriteFile(filepath.Join(app, "late"), []byte(secret), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := maker.Finish(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Encrypted) != 1 || p.Encrypted[0] != to.Recipients[0] {
		t.Errorf("the record says that it is for %v", p.Encrypted)
	}
	for _, s := range p.Parts[0].Stored {
		raw, err := os.ReadFile(filepath.Join(points, "p", s.Name))
		if err != nil || !bytes.HasPrefix(raw, []byte("age-encryption.org/v1\n")) {
			t.Errorf("%s is not encrypted, %v", s.Name, err)
		}
	}
	stranger := encryption(t)
	for name, e := range map[string]Encryption{"none": blind, "not encrypted here": {}, "somebody else's": stranger,
		"missing": {Recipients: to.Recipients, Identity: func() ([]byte, error) { return nil, os.ErrNotExist }},
		"broken":  {Recipients: to.Recipients, Identity: func() ([]byte, error) { return []byte("AGE-SECRET-KEY-1WRONG"), nil }}} {
		a := New(Config{Dir: points, FS: durable.OS(), Encrypt: e})
		if list, err := a.List(t.Context()); err != nil || len(list) != 1 || list[0].Broken != "" {
			t.Errorf("%s: listed %v, %v", name, list, err)
		}
		err := a.Verify(t.Context(), "p")
		if !errors.Is(err, backup.ErrLocked) || errors.Is(err, backup.ErrDamaged) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: verified: %v", name, err)
		}
		if _, err := a.RestoreFiles(t.Context(), "p", "app", backup.Target{Path: app, OpID: "x"}); !errors.Is(err, backup.ErrLocked) {
			t.Errorf("%s: restored: %v", name, err)
		}
	}
	// damage is found without the identity, too
	at := filepath.Join(points, "p", "app@changed.tar.zst.age")
	raw, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-3] ^= 1
	if err := os.WriteFile(at, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	err = New(Config{Dir: points, FS: durable.OS(), Encrypt: blind}).Verify(t.Context(), "p")
	if !errors.Is(err, backup.ErrDamaged) || !strings.Contains(err.Error(), "app@changed.tar.zst.age") {
		t.Errorf("damaged, and verified: %v", err)
	}
}

// TestEncryptionCheck: an identity that could not read what is made is found
// before anything is made.
func TestEncryptionCheck(t *testing.T) {
	to, other := encryption(t), encryption(t)
	for name, c := range map[string]struct {
		e    Encryption
		want string
	}{
		"fits":         {to, ""},
		"one of two":   {Encryption{Recipients: append(other.Recipients, to.Recipients...), Identity: to.Identity}, ""},
		"off":          {Encryption{}, ""},
		"no identity":  {Encryption{Recipients: to.Recipients}, "names no identity"},
		"other's":      {Encryption{Recipients: to.Recipients, Identity: other.Identity}, "none of the recipients"},
		"no recipient": {Encryption{Recipients: []string{"age1nonsense"}, Identity: to.Identity}, "recipient"},
	} {
		err := c.e.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
