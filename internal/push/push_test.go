package push_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"upkeep/internal/push"
	"upkeep/internal/vendor"
)

var (
	bundle = strings.Repeat("ab", 32)
	other  = strings.Repeat("cd", 32)
)

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func id(k ed25519.PrivateKey) string { return push.KeyID(k.Public().(ed25519.PublicKey)) }

func signed(t testing.TB, k ed25519.PrivateKey, bundle string, triggers ...string) []byte {
	t.Helper()
	name, out, err := push.Sign(push.Statement{Bundle: bundle, Triggers: triggers}, k.Public().(ed25519.PublicKey), func(text []byte) ([]byte, error) { return ed25519.Sign(k, text), nil })
	if err != nil || name != id(k)+push.Suffix {
		t.Fatal(name, err)
	}
	return out
}

// with changes one field of a signature's file.
func with(t testing.TB, text []byte, field string, value any) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	m[field] = value
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A key is called as `vendor keys create` calls it.
func TestKeyIDIsTheFeeds(t *testing.T) {
	k, err := vendor.NewKey("hub")
	if err != nil {
		t.Fatal(err)
	}
	if got := push.KeyID(k.PublicKey()); got != k.ID {
		t.Errorf("%s, and the feed calls it %s", got, k.ID)
	}
}

func TestFind(t *testing.T) {
	hub, stranger := key(1), key(2)
	good := signed(t, hub, bundle, "model-push", "extension-push")
	elsewhere := signed(t, hub, other, "extension-push")
	for _, c := range []struct {
		name  string
		files map[string][]byte
		want  string // empty: it counts
	}{
		{"good", map[string][]byte{"a.json": good}, ""},
		{"nothing", nil, "nothing"},
		{"another bundle", map[string][]byte{"a.json": elsewhere}, "for another bundle (cdcdcdcdcdcd…; this one is abababababab…)"},
		{"another bundle's under this one's name", map[string][]byte{"a.json": with(t, elsewhere, "bundle", bundle)}, "it was changed"},
		{"another trigger", map[string][]byte{"a.json": signed(t, hub, bundle, "model-push")}, "for model-push only"},
		{"a trigger put in", map[string][]byte{"a.json": with(t, signed(t, hub, bundle, "model-push"), "triggers", []string{"extension-push", "model-push"})}, "it was changed"},
		{"triggers run together", map[string][]byte{"a.json": with(t, good, "triggers", []string{"extension-push\nmodel-push"})}, "no trigger can be called"},
		{"a stranger", map[string][]byte{"a.json": signed(t, stranger, bundle, "extension-push")}, "is not trusted for that"},
		{"a stranger who says he is the hub", map[string][]byte{id(hub) + ".json": with(t, signed(t, stranger, bundle, "extension-push"), "key", hexOf(hub))}, "it was changed"},
		{"truncated", map[string][]byte{"a.json": good[:len(good)-20]}, "damaged"},
		{"half a signature", map[string][]byte{"a.json": with(t, good, "signature", "AAAA")}, "it was changed"},
		{"no signature", map[string][]byte{"a.json": with(t, good, "signature", nil)}, "it was changed"},
		{"no key", map[string][]byte{"a.json": with(t, good, "key", "")}, "no key"},
		{"more behind it", map[string][]byte{"a.json": append(bytes.Clone(good), "{}"...)}, "damaged"},
		{"a field of nobody", map[string][]byte{"a.json": with(t, good, "until", "2030-01-01")}, "damaged"},
		{"a later format", map[string][]byte{"a.json": with(t, good, "format", 2)}, "nothing"},
		{"endless", map[string][]byte{"a.json": bytes.Repeat([]byte(" "), push.MaxFile+1)}, "nothing"},
		{"two, of which one is bad", map[string][]byte{"0.json": with(t, good, "bundle", other), "1.json": good}, ""},
		{"two, the good one first", map[string][]byte{"0.json": good, "1.json": good[:10]}, ""},
		{"two of which none counts", map[string][]byte{"0.json": elsewhere, "1.json": signed(t, stranger, bundle, "extension-push")}, "is not trusted for that"},
	} {
		name, by, there := push.Find(c.files, bundle, "extension-push", func(k string) bool { return k == id(hub) })
		text := strings.Join(there, "; ")
		if text == "" {
			text = "nothing"
		}
		switch {
		case c.want == "" && (by != id(hub) || !bytes.Equal(c.files[name], good)):
			t.Errorf("%s: %q of %q: %s", c.name, name, by, text)
		case c.want != "" && (name != "" || !strings.Contains(text, c.want)):
			t.Errorf("%s: %q, %s, want %s", c.name, name, text, c.want)
		}
	}
}

// A signature under anything else is none under a push.
func TestDomain(t *testing.T) {
	k := key(1)
	text := []byte(bundle + "\nextension-push\n")
	f := with(t, signed(t, k, bundle, "extension-push"), "signature", ed25519.Sign(k, text))
	if _, _, err := push.Read(f); err == nil {
		t.Error("a signature under other bytes counts")
	}
}

func TestSignRefuses(t *testing.T) {
	k := key(1)
	for _, s := range []push.Statement{{}, {Bundle: bundle}, {Bundle: "x", Triggers: []string{"a"}}, {Bundle: bundle, Triggers: []string{"a\nb"}}} {
		if _, _, err := push.Sign(s, k.Public().(ed25519.PublicKey), func([]byte) ([]byte, error) { return nil, nil }); err == nil {
			t.Errorf("%+v is signed", s)
		}
	}
	lost := errors.New("lost")
	if _, _, err := push.Sign(push.Statement{Bundle: bundle, Triggers: []string{"a"}}, k.Public().(ed25519.PublicKey), func([]byte) ([]byte, error) { return nil, lost }); !errors.Is(err, lost) {
		t.Error(err)
	}
}

func hexOf(k ed25519.PrivateKey) string { return hex.EncodeToString(k.Public().(ed25519.PublicKey)) }

// Whatever is read, only what a key has signed counts.
func FuzzRead(f *testing.F) {
	k := key(1)
	f.Add(signed(f, k, bundle, "extension-push"))
	f.Add([]byte(`{"format": 1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, by, err := push.Read(text)
		if err != nil || by != id(k) {
			return
		}
		if s.Bundle != bundle || strings.Join(s.Triggers, ",") != "extension-push" {
			t.Errorf("%q counts as %+v", text, s)
		}
	})
}
