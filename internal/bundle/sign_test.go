package bundle

import (
	"strings"
	"testing"
)

// A signature is added to a folder and to an archive; the digest stays, the
// latest of a name counts, and what was there stays.
func TestAddSignature(t *testing.T) {
	for _, name := range []string{"/b", "/b.tar.zst"} {
		dir := t.TempDir()
		digest := made(t, source(t), dir+name)
		for i, add := range []struct{ name, text string }{{"a.json", "one"}, {"b.json", "two"}, {"a.json", "three"}} {
			b, err := open(t, dir+name, t.TempDir())
			must(t, err)
			must(t, b.AddSignature(t.Context(), add.name, []byte(add.text)))
			again, err := open(t, dir+name, t.TempDir())
			must(t, err)
			equal(t, digest, again.Digest())
			equal(t, b.Sums(), again.Sums())
			got, err := again.Signatures()
			must(t, err)
			equal(t, map[string]map[string][]byte{
				"0": {"a.json": []byte("one")}, "1": {"a.json": []byte("one"), "b.json": []byte("two")}, "2": {"a.json": []byte("three"), "b.json": []byte("two")},
			}[string(rune('0'+i))], got)
		}
		b, err := open(t, dir+name, t.TempDir())
		must(t, err)
		for _, bad := range []string{"", "..", "a/b", "../upkeep.yaml"} {
			if err := b.AddSignature(t.Context(), bad, nil); err == nil {
				t.Errorf("%s: %q is a signature", name, bad)
			}
		}
		if err := b.AddSignature(t.Context(), "big", []byte(strings.Repeat("x", MaxSignature+1))); err == nil {
			t.Errorf("%s: a signature of any size", name)
		}
	}
}

// What is too long to be a signature is none.
func TestSignaturesAreShort(t *testing.T) {
	dir := t.TempDir()
	made(t, source(t), dir+"/b")
	plant(t, dir+"/b", map[string]string{"SIGNATURES/long": strings.Repeat("x", MaxSignature+1), "SIGNATURES/short": "x"})
	b, err := open(t, dir+"/b", "")
	must(t, err)
	got, err := b.Signatures()
	must(t, err)
	equal(t, map[string][]byte{"short": []byte("x")}, got)
}
