package approval_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/approval"
	"upkeep/internal/durable"
)

func sample() approval.Approval {
	return approval.Approval{Installation: "shop-1", Product: "shop", From: "1.0", To: "2.0", Bundles: []string{"aa", "bb"}, Plan: "cc", By: "ada", At: time.Date(2026, 11, 29, 1, 2, 3, 4, time.UTC)}
}

func TestKeyAndApproval(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.key")
	key, err := approval.MakeKey(durable.OS(), path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := approval.MakeKey(durable.OS(), path)
	if err != nil || !again.Equal(key) {
		t.Fatalf("another key at the second call: %v", err)
	}
	file, err := sample().Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := approval.Verify(file, key.Public().(ed25519.PublicKey))
	if err != nil || got.Covers(sample()) != nil || got.By != "ada" || got.At.Second() != 3 {
		t.Errorf("read back %+v, %v", got, err)
	}
	var refused *approval.RefusedError
	for what, change := range map[string]func(*approval.Approval){
		"installation": func(a *approval.Approval) { a.Installation = "x" },
		"product":      func(a *approval.Approval) { a.Product = "x" },
		"from":         func(a *approval.Approval) { a.From = "x" },
		"to":           func(a *approval.Approval) { a.To = "x" },
		"plan":         func(a *approval.Approval) { a.Plan = "x" },
		"a bundle":     func(a *approval.Approval) { a.Bundles = []string{"aa", "x"} },
		"fewer hops":   func(a *approval.Approval) { a.Bundles = a.Bundles[:1] },
	} {
		other := sample()
		change(&other)
		if err := got.Covers(other); !errors.As(err, &refused) {
			t.Errorf("another %s: %v", what, err)
		}
	}
	for i := range file {
		bad := bytes.Clone(file)
		bad[i] ^= 1
		if a, err := approval.Verify(bad, key.Public().(ed25519.PublicKey)); err == nil && a.Covers(sample()) != nil {
			t.Errorf("byte %d changed: it is believed, and covers something else", i)
		}
	}
	other, err := approval.MakeKey(durable.OS(), path+"2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := approval.Verify(file, other.Public().(ed25519.PublicKey)); !errors.As(err, &refused) {
		t.Errorf("by another key: %v", err)
	}
}

func TestBadKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.key")
	if _, err := approval.MakeKey(durable.OS(), path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := approval.Key(durable.OS(), path); err == nil || !strings.Contains(err.Error(), "read by others") {
		t.Errorf("a key that others can read: %v", err)
	}
	for _, text := range []string{"", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(path+"3", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := approval.MakeKey(durable.OS(), path+"3"); err == nil || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	file, _ := sample().Sign(key)
	f.Add(file)
	f.Add([]byte(`{"approval":null,"key":"","signature":null}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		if a, err := approval.Verify(file, key.Public().(ed25519.PublicKey)); err == nil && a.Covers(sample()) != nil {
			t.Errorf("%+v was never signed", a)
		}
	})
}
